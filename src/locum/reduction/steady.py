"""The reduced basis of a steady field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.reduction.basis import FieldBasis, check_orthonormal, saved_array, saved_common
from locum.reduction.inner_product import InnerProduct


@dataclass(frozen=True, eq=False)
class SteadyBasis(FieldBasis):
    """u = sum over j of c_j v_j, with v_j orthonormal in the inner product of nodal values.

    Parameters
    ----------
    shape, inner_product, singular_values, truncation_error, largest_norm, method
        As in :class:`FieldBasis`; shape is (N,) or (N, c).
    vectors
        Shape (m, N c), components last.
    """

    shape: tuple[int, ...]
    inner_product: InnerProduct
    singular_values: Array
    truncation_error: float
    largest_norm: float
    method: str
    vectors: Array

    @property
    def rank(self) -> int:
        """Number of coordinates, m."""
        return len(self.vectors)

    def coordinates(self, snapshots: Array) -> Array:
        """Return the coordinates of the snapshots' projections, shape (q, m)."""
        return np.asarray(snapshots.reshape(len(snapshots), -1) @ self._dual.T)

    def expand(self, coordinates: Array) -> Array:
        """Return the fields of given coordinates, shape (q,) + shape."""
        return np.asarray(coordinates @ self.vectors).reshape(len(coordinates), *self.shape)

    def norms(self, snapshots: Array) -> Array:
        """Return the norms of the snapshots, shape (q,)."""
        return self._product.norms(snapshots.reshape(len(snapshots), -1))

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Return the saved form: arrays, and what JSON holds."""
        arrays, meta = self._saved("steady")
        return arrays | {"vectors": self.vectors}, meta

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> SteadyBasis:
        """Read what :meth:`to_arrays` returned; raises StorageError where it makes no sense."""
        common = saved_common(arrays, meta)
        size = int(np.prod(common["shape"]))
        basis = cls(**common, vectors=saved_array(arrays, "vectors", (None, size)))
        check_orthonormal(basis.vectors, basis._dual, "vectors")
        return basis

    @cached_property
    def _product(self) -> InnerProduct:
        return self.inner_product.repeated(int(np.prod(self.shape[1:])))

    @cached_property
    def _dual(self) -> Array:
        return self._product.apply(self.vectors)
