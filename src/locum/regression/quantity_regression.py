"""Parameters to quantities of interest, each with its own magnitude.

A quantity that varies by an order of magnitude is fitted like a field, so that its relative error is even:
divided by a smooth magnitude, see :mod:`locum.regression.field_regression`. One that changes sign has no
magnitude and is fitted as it is. All quantities are answered at once, with one stack of correlations. On
the thermal block's mean temperature with 50 simulations the largest relative error falls from 7 % to 2 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.regression.field_regression import CoordinatePredictor, Magnitude, fit_coordinates
from locum.regression.predictor import Predictor, predictor_from_arrays
from locum.regression.trend import DEGREES, trend_features, trend_size

_NONE = Magnitude(np.zeros(1), 0, 0.0, 0.0)  # one everywhere


@dataclass(frozen=True, eq=False)
class QuantityPredictor:
    """Quantities (q, k) from parameters (q, p) warped to the unit cube.

    Parameters
    ----------
    processes
        Gaussian processes of the quantities divided by their magnitudes, a group each.
    magnitudes
        Of each quantity.
    """

    processes: Predictor
    magnitudes: tuple[Magnitude, ...]

    @property
    def n(self) -> int:
        """Number of training simulations."""
        return self.processes.n

    def mean(self, x: Array) -> Array:
        """Expected quantities (q, k) at inputs (q, p)."""
        return self._magnitude(x) * self.processes.mean(x)

    def deviation(self, x: Array) -> Array:
        """Standard deviations of the quantities, (q, k), at inputs (q, p)."""
        return self._magnitude(x) * self.processes.deviation(x)

    @property
    def inverse_lengthscales(self) -> Array:
        """What inputs are multiplied by before distances are measured, shape (p,)."""
        return self.processes.inverse_lengthscales

    def distance(self, x: Array) -> Array:
        """Distance (q,) of inputs (q, p) to the nearest training input, in lengthscales."""
        return self.processes.distance(x)

    def leave_one_out(self) -> tuple[Array, Array]:
        """Errors of the quantities without each simulation and their standard deviations, both (n, k)."""
        error, deviation = self.processes.leave_one_out()
        magnitude = self._magnitude(self.processes.x[: self.n])
        return magnitude * error, magnitude * deviation

    def conditioned_on(self, x: Array) -> QuantityPredictor:
        """A predictor whose deviation knows that ``x`` (a, p) are being simulated; its mean is unchanged."""
        return replace(self, processes=self.processes.conditioned_on(x))

    def column(self, index: int) -> CoordinatePredictor:
        """One quantity alone."""
        return CoordinatePredictor(self.processes.select([index]), self.magnitudes[index])

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Arrays and JSON-ready description; :func:`quantity_predictor_from_arrays` reads the same bits."""
        arrays, meta = self.processes.to_arrays()
        for index, magnitude in enumerate(self.magnitudes):
            arrays[f"magnitude.{index}"] = magnitude.coefficients
        arrays["magnitude_ranges"] = self._ranges
        degrees = [magnitude.degree for magnitude in self.magnitudes]
        return arrays, {"kind": "quantities", "magnitude_degrees": degrees, "processes": meta}

    def _magnitude(self, x: Array) -> Array:
        """Magnitudes (q, k) at inputs (q, p)."""
        degree, coefficients = self._stacked
        logarithm = trend_features(x, degree) @ coefficients
        ranges = self._ranges
        return np.asarray(np.exp(np.minimum(np.maximum(logarithm, ranges[0]), ranges[1])))

    @cached_property
    def _ranges(self) -> Array:
        return np.array([[m.lowest for m in self.magnitudes], [m.highest for m in self.magnitudes]])

    @cached_property
    def _stacked(self) -> tuple[int, Array]:
        """Largest degree and the coefficients (f, k) in its features, lower ones use the first."""
        degree = max(magnitude.degree for magnitude in self.magnitudes)
        coefficients = np.zeros((trend_size(self.processes.x.shape[1], degree), len(self.magnitudes)))
        for column, magnitude in zip(coefficients.T, self.magnitudes, strict=True):
            column[: len(magnitude.coefficients)] = magnitude.coefficients
        return degree, coefficients


def quantity_predictor_from_arrays(
    arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]
) -> QuantityPredictor:
    """Inverse of :meth:`QuantityPredictor.to_arrays`.

    Raises
    ------
    StorageError
        An array that is missing, of the wrong shape or not finite; an unknown kind.
    """
    degrees, processes_meta = meta.get("magnitude_degrees"), meta.get("processes")
    if (
        meta.get("kind") != "quantities"
        or not isinstance(degrees, list)
        or not isinstance(processes_meta, Mapping)
    ):
        raise StorageError(
            f"saved quantities: expected kind 'quantities', got {meta.get('kind')!r}; "
            "the folder is damaged or from another program"
        )
    processes = predictor_from_arrays(arrays, processes_meta)
    ranges = np.asarray(arrays.get("magnitude_ranges", ()), dtype=np.float64)
    coefficients = [
        np.asarray(arrays.get(f"magnitude.{index}", ()), dtype=np.float64) for index in range(len(degrees))
    ]
    fits = (
        len(degrees) == processes.y.shape[1]
        and ranges.shape == (2, len(degrees))
        and set(degrees) <= set(DEGREES)
        and all(
            values.shape == (trend_size(processes.x.shape[1], degree),)
            for values, degree in zip(coefficients, degrees, strict=True)
        )
    )
    if not fits or not all(np.isfinite(values).all() for values in (ranges, *coefficients)):
        raise StorageError(
            f"saved quantities: magnitudes of degrees {degrees} do not belong to {processes.y.shape[1]} "
            "quantities; the folder is damaged"
        )
    return QuantityPredictor(
        processes,
        tuple(
            Magnitude(values, degree, float(lowest), float(highest))
            for values, degree, lowest, highest in zip(coefficients, degrees, *ranges, strict=True)
        ),
    )


def fit_quantities(
    x: Array, y: Array, *, kernel: str = "auto", start: QuantityPredictor | None = None
) -> QuantityPredictor:
    """Fit quantities of interest, each on its own.

    Parameters
    ----------
    x
        Inputs (n, p), warped to the unit cube.
    y
        Quantities (n, k).
    kernel
        As for :func:`locum.regression.gaussian_process.fit_gaussian_processes`.
    start
        An earlier round's predictor of the same quantities.

    Raises
    ------
    FitError
        As in :func:`locum.regression.gaussian_process.fit_gaussian_processes`. Nothing has changed.
    """
    from locum.regression.gaussian_process import check_finite, fit_gaussian_processes

    check_finite(x, y)
    columns = []
    for index in range(y.shape[1]):
        values = y[:, [index]]
        known = start.column(index) if start is not None else None
        if values.min() > 0 or values.max() < 0:
            columns.append(fit_coordinates(x, values, kernel=kernel, start=known).value)
        else:
            processes = known.processes if known is not None else None
            fit = fit_gaussian_processes(x, values, kernel=kernel, start=processes)
            columns.append(CoordinatePredictor(fit.value, _NONE))
    groups = tuple(
        replace(group, columns=(index,))
        for index, column in enumerate(columns)
        for group in column.processes.groups
    )
    processes = Predictor(
        x,
        np.concatenate([column.processes.y for column in columns], axis=1),
        groups,
        np.concatenate([column.processes.factors for column in columns]),
    )
    return QuantityPredictor(processes, tuple(column.magnitude for column in columns))
