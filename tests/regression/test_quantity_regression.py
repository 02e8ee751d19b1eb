from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import FitError, StorageError
from locum.regression import QuantityPredictor, fit_quantities, quantity_predictor_from_arrays
from locum.regression.gaussian_process import fit_gaussian_processes


def quantities(x):
    """One over two decades, one that changes sign, one that is negative: shape (n, 3)."""
    first = 1.0 / (0.01 + x[:, 0] ** 2 + 0.3 * x[:, 1])
    return np.stack([first, np.sin(4 * x[:, 0]) - x[:, 1], -2.0 - x[:, 1]], axis=1)


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    return generator.random((30, 2)), generator.random((200, 2))


@pytest.fixture(scope="module")
def fitted(data) -> QuantityPredictor:
    return fit_quantities(data[0], quantities(data[0]))


def test_relative_errors_are_smaller_than_those_of_a_plain_fit(data, fitted):
    x, new = data
    true = quantities(new)[:, 0]
    plain = fit_gaussian_processes(x, quantities(x)[:, :1]).value.mean(new)[:, 0]
    errors = np.abs(fitted.mean(new)[:, 0] / true - 1)
    assert np.quantile(errors, 0.9) < np.quantile(np.abs(plain / true - 1), 0.9)


def test_a_quantity_that_changes_sign_is_fitted_as_it_is(data, fitted):
    x, new = data
    plain = fit_gaussian_processes(x, quantities(x)[:, [1]]).value
    mean, deviation = fitted.mean(new), fitted.deviation(new)
    assert fitted.magnitudes[1].degree == 0
    assert mean[:, 1] == pytest.approx(plain.mean(new)[:, 0], rel=1e-9, abs=1e-12)
    assert deviation[:, 1] == pytest.approx(plain.mean_and_deviation(new)[1][:, 0], rel=1e-6)
    assert np.all(mean[:, 2] < 0)


def test_all_at_once_is_each_alone(data, fitted):
    mean, deviation = fitted.mean(data[1]), fitted.deviation(data[1])
    error = fitted.leave_one_out()[0]
    for index in range(3):
        alone = fitted.column(index)
        assert mean[:, [index]] == pytest.approx(alone.mean(data[1]), rel=1e-9)
        assert deviation[:, [index]] == pytest.approx(alone.mean_and_deviation(data[1])[1], rel=1e-6)
        assert error[:, [index]] == pytest.approx(alone.leave_one_out()[0], rel=1e-6, abs=1e-9)


def test_leave_one_out_is_that_of_a_refit(data, fitted):
    """Closed form against conditioning on the other simulations, hyper-parameters and magnitude kept."""
    from locum.regression.predictor import predictor

    x = data[0]
    z = fitted.processes.y
    error, _ = fitted.leave_one_out()
    kept = np.arange(30) != 7
    without = QuantityPredictor(predictor(x[kept], z[kept], fitted.processes.groups), fitted.magnitudes)
    assert quantities(x)[7] - without.mean(x[7:8])[0] == pytest.approx(error[7], rel=1e-5, abs=1e-8)


def test_points_that_are_running_lower_the_deviation_only(data, fitted):
    running = fitted.conditioned_on(data[1][:4])
    assert running.mean(data[1]) == pytest.approx(fitted.mean(data[1]), rel=1e-9)
    assert np.all(running.deviation(data[1][:4]) <= fitted.deviation(data[1][:4]))


def test_saved_and_loaded_answers_are_the_same_bits(data, fitted):
    again = quantity_predictor_from_arrays(*fitted.to_arrays())
    assert np.array_equal(fitted.mean(data[1]), again.mean(data[1]))
    assert np.array_equal(fitted.deviation(data[1]), again.deviation(data[1]))


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays, meta: meta.update(kind="coordinates"),
        lambda arrays, meta: meta.update(magnitude_degrees=[0, 0, 7]),
        lambda arrays, meta: meta.update(magnitude_degrees=[0]),
        lambda arrays, meta: arrays.pop("magnitude.1"),
        lambda arrays, meta: arrays.update({"magnitude_ranges": np.full((2, 3), np.nan)}),
    ],
)
def test_what_makes_no_sense_is_refused(fitted, damage):
    arrays, meta = fitted.to_arrays()
    damage(arrays, meta)
    with pytest.raises(StorageError, match="saved quantities"):
        quantity_predictor_from_arrays(arrays, meta)


def test_values_that_are_not_finite_are_refused(data):
    y = quantities(data[0])
    y[3, 1] = np.nan
    with pytest.raises(FitError):
        fit_quantities(data[0], y)


def test_a_warm_start_is_as_accurate(data, fitted):
    x, new = data
    warm = fit_quantities(
        np.concatenate([x, new[:5]]), quantities(np.concatenate([x, new[:5]])), start=fitted
    )
    errors = np.abs(warm.mean(new) - quantities(new))
    assert np.median(errors, axis=0) == pytest.approx(0.0, abs=0.1)
