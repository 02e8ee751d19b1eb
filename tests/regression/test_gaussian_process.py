from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import check_estimator

from locum.arrays import Array
from locum.exceptions import FitError
from locum.regression.gaussian_process import FitOutcome, GaussianProcessRegressor, fit_gaussian_processes
from locum.regression.predictor import Predictor


def relative_error(predictor: Predictor, x: Array, expected: Array) -> float:
    error = np.linalg.norm(predictor.mean(x) - expected, axis=1)
    return float(np.mean(error / np.linalg.norm(expected, axis=1)))


def test_growing_groups_are_within_ten_percent_of_independent_fits(rod) -> None:
    options = {"kernel": "matern-5/2", "degree": 1}
    grouped = fit_gaussian_processes(rod.x, rod.coordinates, groups="growing", **options)
    separate = fit_gaussian_processes(rod.x, rod.coordinates, **options)
    error = relative_error(grouped.value, rod.x_new, rod.coordinates_new)
    assert error < 1.1 * relative_error(separate.value, rod.x_new, rod.coordinates_new)
    assert len(grouped.value.groups) == 4
    assert grouped.statistics.evaluations < separate.statistics.evaluations


def test_two_fits_give_the_same_bits(rod) -> None:
    first, second = (fit_gaussian_processes(rod.x, rod.coordinates, groups="growing") for _ in range(2))
    np.testing.assert_array_equal(first.value.mean(rod.x_new), second.value.mean(rod.x_new))
    np.testing.assert_array_equal(first.value.deviation(rod.x_new), second.value.deviation(rod.x_new))


def test_chosen_kernel_and_trend_are_no_worse_by_leave_one_out_than_the_first(rod) -> None:
    q = rod.coordinates[:, :2]
    chosen = fit_gaussian_processes(rod.x, q).statistics.leave_one_out
    first = fit_gaussian_processes(rod.x, q, kernel="rbf", degree=2).statistics.leave_one_out
    assert (chosen <= first * 1.05).all()


def test_rough_responses_get_a_rough_kernel() -> None:
    x = np.random.default_rng(0).random((60, 1))
    y = np.stack([np.abs(np.sin(9 * x[:, 0])), np.sin(3 * x[:, 0])], axis=1)
    kernels = fit_gaussian_processes(x, y).statistics.kernels
    assert kernels[0].startswith("matern")
    assert kernels[1] == "rbf"


def test_warm_start_is_deterministic_keeps_its_choices_and_costs_less(rod) -> None:
    cold = fit_gaussian_processes(rod.x[:79], rod.coordinates[:79], groups="growing")
    first, second = (
        fit_gaussian_processes(rod.x[:79], rod.coordinates[:79], groups="growing", start=cold.value)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.value.mean(rod.x_new), second.value.mean(rod.x_new))
    assert first.statistics.kernels == cold.statistics.kernels
    assert first.statistics.degrees == cold.statistics.degrees
    assert 3 * first.statistics.evaluations < cold.statistics.evaluations


def test_kernels_are_chosen_anew_when_simulations_were_added(rod) -> None:
    start = fit_gaussian_processes(rod.x[:39], rod.coordinates[:39, :1], kernel="matern-3/2", degree=0).value
    kept = fit_gaussian_processes(rod.x[:39], rod.coordinates[:39, :1], start=start)
    anew = fit_gaussian_processes(rod.x[:40], rod.coordinates[:40, :1], start=start)
    assert kept.statistics.kernels == ("matern-3/2",)
    assert anew.statistics.kernels != ("matern-3/2",)


def test_warm_start_survives_a_change_of_rank(rod) -> None:
    start = fit_gaussian_processes(rod.x[:60], rod.coordinates[:60, :5], groups="growing").value
    more = fit_gaussian_processes(rod.x, rod.coordinates, groups="growing", start=start)
    fewer = fit_gaussian_processes(rod.x, rod.coordinates[:, :2], groups="growing", start=start)
    assert more.value.y.shape[1] == 7
    assert fewer.value.y.shape[1] == 2


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("p", [1, 5])
def test_few_simulations_give_finite_answers(n: int, p: int) -> None:
    x = np.random.default_rng(0).random((n, p))
    y = np.stack([x.sum(axis=1), np.full(n, 5.0), np.zeros(n)], axis=1)
    result = fit_gaussian_processes(x, y).value
    mean, deviation = result.mean_and_deviation(np.random.default_rng(1).random((4, p)))
    assert np.isfinite(mean).all()
    assert (deviation[:, 0] >= 0).all()
    np.testing.assert_allclose(mean[:, 1:], [[5.0, 0.0]] * 4, atol=1e-12)


def test_one_simulation_admits_that_it_knows_nothing() -> None:
    result = fit_gaussian_processes(np.array([[0.5]]), np.array([[3.0]])).value
    assert result.deviation(np.array([[0.9]]))[0, 0] >= 1.0


def test_pure_noise_is_recognised() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.random((80, 2)), generator.standard_normal((80, 1))
    mean, deviation = fit_gaussian_processes(x, y).value.mean_and_deviation(generator.random((50, 2)))
    assert np.abs(mean).max() < 0.6
    assert ((deviation > 0.8) & (deviation < 1.3)).all()


def test_noise_level_is_found() -> None:
    generator = np.random.default_rng(0)
    x = generator.random((150, 1))
    y = np.sin(6 * x) + 0.1 * generator.standard_normal((150, 1))
    result = fit_gaussian_processes(x, y)
    found = np.sqrt(result.value.groups[0].nugget) * result.value.amplitude[0]
    assert found == pytest.approx(0.1, rel=0.2)
    assert result.statistics.standardised_variance[0] == pytest.approx(1.0, abs=0.3)


def test_repeated_inputs_are_taken() -> None:
    x = np.tile(np.random.default_rng(0).random((15, 2)), (3, 1))
    y = np.sin(3 * x[:, :1])
    np.testing.assert_allclose(fit_gaussian_processes(x, y).value.mean(x), y, atol=1e-4)


def test_inputs_that_never_vary_are_taken() -> None:
    x = np.hstack([np.random.default_rng(0).random((30, 1)), np.full((30, 1), 0.3)])
    y = np.sin(3 * x[:, :1])
    np.testing.assert_allclose(fit_gaussian_processes(x, y).value.mean(x), y, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e200])
def test_units_do_not_matter(scale: float) -> None:
    x = np.random.default_rng(0).random((30, 2))
    y = np.sin(3 * x[:, :1]) + x[:, 1:]
    new = np.random.default_rng(1).random((10, 2))
    mean, deviation = fit_gaussian_processes(x, scale * y).value.mean_and_deviation(new)
    expected, expected_deviation = fit_gaussian_processes(x, y).value.mean_and_deviation(new)
    np.testing.assert_allclose(mean / scale, expected, atol=1e-4)
    np.testing.assert_allclose(deviation / scale, expected_deviation, rtol=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, y: (x, np.where(np.arange(8)[:, None] == 3, np.nan, y)),
            "outputs: row 3, column 0 is nan",
        ),
        (lambda x, y: (np.where(x == x[5, 1], np.inf, x), y), "inputs: row 5, column 1 is inf"),
        (lambda x, y: (x, y[:5]), r"\(8, 2\) and \(5, 3\)"),
        (lambda x, y: (x, y[:, :0]), r"\(8, 0\)"),
    ],
)
def test_unusable_data_are_refused_by_name(change, message: str) -> None:
    x, y = change(np.random.default_rng(0).random((8, 2)), np.ones((8, 3)))
    with pytest.raises(FitError, match=message):
        fit_gaussian_processes(x, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "exotic"}, "'exotic' is unknown; expected auto or one of rbf"),
        ({"degree": 3}, "degree 3"),
        ({"degree": 2}, "use degree 1 or add simulations"),
        ({"groups": [1, 1]}, "sum to the 3 columns"),
        ({"groups": [3, 0]}, "positive"),
    ],
)
def test_unusable_options_are_refused_by_name(options, message: str) -> None:
    x = np.random.default_rng(0).random((8, 2))
    with pytest.raises(FitError, match=message):
        fit_gaussian_processes(x, np.ones((8, 3)), **options)


def test_start_of_another_space_is_refused(rod) -> None:
    start = fit_gaussian_processes(rod.x[:, :2], rod.coordinates[:, :1], kernel="rbf", degree=0).value
    with pytest.raises(FitError, match="start has 2 inputs but the data have 4"):
        fit_gaussian_processes(rod.x, rod.coordinates, start=start)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit_gaussian_processes(np.linspace(0, 1, 5)[:, None], np.ones((5, 1)))
        assert torch.get_num_threads() == 2
        with pytest.raises(FitError):
            fit_gaussian_processes(np.linspace(0, 1, 5)[:, None], np.ones((5, 1)), degree=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_every_outcome_has_advice() -> None:
    assert all(outcome.advice for outcome in FitOutcome)


def test_estimator_keeps_scikit_learns_conventions() -> None:
    """Nothing is expected to fail; one check is skipped, as it needs SCIPY_ARRAY_API."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(GaussianProcessRegressor(kernel="matern-5/2", degree=0), on_skip=None)
    assert {result["check_name"] for result in results if result["status"] != "passed"} <= {
        "check_array_api_input"
    }


def test_estimator_returns_outputs_as_they_were_given() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(100, 500, (30, 2))
    y = np.stack([np.sin(x[:, 0] / 100), x[:, 1]], axis=1)
    flat = GaussianProcessRegressor().fit(x, y[:, 0])
    mean, deviation = flat.predict(x, return_std=True)
    assert mean.shape == deviation.shape == (30,)
    assert flat.n_features_in_ == 2
    both = GaussianProcessRegressor(bounds=[[100, 500], [100, 500]]).fit(x, y)
    assert both.predict(x).shape == (30, 2)
    np.testing.assert_array_equal(both.bounds_, [[100, 500], [100, 500]])
    np.testing.assert_allclose(both.predict(x), y, rtol=1e-3)


@pytest.mark.parametrize("bounds", [[[0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[0.0, np.nan], [0.0, 1.0]]])
def test_estimator_refuses_nonsensical_bounds(bounds) -> None:
    x = np.random.default_rng(0).random((10, 2))
    with pytest.raises(ValueError, match="bounds"):
        GaussianProcessRegressor(bounds=bounds).fit(x, x[:, 0])
