"""Proper orthogonal decomposition of an ensemble of rows in a given inner product.

Given rows S (n, N), the X-orthonormal rows V (m, N) that minimise the mean square of s - V^T V X s. The
discarded squared singular values add up to that error (Sirovich, 1987).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.reduction.compression import (
    GRAM,
    GRAM_RTOL,
    METHODS,
    TSQR,
    RowCompressor,
    orthonormalised,
    rank_within,
)
from locum.reduction.inner_product import InnerProduct

EUCLIDEAN = InnerProduct()


@dataclass(frozen=True, eq=False)
class ReducedBasis:
    """An X-orthonormal basis of rows.

    Parameters
    ----------
    vectors
        V, shape (m, N).
    singular_values
        All that were computed, descending, shape (r,) with r >= m.
    total_energy
        Sum of the squared norms of the ensemble's rows.
    lost_energy
        Part of it that one-pass compression dropped beside the singular values.
    inner_product
        X.
    method
        ``gram+choleskyqr`` or ``tsqr``: which one ran.
    passes
        How often the ensemble was read.
    """

    vectors: Array
    singular_values: Array
    total_energy: float
    lost_energy: float
    inner_product: InnerProduct
    method: str
    passes: int = 1

    @property
    def rank(self) -> int:
        """Number of vectors, m."""
        return len(self.vectors)

    @property
    def truncation_error(self) -> float:
        """Relative root-mean-square projection error of the ensemble: sqrt(discarded / total energy)."""
        tail = self.singular_values[self.rank :]
        return float(np.sqrt((tail @ tail + self.lost_energy) / self.total_energy))

    def project(self, rows: Array) -> Array:
        """Return the coordinates ``rows @ X @ V.T``, shape (k, m)."""
        return np.asarray(rows @ self._dual.T)

    def expand(self, coordinates: Array) -> Array:
        """Return the rows of given coordinates, shape (k, N)."""
        return np.asarray(coordinates @ self.vectors)

    def truncated(self, rank: int) -> ReducedBasis:
        """Return the basis of the first ``rank`` vectors."""
        return replace(self, vectors=self.vectors[:rank])

    @cached_property
    def _dual(self) -> Array:
        return self.inner_product.apply(self.vectors)


def pod(
    blocks: Callable[[], Iterable[Array]],
    *,
    rtol: float,
    inner_product: InnerProduct = EUCLIDEAN,
    max_rank: int | None = None,
    method: str = "auto",
) -> ReducedBasis:
    """Proper orthogonal decomposition in one pass and in memory for one block and about 5 m rows.

    Parameters
    ----------
    blocks
        Returns the ensemble as an iterable of row blocks, shape (k, N) each; called once.
    rtol
        Relative root-mean-square projection error over the ensemble. The rank is the larger of the number of
        singular values above ``rtol`` times the first, and the smallest rank whose error is within ``rtol``.
    inner_product
        X.
    max_rank
        Largest rank; the error may then exceed ``rtol``, and ``truncation_error`` says so.
    method
        ``gram+choleskyqr``: eigenvectors of blocks' Gram matrices, then one CholeskyQR correction of the
        basis; fast, blind below sqrt(eps) of the first singular value. ``tsqr``: orthonormal factors of the
        blocks; two to three times the work, resolves singular values down to eps. ``auto``: ``tsqr`` for
        ``rtol`` below 1e-6, else ``gram+choleskyqr``.

    Returns
    -------
    ReducedBasis
        Orthonormal to 1e-10 or better; each vector's first largest entry is positive, so that results do not
        depend on how the rows came in blocks (up to rounding and 1e-4 of the discarded energy).

    Raises
    ------
    FitError
        No rows, only zeros, values that are not finite, blocks of different or wrong widths, ``rtol`` outside
        (0, 1).
    """
    method = chosen_method(method, rtol)
    compressor = RowCompressor(inner_product, rtol, method)
    for block in _checked(blocks(), inner_product):
        compressor.add(block)
    found = compressor.result()
    if not found.energy:
        raise FitError("reduced basis: all snapshots are zero, so that there is nothing to reduce")
    rank = rank_for(found.singular_values, found.lost, found.energy, rtol, max_rank)
    return ReducedBasis(
        basis_vectors(found.modes[:rank], inner_product),
        found.singular_values,
        found.energy,
        found.lost,
        inner_product,
        method,
    )


def chosen_method(method: str, rtol: float) -> str:
    """Return the method that runs, after checking both arguments."""
    if not 0.0 < rtol < 1.0:
        raise FitError(f"reduced basis: the relative tolerance must lie between 0 and 1, got {rtol}")
    if method not in METHODS:
        raise FitError(f"reduced basis: unknown method {method!r}; expected one of {', '.join(METHODS)}")
    if method != "auto":
        return method
    return GRAM if rtol >= GRAM_RTOL else TSQR


def rank_for(
    singular_values: Array, lost: float, energy: float, rtol: float, max_rank: int | None = None
) -> int:
    """Return the rank for a relative root-mean-square error ``rtol`` when ``lost`` is gone already."""
    energies = singular_values**2
    by_energy = rank_within(energies, rtol**2 * energy - lost)
    by_size = int((energies > rtol**2 * energies[:1].sum()).sum())
    rank = max(by_energy, by_size, 1)
    return rank if max_rank is None else min(rank, max(max_rank, 1))


def basis_vectors(modes: Array, inner_product: InnerProduct) -> Array:
    """Return X-orthonormal vectors from X-orthogonal modes, with signs that do not depend on rounding."""
    vectors = orthonormalised(modes / inner_product.norms(modes)[:, None], inner_product)
    sizes = np.abs(vectors)
    # the first entry among those that are largest but for rounding: symmetric modes have several
    leading = np.argmax(sizes > (1.0 - 1e-6) * sizes.max(axis=1, keepdims=True), axis=1)
    return np.asarray(vectors * np.sign(vectors[np.arange(len(vectors)), leading])[:, None])


def _checked(blocks: Iterable[Array], inner_product: InnerProduct) -> Iterator[Array]:
    """Copy each block after checking it; name the row at fault."""
    width, count = inner_product.size, 0
    for block in blocks:
        rows = np.array(block, dtype=np.float64, order="C")
        if rows.ndim != 2 or (width is not None and rows.shape[1] != width):
            expected = "(rows, values)" if width is None else f"(rows, {width})"
            raise FitError(f"reduced basis: a block of snapshots has shape {rows.shape}; expected {expected}")
        width = rows.shape[1]
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            row = count + int(finite.argmin())
            raise FitError(f"reduced basis: snapshot {row} of the ensemble holds values that are not finite")
        count += len(rows)
        yield rows
    if not count or not width:
        raise FitError("reduced basis: there are no snapshots; simulate some first")
