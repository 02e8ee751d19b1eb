from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from locum.arrays import Array
from locum.exceptions import FitError, StorageError
from locum.regression.field_regression import (
    CoordinatePredictor,
    coordinate_predictor_from_arrays,
    fit_coordinates,
    fit_magnitude,
)
from locum.regression.gaussian_process import fit_gaussian_processes
from locum.regression.predictor import predictor


@pytest.fixture(scope="module")
def fitted(rod) -> CoordinatePredictor:
    return fit_coordinates(rod.x, rod.coordinates).value


def relative_errors(predicted: Array, expected: Array) -> Array:
    return np.linalg.norm(predicted - expected, axis=1) / np.linalg.norm(expected, axis=1)


def test_magnitude_beats_the_plain_regression_where_norms_vary(rod, fitted: CoordinatePredictor) -> None:
    plain = fit_gaussian_processes(rod.x, rod.coordinates, groups="growing").value
    errors = relative_errors(fitted.mean(rod.x_new), rod.coordinates_new)
    assert errors.mean() < 0.8 * relative_errors(plain.mean(rod.x_new), rod.coordinates_new).mean()
    assert fitted.magnitude.degree > 0


def test_leave_one_out_foretells_the_error_on_new_points(rod, fitted: CoordinatePredictor) -> None:
    errors = relative_errors(fitted.mean(rod.x_new), rod.coordinates_new)
    foretold = fitted.relative_leave_one_out()
    assert foretold.shape == (80,)
    assert 0.5 < np.median(foretold) / np.median(errors) < 2.5


def test_deviation_ranks_the_errors(rod, fitted: CoordinatePredictor) -> None:
    mean, deviation = fitted.mean_and_deviation(rod.x_new)
    indicator = np.linalg.norm(deviation, axis=1) / np.linalg.norm(mean, axis=1)
    errors = relative_errors(mean, rod.coordinates_new)
    assert spearmanr(indicator, errors).statistic > 0.6
    assert 0.3 < np.median(errors / indicator) < 3.0
    np.testing.assert_array_equal(mean, fitted.mean(rod.x_new))


def test_power_laws_are_their_own_magnitude() -> None:
    x = np.random.default_rng(0).random((40, 2))
    size = np.exp(4 * x[:, 0] - 2 * x[:, 1] + 1)
    shape = np.random.default_rng(1).standard_normal(3)
    magnitude = fit_magnitude(x, size[:, None] * shape, 1)
    np.testing.assert_allclose(magnitude(x)[:, 0], size * np.linalg.norm(shape), rtol=1e-10)


def test_magnitude_stays_positive_and_within_a_factor_of_ten_of_the_norms() -> None:
    x = np.random.default_rng(0).random((40, 2))
    coordinates = np.exp(8 * x[:, :1]) * np.ones(2)
    norms = np.linalg.norm(coordinates, axis=1)
    far = fit_magnitude(x, coordinates, 2)(np.array([[-50.0, 0.0], [50.0, 0.0], [1e6, -1e6]]))
    assert (far > 0.0999 * norms.min()).all()
    assert (far < 10.001 * norms.max()).all()


def test_vanishing_fields_are_taken() -> None:
    x = np.random.default_rng(0).random((30, 1))
    coordinates = np.maximum(x - 0.5, 0.0) * np.ones(2)
    fitted = fit_coordinates(x, coordinates).value
    assert np.isfinite(fitted.relative_leave_one_out()).all()
    np.testing.assert_allclose(fitted.mean(x), coordinates, atol=0.02)
    nothing = fit_coordinates(x, np.zeros((30, 2))).value
    np.testing.assert_array_equal(nothing.mean(x), 0.0)


def test_leave_one_out_is_in_the_coordinates_unit(rod, fitted: CoordinatePredictor) -> None:
    kept = np.arange(80) != 7
    magnitude = fitted.magnitude
    without = CoordinatePredictor(
        predictor(rod.x[kept], (rod.coordinates / magnitude(rod.x))[kept], fitted.processes.groups), magnitude
    )
    errors, _ = fitted.leave_one_out()
    expected = rod.coordinates[7] - without.mean(rod.x[7:8])[0]
    np.testing.assert_allclose(errors[7], expected, atol=1e-7 * np.abs(rod.coordinates).max())


def test_append_and_conditioning_go_through_the_magnitude(rod, fitted: CoordinatePredictor) -> None:
    more = fitted.appended(rod.x_new[:5], rod.coordinates_new[:5])
    np.testing.assert_allclose(more.mean(rod.x_new[:5]), rod.coordinates_new[:5], rtol=0.02, atol=1e-4)
    waiting = fitted.conditioned_on(rod.x_new[:5])
    np.testing.assert_array_equal(waiting.mean(rod.x_new), fitted.mean(rod.x_new))
    _, before = fitted.mean_and_deviation(rod.x_new)
    _, after = waiting.mean_and_deviation(rod.x_new)
    assert (after <= before * (1 + 1e-6)).all()
    assert (np.linalg.norm(after[:5], axis=1) < 0.5 * np.linalg.norm(before[:5], axis=1)).all()
    assert more.n == fitted.n + 5
    assert waiting.n == fitted.n
    np.testing.assert_allclose(fitted.distance(rod.x), 0.0, atol=1e-6)


def test_warm_start_keeps_the_magnitudes_degree(rod) -> None:
    cold = fit_coordinates(rod.x[:60], rod.coordinates[:60])
    first, second = (fit_coordinates(rod.x[:79], rod.coordinates[:79], start=cold.value) for _ in range(2))
    assert first.value.magnitude.degree == cold.value.magnitude.degree
    np.testing.assert_array_equal(first.value.mean(rod.x_new), second.value.mean(rod.x_new))
    assert first.statistics.evaluations < cold.statistics.evaluations


def test_saved_form_gives_the_same_bits(rod, fitted: CoordinatePredictor) -> None:
    arrays, meta = fitted.to_arrays()
    loaded = coordinate_predictor_from_arrays(arrays, json.loads(json.dumps(meta)))
    for one, other in zip(
        loaded.mean_and_deviation(rod.x_new), fitted.mean_and_deviation(rod.x_new), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.relative_leave_one_out(), fitted.relative_leave_one_out())


@pytest.mark.parametrize("change", [{"kind": "pickle"}, {"magnitude_degree": 7}, {"processes": None}])
def test_foreign_descriptions_are_refused(fitted: CoordinatePredictor, change) -> None:
    arrays, meta = fitted.to_arrays()
    with pytest.raises(StorageError, match="saved coordinates"):
        coordinate_predictor_from_arrays(arrays, {**meta, **change})


@pytest.mark.parametrize("name", ["magnitude", "magnitude_range"])
def test_damaged_magnitudes_are_refused(fitted: CoordinatePredictor, name: str) -> None:
    arrays, meta = fitted.to_arrays()
    for value in (arrays[name][:-1], np.full_like(arrays[name], np.nan)):
        with pytest.raises(StorageError, match="magnitude"):
            coordinate_predictor_from_arrays({**arrays, name: value}, meta)
    del arrays[name]
    with pytest.raises(StorageError, match="magnitude"):
        coordinate_predictor_from_arrays(arrays, meta)


def test_values_that_are_not_finite_are_refused_by_name(rod) -> None:
    coordinates = rod.coordinates.copy()
    coordinates[4, 2] = np.nan
    with pytest.raises(FitError, match="outputs: row 4, column 2 is nan"):
        fit_coordinates(rod.x, coordinates)
