"""The reduced basis of a transient field that is free at every saved time.

    u(t_k, x) = sum over i of a_k,i V_i(x)

with V (n, N) orthonormal in the inner product of nodal values and no relation between times: what equations
that are stepped in time need, where a regression prefers few functions of space and time
(:class:`~locum.reduction.transient.TransientBasis`). The T n coordinates are the a_k,i times the root of w_k,
so that they too are orthonormal in ||u||^2 = sum over k of w_k ||u(t_k)||^2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.reduction.basis import FieldBasis, check_orthonormal, saved_array, saved_common
from locum.reduction.inner_product import InnerProduct
from locum.reduction.steady import SteadyBasis
from locum.reduction.transient import trapezoid_weights


@dataclass(frozen=True, eq=False)
class StepwiseBasis(FieldBasis):
    """u_k = sum over i of a_k,i V_i for each saved time.

    Parameters
    ----------
    shape, inner_product, singular_values, truncation_error, largest_norm, method
        As in :class:`FieldBasis`; shape is (T, N) or (T, N, c).
    times
        Saved times, shape (T,), increasing.
    vectors
        V, shape (n, N c).
    """

    shape: tuple[int, ...]
    inner_product: InnerProduct
    singular_values: Array
    truncation_error: float
    largest_norm: float
    method: str
    times: Array
    vectors: Array

    @property
    def rank(self) -> int:
        """Number of coordinates, T n."""
        return len(self.times) * len(self.vectors)

    def scaled(self, trajectories: Array) -> Array:
        """Coordinates (q, T n) of reduced trajectories a (q, T, n)."""
        return np.asarray(trajectories * self._scales[:, None]).reshape(len(trajectories), -1)

    def coordinates(self, snapshots: Array) -> Array:
        """Return the coordinates of the snapshots' projections, shape (q, T n)."""
        found = self._space.coordinates(self._slices(snapshots))
        return self.scaled(found.reshape(len(snapshots), len(self.times), -1))

    def expand(self, coordinates: Array) -> Array:
        """Return the fields of given coordinates, shape (q,) + shape."""
        steps = coordinates.reshape(-1, len(self.times), len(self.vectors)) / self._scales[:, None]
        return self._space.expand(steps.reshape(-1, len(self.vectors))).reshape(-1, *self.shape)

    def norms(self, snapshots: Array) -> Array:
        """Return the norms of the snapshots, shape (q,)."""
        slices = self._space.norms(self._slices(snapshots)).reshape(-1, len(self.times))
        return np.asarray(np.linalg.norm(slices * self._scales, axis=1))

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Return the saved form: arrays, and what JSON holds."""
        arrays, meta = self._saved("stepwise")
        return arrays | {"times": self.times, "vectors": self.vectors}, meta

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> StepwiseBasis:
        """Read what :meth:`to_arrays` returned; raises StorageError where it makes no sense."""
        common = saved_common(arrays, meta, in_time=True)
        shape, product = common["shape"], common["inner_product"]
        times = saved_array(arrays, "times", (shape[0],))
        vectors = saved_array(arrays, "vectors", (None, int(np.prod(shape[1:]))))
        basis = cls(**common, times=times, vectors=vectors)
        check_orthonormal(vectors, product.repeated(int(np.prod(shape[2:]))).apply(vectors), "vectors")
        return basis

    def _slices(self, snapshots: Array) -> Array:
        return snapshots.reshape(-1, *self.shape[1:])

    @cached_property
    def _space(self) -> SteadyBasis:
        """Of fields at one time."""
        return SteadyBasis(
            self.shape[1:],
            self.inner_product,
            self.singular_values,
            self.truncation_error,
            self.largest_norm,
            self.method,
            self.vectors,
        )

    @cached_property
    def _scales(self) -> Array:
        return np.sqrt(trapezoid_weights(self.times))
