"""Parameters to the reduced coordinates of a field, with an eye on the relative error.

A tolerance is relative, and the norm of a field may vary by orders of magnitude over the parameter space.
Fitted as they are, the coordinates of large fields drown those of small ones. So the coordinates are divided
by a smooth *magnitude*, and the Gaussian processes see what is left:

    c(x) = w(x) z(x),     log w = polynomial of degree 0, 1 or 2 fitted to log ||c|| by least squares

The degree is the one with the least relative leave-one-out error; degree 0 is the plain regression. Because w
is a known function, means and deviations are simply multiplied by it. On the thermal block this halves the
error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.regression.predictor import Predictor, predictor_from_arrays
from locum.regression.threads import one_thread
from locum.regression.trend import DEGREES, trend_features, trend_size

if TYPE_CHECKING:
    from locum.regression.gaussian_process import FitResult

# Norms below this share of the largest count as this share (as in the relative error of a field).
_SMALLEST_NORM = 1e-10

_DECADE = float(np.log(10.0))

# Smooth, but not as stubbornly as the squared exponential: a fair judge between magnitudes.
_QUICK_KERNEL = "rational-quadratic"
_QUICK_COORDINATES = 4


@dataclass(frozen=True, eq=False)
class Magnitude:
    """A smooth positive function of the parameters, of the size of the field's norm.

    Parameters
    ----------
    coefficients
        Of the polynomial log w, shape (f,), in the order of :func:`locum.regression.trend.trend_features`.
    degree
        Of the polynomial: 0, 1 or 2.
    lowest, highest
        Where log w is kept, wherever it is asked: within a factor of ten of the training set's norms.
    """

    coefficients: Array
    degree: int
    lowest: float
    highest: float

    def __call__(self, x: Array) -> Array:
        """Values (q, 1) at inputs (q, p)."""
        logarithm = trend_features(x, self.degree) @ self.coefficients
        np.clip(logarithm, self.lowest, self.highest, out=logarithm)
        return np.asarray(np.exp(logarithm)[:, None])


def fit_magnitude(x: Array, coordinates: Array, degree: int) -> Magnitude:
    """Least squares of the logarithm of the norms of ``coordinates`` (n, m) at ``x`` (n, p)."""
    logarithms = np.log(_norms(coordinates))
    coefficients = np.linalg.lstsq(trend_features(x, degree), logarithms, rcond=None)[0]
    lowest, highest = float(logarithms.min()) - _DECADE, float(logarithms.max()) + _DECADE
    return Magnitude(np.asarray(coefficients, dtype=np.float64), degree, lowest, highest)


@dataclass(frozen=True, eq=False)
class CoordinatePredictor:
    """Reduced coordinates (q, m) of a field from parameters (q, p) warped to the unit cube.

    Parameters
    ----------
    processes
        Gaussian processes of the coordinates divided by the magnitude.
    magnitude
        The magnitude w.
    """

    processes: Predictor
    magnitude: Magnitude

    @property
    def n(self) -> int:
        """Number of training simulations."""
        return self.processes.n

    def mean(self, x: Array) -> Array:
        """Expected coordinates (q, m) at inputs (q, p)."""
        return self.magnitude(x) * self.processes.mean(x)

    def mean_and_deviation(self, x: Array) -> tuple[Array, Array]:
        """Expected coordinates and their standard deviations, both (q, m), at inputs (q, p)."""
        mean, deviation = self.processes.mean_and_deviation(x)
        magnitude = self.magnitude(x)
        return magnitude * mean, magnitude * deviation

    @property
    def inverse_lengthscales(self) -> Array:
        """What inputs are multiplied by before distances are measured, shape (p,)."""
        return self.processes.inverse_lengthscales

    def distance(self, x: Array) -> Array:
        """Distance (q,) of inputs (q, p) to the nearest training input, in lengthscales."""
        return self.processes.distance(x)

    def leave_one_out(self) -> tuple[Array, Array]:
        """Errors of the coordinates without each simulation and their standard deviations, both (n, m)."""
        error, deviation = self.processes.leave_one_out()
        magnitude = self.magnitude(self.processes.x[: self.n])
        return magnitude * error, magnitude * deviation

    def relative_leave_one_out(self) -> Array:
        """Leave-one-out error of the field relative to its norm, shape (n,); the basis is kept."""
        error, _ = self.leave_one_out()
        coordinates = self.magnitude(self.processes.x[: self.n]) * self.processes.y
        return np.asarray(np.linalg.norm(error / _norms(coordinates)[:, None], axis=1))

    def appended(self, x: Array, coordinates: Array) -> CoordinatePredictor:
        """A predictor that also knows ``coordinates`` (a, m) at ``x`` (a, p); hyper-parameters are kept."""
        return replace(self, processes=self.processes.appended(x, coordinates / self.magnitude(x)))

    def conditioned_on(self, x: Array) -> CoordinatePredictor:
        """A predictor whose deviation knows that ``x`` (a, p) are being simulated; its mean is unchanged."""
        return replace(self, processes=self.processes.conditioned_on(x))

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Arrays and JSON-ready description; :func:`coordinate_predictor_from_arrays` is the inverse."""
        arrays, meta = self.processes.to_arrays()
        arrays["magnitude"] = self.magnitude.coefficients
        arrays["magnitude_range"] = np.array([self.magnitude.lowest, self.magnitude.highest])
        return arrays, {"kind": "coordinates", "magnitude_degree": self.magnitude.degree, "processes": meta}


def coordinate_predictor_from_arrays(
    arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]
) -> CoordinatePredictor:
    """Inverse of :meth:`CoordinatePredictor.to_arrays`.

    Raises
    ------
    StorageError
        An array that is missing, of the wrong shape or not finite; an unknown kind.
    """
    if meta.get("kind") != "coordinates" or not isinstance(meta.get("processes"), Mapping):
        raise StorageError(
            f"saved coordinates: expected kind 'coordinates', got {meta.get('kind')!r}; "
            "the folder is damaged or from another program"
        )
    processes = predictor_from_arrays(arrays, meta["processes"])
    degree = meta.get("magnitude_degree")
    coefficients = np.asarray(arrays.get("magnitude", ()), dtype=np.float64)
    ends = np.asarray(arrays.get("magnitude_range", ()), dtype=np.float64)
    if (
        degree not in DEGREES
        or coefficients.shape != (trend_size(processes.x.shape[1], degree),)
        or ends.shape != (2,)
        or not (np.isfinite(coefficients).all() and np.isfinite(ends).all())
    ):
        raise StorageError(
            f"saved coordinates: a magnitude of degree {degree!r} with {coefficients.size} coefficients does "
            f"not belong to {processes.x.shape[1]} parameters; the folder is damaged"
        )
    return CoordinatePredictor(processes, Magnitude(coefficients, degree, float(ends[0]), float(ends[1])))


def fit_coordinates(
    x: Array, coordinates: Array, *, kernel: str = "auto", start: CoordinatePredictor | None = None
) -> FitResult[CoordinatePredictor]:
    """Fit the reduced coordinates of one field.

    Parameters
    ----------
    x
        Inputs (n, p), warped to the unit cube.
    coordinates
        Reduced coordinates (n, m) in an orthonormal basis, most energetic first.
    kernel
        As for :func:`locum.regression.gaussian_process.fit_gaussian_processes`.
    start
        An earlier round's predictor, kept and refined as
        :func:`locum.regression.gaussian_process.fit_gaussian_processes` says.

    Returns
    -------
    FitResult
        The predictor; figures are those of the coordinates divided by the magnitude.

    Raises
    ------
    FitError
        As in :func:`locum.regression.gaussian_process.fit_gaussian_processes`. Nothing has changed.
    """
    from locum.regression.gaussian_process import (
        FitResult,
        check_finite,
        fit_gaussian_processes,
        keeps_choices,
    )

    check_finite(x, coordinates)
    if start is not None and keeps_choices(start.processes, len(x)):
        degree = start.magnitude.degree
    else:
        degree = _best_degree(x, coordinates)
    magnitude = fit_magnitude(x, coordinates, degree)
    result = fit_gaussian_processes(
        x,
        coordinates / magnitude(x),
        kernel=kernel,
        groups="growing",
        start=start.processes if start else None,
    )
    return FitResult(CoordinatePredictor(result.value, magnitude), result.outcome, result.statistics)


def _best_degree(x: Array, coordinates: Array) -> int:
    """Degree of the magnitude with the least relative leave-one-out error of a quick fit.

    The first few coordinates, which carry nearly all of the field, are enough to tell, and so is one rough
    correlation for all of them.
    """
    from locum.regression.hyperparameters import (
        SEARCH_ROWS,
        HyperparameterSearch,
        bearable_degrees,
        conditioned,
        filling_rows,
    )

    rows = filling_rows(x, SEARCH_ROWS)
    x, coordinates = x[rows], coordinates[rows, :_QUICK_COORDINATES]
    degrees = bearable_degrees(x)
    errors, group = [], None
    with one_thread():
        for degree in degrees:
            magnitude = fit_magnitude(x, coordinates, degree)
            y = coordinates / magnitude(x)
            group = HyperparameterSearch(x, y, (_QUICK_KERNEL,), degrees[-1:]).rough(group)
            quick = CoordinatePredictor(conditioned(x, y, [group]), magnitude)
            errors.append(np.linalg.norm(quick.relative_leave_one_out()))
    return degrees[int(np.argmin(errors))]


def _norms(coordinates: Array) -> Array:
    """Norms (n,) of the rows, none smaller than a tiny share of the largest."""
    scale = np.abs(coordinates).max()  # so that squares neither overflow nor vanish
    if scale == 0.0:
        return np.ones(len(coordinates))
    norms = np.linalg.norm(coordinates / scale, axis=1)
    return np.asarray(scale * np.maximum(norms, _SMALLEST_NORM * norms.max()))
