"""An ensemble of snapshots, read once and kept as few modes with coefficients: bases come cheap.

New simulations can be added to it without reading the old ones again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.reduction.basis import SMALLEST_NORM, FieldBasis
from locum.reduction.compression import GRAM, TOO_LARGE, Compressed, RowCompressor, piece_rows
from locum.reduction.inner_product import InnerProduct
from locum.reduction.pod import EUCLIDEAN, basis_vectors, chosen_method, pod, rank_for
from locum.reduction.steady import SteadyBasis
from locum.reduction.transient import TransientBasis, trapezoid_weights

# space modes cost nothing to regress, coordinates do: space gets a tenth of the squared error, time the rest
_SPACE_SHARE = 0.1

Blocks = Callable[[], Iterable[Array]]


@dataclass(frozen=True, eq=False)
class CompressedEnsemble:
    """n snapshots as ``coefficients @ modes``, up to far less than ``rtol``.

    Made by :func:`compressed_ensemble`. Its memory is r rows of a field's size, and T r numbers a snapshot.

    Parameters
    ----------
    shape
        Of one snapshot: (N,), (N, c), (T, N) or (T, N, c).
    times
        Saved times, shape (T,), or None for a steady field.
    inner_product
        Of nodal values.
    rtol
        Relative tolerance that bases will be made for.
    method
        ``gram+choleskyqr`` or ``tsqr``.
    weights
        By which each snapshot was multiplied, shape (n,).
    norms
        Of the snapshots themselves, shape (n,).
    rows
        The time slices of all snapshots, weighted in time as well.
    """

    shape: tuple[int, ...]
    times: Array | None
    inner_product: InnerProduct
    rtol: float
    method: str
    weights: Array
    norms: Array
    rows: Compressed

    def extended(self, blocks: Blocks, *, weights: Array | None = None) -> CompressedEnsemble:
        """Return the ensemble with the snapshots of ``blocks`` after its own; only the new ones are read."""
        compressor = RowCompressor(
            self._product, self.rtol, self.method, keep_coefficients=True, start=self.rows
        )
        all_weights, all_norms = [self.weights], [self.norms]
        count, largest = len(self.norms), float(self.norms.max(initial=0.0))
        for rows in _snapshot_rows(blocks(), self.shape, self._slices, count):
            gram, squares = self._energies(rows)
            norms = np.sqrt(np.maximum(squares.reshape(-1, self._slices), 0.0) @ self._time_weights)
            largest = max(largest, float(norms.max()))
            if not np.isfinite(largest):
                raise FitError(TOO_LARGE)
            done = sum(map(len, all_norms)) - count
            given = None if weights is None else np.asarray(weights[done : done + len(norms)])
            factors = _weights(given, norms, largest)
            scales = np.outer(factors, np.sqrt(self._time_weights)).ravel()
            rows *= scales[:, None]
            compressor.add(rows, None if gram is None else gram * np.outer(scales, scales))
            all_weights.append(factors)
            all_norms.append(norms)
        norms = np.concatenate(all_norms)
        if weights is not None and len(weights) != len(norms) - count:
            raise FitError(
                f"reduced basis: {len(weights)} weights were given for {len(norms) - count} snapshots"
            )
        return replace(self, weights=np.concatenate(all_weights), norms=norms, rows=compressor.result())

    def coarser(self, rtol: float) -> CompressedEnsemble:
        """Return the ensemble for bases of a larger relative tolerance."""
        return replace(self, rtol=max(rtol, self.rtol))

    def basis(self, *, max_rank: int | None = None) -> FieldBasis:
        """Return the basis for the ensemble's tolerance, as :func:`locum.reduction.field_basis` does."""
        if not len(self.norms):
            raise FitError("reduced basis: there are no snapshots; simulate some first")
        if not self.rows.energy:
            return self._zero()
        return self._steady(max_rank) if self.times is None else self._transient(self.times, max_rank)

    def coordinates(self, basis: FieldBasis) -> Array:
        """Return the snapshots' coordinates in a basis of this field, shape (n, m), without reading again.

        They differ from ``basis.coordinates(snapshots)`` by what compression lost: of the weighted ensemble,
        at most ``rows.drift`` in root of the sum of squares, a few hundredths of the tolerance.
        """
        if isinstance(basis, TransientBasis):
            functions = basis.time_functions * np.sqrt(self._time_weights)[:, None]
            coordinates = self._coefficients(basis.space_vectors) @ functions.reshape(basis.rank, -1).T
        elif isinstance(basis, SteadyBasis):
            coordinates = self._coefficients(basis.vectors)
        else:
            raise TypeError(f"unknown kind of basis: {type(basis).__name__}")
        return np.asarray(coordinates / self.weights[:, None])

    @property
    def _slices(self) -> int:
        return 1 if self.times is None else len(self.times)

    @cached_property
    def _time_weights(self) -> Array:
        return np.ones(1) if self.times is None else trapezoid_weights(self.times)

    @cached_property
    def _product(self) -> InnerProduct:
        return self.inner_product.repeated(int(np.prod(self.shape[1 if self.times is None else 2 :])))

    def _energies(self, rows: Array) -> tuple[Array | None, Array]:
        """Return the Gram matrix of one piece, where the compression needs it, and the squared norms."""
        if self.method == GRAM and len(rows) <= piece_rows(rows.shape[1]):
            gram = self._product.gram(rows)
            return gram, gram.diagonal()
        return None, self._product.norms(rows) ** 2

    def _coefficients(self, vectors: Array) -> Array:
        """Return the weighted snapshots' coefficients in X-orthonormal vectors, shape (n, T r)."""
        assert self.rows.coefficients is not None
        if not len(self.rows.modes):
            return np.zeros((len(self.norms), self._slices * len(vectors)))
        change = self._product.gram(self.rows.modes, vectors)
        return np.asarray(self.rows.coefficients @ change).reshape(len(self.norms), -1)

    def _zero(self) -> FieldBasis:
        """Return a basis of a field that is zero in every snapshot: any direction will do."""
        width = int(np.prod(self.shape)) // self._slices
        vectors = basis_vectors(np.random.default_rng(0).standard_normal((1, width)), self._product)
        common = (self.shape, self.inner_product, np.zeros(1), 0.0, 0.0, self.method)
        if self.times is None:
            return SteadyBasis(*common, vectors)
        functions = np.full((1, self._slices, 1), 1.0 / np.sqrt(self._time_weights.sum()))
        return TransientBasis(*common, self.times, vectors, np.zeros(1), functions)

    def _steady(self, max_rank: int | None) -> SteadyBasis:
        rows = self.rows
        rank = rank_for(rows.singular_values, rows.lost, rows.energy, self.rtol, max_rank)
        discarded = float((rows.singular_values[rank:] ** 2).sum()) + rows.lost
        return SteadyBasis(
            self.shape,
            self.inner_product,
            rows.singular_values,
            float(np.sqrt(discarded / rows.energy)),
            float(self.norms.max()),
            self.method,
            basis_vectors(rows.modes[:rank], self._product),
        )

    def _transient(self, times: Array, max_rank: int | None) -> TransientBasis:
        rows = self.rows
        drift = rows.drift / np.sqrt(rows.energy)
        # the drift of the coefficients counts in full; where it eats up the tolerance, the result says so
        allowed = max(self.rtol - drift, 0.5 * self.rtol)
        space_rank = rank_for(rows.singular_values, 0.0, rows.energy, np.sqrt(_SPACE_SHARE) * allowed)
        space = basis_vectors(rows.modes[:space_rank], self._product)
        space_error = float((rows.singular_values[space_rank:] ** 2).sum()) / rows.energy
        trajectories = self._coefficients(space)
        level = pod(
            lambda: [trajectories],
            rtol=float(np.sqrt(max(allowed**2 - space_error, 0.5 * allowed**2))),
            max_rank=max_rank,
            method=self.method,
        )
        time_error = level.truncation_error**2 * level.total_energy / rows.energy
        functions = level.vectors.reshape(level.rank, len(times), space_rank)
        return TransientBasis(
            self.shape,
            self.inner_product,
            level.singular_values,
            float(drift + np.sqrt(space_error + time_error)),
            float(self.norms.max()),
            self.method,
            times,
            space,
            rows.singular_values,
            functions / np.sqrt(self._time_weights)[:, None],
        )


def compressed_ensemble(
    blocks: Blocks,
    *,
    shape: tuple[int, ...],
    times: Array | None,
    inner_product: InnerProduct = EUCLIDEAN,
    rtol: float,
    weights: Array | None = None,
    method: str = "auto",
) -> CompressedEnsemble:
    """Read an ensemble once; arguments and errors as for :func:`locum.reduction.field_basis`."""
    method = chosen_method(method, rtol)
    axes = 1 if times is None else 2
    if times is not None:
        times = np.asarray(times, dtype=np.float64)
    sizes = (inner_product.size,) if times is None else (len(times), inner_product.size)
    if len(shape) not in (axes, axes + 1) or any(
        wanted not in (None, size) for size, wanted in zip(shape, sizes, strict=False)
    ):
        raise FitError(
            f"reduced basis: snapshots of shape {shape} do not fit inner product and times; expected "
            f"{sizes}, with components last if any"
        )
    rows = Compressed(np.empty((0, 0)), np.empty(0), 0.0, 0.0, 0.0, np.empty((0, 0)))
    empty = CompressedEnsemble(
        tuple(shape), times, inner_product, rtol, method, np.empty(0), np.empty(0), rows
    )
    return empty.extended(blocks, weights=weights)


def _snapshot_rows(
    blocks: Iterable[Array], shape: tuple[int, ...], slices: int, first: int
) -> Iterator[Array]:
    """Copy the snapshots as rows, about one piece of whole snapshots at a time; name misfits."""
    width = int(np.prod(shape)) // slices
    step = max(1, piece_rows(width) // slices)
    for block in blocks:
        if tuple(np.shape(block)[1:]) != shape:
            raise FitError(
                f"reduced basis: a block of snapshots has shape {np.shape(block)}; expected (snapshots, "
                f"{', '.join(map(str, shape))})"
            )
        for start in range(0, len(block), step):
            part = np.array(block[start : start + step], dtype=np.float64, order="C")
            if not np.isfinite(part).all():
                bad = int(np.isfinite(part).reshape(len(part), -1).all(axis=1).argmin())
                raise FitError(
                    f"reduced basis: snapshot {first + start + bad} of the ensemble holds values that are "
                    "not finite"
                )
            yield part.reshape(-1, width)
        first += len(block)


def _weights(given: Array | None, norms: Array, largest: float) -> Array:
    """Return the snapshots' weights: those given, else one over the norm, so that errors count relatively."""
    if given is None:
        return 1.0 / np.maximum(norms, SMALLEST_NORM * largest) if largest else np.ones(len(norms))
    if given.shape != norms.shape or not (np.isfinite(given).all() and (given > 0.0).all()):
        raise FitError("reduced basis: weights must be positive and finite, one for each snapshot")
    return given.astype(np.float64)
