"""The reduced basis of a field: what a surrogate knows of a field's shape, norm and few coordinates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.reduction.inner_product import InnerProduct

# a field smaller than this share of the largest training snapshot counts as that large in relative errors
SMALLEST_NORM = 1e-10
_CHUNK_BYTES = 2**22


class FieldBasis(ABC):
    """A basis that is orthonormal in the study's norm: ||u||^2 is the sum of the squared coordinates of u.

    Snapshots have shape (q,) + shape: (N,) or (N, c) for steady fields, (T, N) or (T, N, c) for transient
    ones.

    Attributes
    ----------
    shape
        Shape of one snapshot.
    inner_product
        Of nodal values; of several components, the sum over them.
    singular_values
        Of the ensemble as it was weighted, descending.
    truncation_error
        Bound on the weighted root-mean-square projection error of the training ensemble, relative; with the
        default weights it bounds the root mean square of the snapshots' relative projection errors.
    largest_norm
        Largest norm of a training snapshot.
    method
        How the singular values were found: ``gram+choleskyqr`` or ``tsqr``.
    """

    shape: tuple[int, ...]
    inner_product: InnerProduct
    singular_values: Array
    truncation_error: float
    largest_norm: float
    method: str

    @property
    @abstractmethod
    def rank(self) -> int:
        """Number of coordinates, m."""

    @abstractmethod
    def coordinates(self, snapshots: Array) -> Array:
        """Return the coordinates of the snapshots' projections, shape (q, m)."""

    @abstractmethod
    def expand(self, coordinates: Array) -> Array:
        """Return the fields of given coordinates, shape (q,) + shape; for very many, a chunk at a time."""

    @abstractmethod
    def norms(self, snapshots: Array) -> Array:
        """Return the norms of the snapshots, shape (q,)."""

    @abstractmethod
    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Return the saved form: arrays, and what JSON holds; ``field_basis_from_arrays`` reads it."""

    def errors(self, snapshots: Array, coordinates: Array) -> tuple[Array, Array]:
        """Relative errors of the fields that ``coordinates`` stand for.

        Parameters
        ----------
        snapshots
            The truth u, shape (q,) + shape.
        coordinates
            Of the approximation u~, shape (q, m).

        Returns
        -------
        tuple of arrays
            ||u - u~|| and the projection error ||u - P u||, over max(||u||, 1e-10 of the largest training
            norm), shape (q,). The first holds the second: ||u - u~||^2 = ||u - P u||^2 + ||P u - u~||^2.
        """
        errors, projections = np.empty(len(snapshots)), np.empty(len(snapshots))
        for chunk in self._chunks(len(snapshots)):
            true = self.coordinates(snapshots[chunk])
            projection = self.norms(snapshots[chunk] - self.expand(true))
            error = np.hypot(projection, np.linalg.norm(true - coordinates[chunk], axis=1))
            size = np.hypot(projection, np.linalg.norm(true, axis=1))
            size = np.maximum(size, max(SMALLEST_NORM * self.largest_norm, np.finfo(np.float64).tiny))
            errors[chunk], projections[chunk] = error / size, projection / size
        return errors, projections

    def _chunks(self, count: int) -> Iterator[slice]:
        step = max(1, _CHUNK_BYTES // (8 * int(np.prod(self.shape))))
        return (slice(first, first + step) for first in range(0, count, step))

    def _saved(self, kind: str) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        arrays: dict[str, AnyArray] = {"singular_values": self.singular_values}
        arrays |= {f"inner_product.{name}": array for name, array in self.inner_product.to_arrays().items()}
        meta = {
            "kind": kind,
            "shape": list(self.shape),
            "truncation_error": self.truncation_error,
            "largest_norm": self.largest_norm,
            "method": self.method,
        }
        return arrays, meta


def saved_common(
    arrays: Mapping[str, AnyArray], meta: Mapping[str, Any], *, in_time: bool = False
) -> dict[str, Any]:
    """Read what every basis saves, with time as first axis or without; raises StorageError where it makes no
    sense.
    """
    prefix = "inner_product."
    product = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    try:
        shape = tuple(int(size) for size in meta["shape"])
        common: dict[str, Any] = {
            "shape": shape,
            "truncation_error": float(meta["truncation_error"]),
            "largest_norm": float(meta["largest_norm"]),
            "method": str(meta["method"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"the saved basis cannot be read: {error!r} in its description") from error
    if not shape or min(shape) < 1 or not np.isfinite(float(meta["truncation_error"])):
        raise StorageError(f"the saved basis cannot be read: its description makes no sense: {dict(meta)}")
    values, inner_product = saved_array(arrays, "singular_values", (None,)), InnerProduct.from_arrays(product)
    nodal = shape[in_time:]
    if not 1 <= len(nodal) <= 2 or inner_product.size not in (None, nodal[0]):
        raise StorageError(f"the saved basis cannot be read: shape {shape} does not fit its inner product")
    return common | {"inner_product": inner_product, "singular_values": values}


def saved_array(arrays: Mapping[str, AnyArray], name: str, shape: tuple[int | None, ...]) -> Array:
    """Read one array of a saved basis; None in ``shape`` stands for any size."""
    if name not in arrays:
        raise StorageError(f"the saved basis cannot be read: array {name!r} is missing")
    array = np.asarray(arrays[name])
    fits = array.ndim == len(shape) and all(
        expected in (None, size) for size, expected in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise StorageError(
            f"the saved basis cannot be read: array {name!r} of shape {array.shape} and type {array.dtype} "
            f"does not hold finite numbers of shape {shape}"
        )
    return array.astype(np.float64, copy=False)


def check_orthonormal(vectors: Array, dual: Array, name: str) -> None:
    """Refuse saved vectors whose norms are not one: they were not saved with this inner product."""
    norms = np.einsum("kn,kn->k", vectors, dual)
    if np.abs(norms - 1.0).max(initial=0.0) > 1e-6:
        raise StorageError(
            f"the saved basis cannot be read: array {name!r} is not orthonormal in its inner product"
        )
