"""The reduced basis of a transient field, in two levels: space, then whole trajectories.

The time slices of all trajectories give vectors of space V (r, N); the trajectories' coefficients in them,
arrays (T, r), give functions of time phi (m, T, r), both by proper orthogonal decomposition. A trajectory is

    u(t, x) = sum over j of c_j sum over i of phi_j,i(t) V_i(x)

with m coordinates c, orthonormal in ||u||^2 = sum over t of w_t ||u(t)||^2. Space errors and time errors are
orthogonal: their squares add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, StorageError
from locum.reduction.basis import FieldBasis, check_orthonormal, saved_array, saved_common
from locum.reduction.inner_product import InnerProduct


@dataclass(frozen=True, eq=False)
class TransientBasis(FieldBasis):
    """u = sum over j of c_j phi_j V, orthonormal in the time-weighted inner product.

    Parameters
    ----------
    shape, inner_product, singular_values, truncation_error, largest_norm, method
        As in :class:`FieldBasis`; shape is (T, N) or (T, N, c); singular values of the second level.
    times
        Saved times, shape (T,), increasing.
    space_vectors
        V, shape (r, N c).
    space_singular_values
        Of the first level: all time slices.
    time_functions
        phi, shape (m, T, r).
    """

    shape: tuple[int, ...]
    inner_product: InnerProduct
    singular_values: Array
    truncation_error: float
    largest_norm: float
    method: str
    times: Array
    space_vectors: Array
    space_singular_values: Array
    time_functions: Array

    @property
    def rank(self) -> int:
        """Number of coordinates, m."""
        return len(self.time_functions)

    def coordinates(self, snapshots: Array) -> Array:
        """Return the coordinates of the snapshots' projections, shape (q, m)."""
        coefficients = self._slices(snapshots) @ self._space_dual.T
        return np.asarray(coefficients.reshape(len(snapshots), -1) @ self._time_dual.T)

    def expand(self, coordinates: Array) -> Array:
        """Return the fields of given coordinates, shape (q,) + shape."""
        coefficients = coordinates @ self.time_functions.reshape(self.rank, -1)
        slices = coefficients.reshape(-1, len(self.space_vectors)) @ self.space_vectors
        return np.asarray(slices).reshape(len(coordinates), *self.shape)

    def norms(self, snapshots: Array) -> Array:
        """Return the norms of the snapshots, shape (q,)."""
        result = np.empty(len(snapshots))
        for chunk in self._chunks(len(snapshots)):
            slices = self._product.norms(self._slices(snapshots[chunk])).reshape(-1, self.shape[0])
            result[chunk] = np.sqrt(slices**2 @ self._weights)
        return result

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Return the saved form: arrays, and what JSON holds."""
        arrays, meta = self._saved("transient")
        own: dict[str, AnyArray] = {
            "times": self.times,
            "space_vectors": self.space_vectors,
            "space_singular_values": self.space_singular_values,
            "time_functions": self.time_functions,
        }
        return arrays | own, meta

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> TransientBasis:
        """Read what :meth:`to_arrays` returned; raises StorageError where it makes no sense."""
        common = saved_common(arrays, meta, in_time=True)
        shape = common["shape"]
        space = saved_array(arrays, "space_vectors", (None, int(np.prod(shape[1:]))))
        basis = cls(
            **common,
            times=saved_array(arrays, "times", (shape[0],)),
            space_vectors=space,
            space_singular_values=saved_array(arrays, "space_singular_values", (None,)),
            time_functions=saved_array(arrays, "time_functions", (None, shape[0], len(space))),
        )
        try:
            functions = basis.time_functions.reshape(basis.rank, -1)
            check_orthonormal(functions, basis._time_dual, "time_functions")
        except FitError as error:
            raise StorageError(f"the saved basis cannot be read: {error}") from error
        check_orthonormal(space, basis._space_dual, "space_vectors")
        return basis

    def _slices(self, snapshots: Array) -> Array:
        return snapshots.reshape(len(snapshots) * self.shape[0], -1)

    @cached_property
    def _weights(self) -> Array:
        return trapezoid_weights(self.times)

    @cached_property
    def _product(self) -> InnerProduct:
        return self.inner_product.repeated(int(np.prod(self.shape[2:])))

    @cached_property
    def _space_dual(self) -> Array:
        return self._product.apply(self.space_vectors)

    @cached_property
    def _time_dual(self) -> Array:
        return np.asarray(self.time_functions * self._weights[:, None]).reshape(self.rank, -1)


def trapezoid_weights(times: Array) -> Array:
    """Return the weights of the trapezoidal rule over the horizon, divided by its length: they add up to one.

    Raises
    ------
    FitError
        Times that do not increase.
    """
    if len(times) == 1:
        return np.ones(1)
    steps = np.diff(times)
    if not (np.isfinite(times).all() and (steps > 0.0).all()):
        raise FitError("reduced basis: the times of the snapshots must be finite and increase")
    weights = np.zeros(len(times))
    weights[:-1] += 0.5 * steps
    weights[1:] += 0.5 * steps
    return np.asarray(weights / (times[-1] - times[0]))
