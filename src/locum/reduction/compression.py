"""Rows written as few orthogonal rows, in one pass and in bounded memory.

The rows S (n, N) of an ensemble arrive in pieces. Each piece is replaced by its leading combinations in the
inner product X, pieces are stacked and compressed again, and so on until one short stack F (r, N) is left:
the hierarchical approximate proper orthogonal decomposition of Himpe, Leibner and Rave (SIAM J. Sci. Comput.
40(5), 2018, arXiv 1607.05210) on the sequence of pieces; without truncation, the flat-tree TSQR of Demmel et
al. (2012).

What was lost is known. A compression splits rows A into orthogonal combinations, A^T A = F^T F + D^T D with D
dropped. Summed over the whole pass, S^T S = F^T F + sum of D^T D, so for **every** X-orthonormal V

    ||S - P_V S||^2 = ||S||^2 - ||P_V S||^2 <= ||S||^2 - ||P_V F||^2:

squares add, whatever the order and number of pieces. This is sharper than the paper's bound, which adds along
the tree by the triangle inequality. The rows' coefficients, S ~ C F, do obey only that one:
||S - C F|| <= sqrt(sum of the pieces' losses) + sum over the merges of sqrt(loss).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from locum.arrays import Array
from locum.exceptions import FitError
from locum.reduction.inner_product import InnerProduct

GRAM = "gram+choleskyqr"
TSQR = "tsqr"
METHODS = ("auto", GRAM, TSQR)
# a Gram matrix resolves singular values down to sqrt(eps) = 1.5e-8 of the first: "auto" takes the method that
# does not square them below this tolerance, two digits above that floor
GRAM_RTOL = 1e-6
# what one compression may lose, as a share of the energy that the tolerance lets go
_SHARE = 1e-4
_PIECE_ROWS = 128
_PIECE_BYTES = 2**26
_COLUMNS = 4096
_EPS = float(np.finfo(np.float64).eps)
_ROUNDS = 8
TOO_LARGE = "reduced basis: the snapshots hold values so large that their squares overflow; check their units"
_NOT_POSITIVE = "reduced basis: the inner product is not positive on the snapshots; check its matrix"


@dataclass(frozen=True, eq=False)
class Compressed:
    """An ensemble of rows S ~ ``coefficients @ modes``.

    Parameters
    ----------
    modes
        F: X-orthogonal rows, row i of norm ``singular_values[i]``, shape (r, N).
    singular_values
        Descending, shape (r,).
    energy
        ||S||^2: the sum of the rows' squared norms.
    lost
        Energy that F does not hold: ||S||^2 - ||F||^2, summed from what each compression dropped.
    drift
        Bound on ||S - coefficients @ modes||.
    coefficients
        C, shape (n, r), or None where they were not asked for.
    """

    modes: Array
    singular_values: Array
    energy: float
    lost: float
    drift: float
    coefficients: Array | None


class RowCompressor:
    """One pass over the rows of an ensemble; in memory that, coefficients excepted, is bounded.

    Parameters
    ----------
    inner_product
        X.
    rtol
        Relative root-mean-square error that the caller will allow; the pass loses far less.
    method
        ``gram+choleskyqr`` or ``tsqr``.
    keep_coefficients
        Whether the rows' coefficients are wanted: r numbers for each row.
    start
        What an earlier pass returned: this one goes on from there.
    """

    def __init__(
        self,
        inner_product: InnerProduct,
        rtol: float,
        method: str,
        *,
        keep_coefficients: bool = False,
        start: Compressed | None = None,
    ) -> None:
        if start is None:
            coefficients = np.empty((0, 0)) if keep_coefficients else None
            start = Compressed(np.empty((0, 0)), np.empty(0), 0.0, 0.0, 0.0, coefficients)
        self._inner_product = inner_product
        self._share = _SHARE * rtol**2
        self._accurate = method == TSQR
        self._done = start
        # the modes found so far, then pieces that wait to be merged with them
        self._stack = start.modes.copy()
        self._used = len(start.modes)
        self._pending: list[_Split] = []
        self._piece_losses = 0.0

    def add(self, rows: Array, gram: Array | None = None) -> None:
        """Take the next rows, shape (k, N), overwriting them; ``gram``: their Gram matrix, if known."""
        step = piece_rows(rows.shape[1])
        for first in range(0, len(rows), step):
            whole = step >= len(rows)
            piece = self._split(rows[first : first + step], gram if whole else None)
            self._piece_losses += piece.lost
            self._append(piece.rows)
            self._pending.append(replace(piece, rows=np.empty((0, 0))))
            if self._used >= 2 * max(len(self._done.singular_values), step):
                self._merge()

    def result(self) -> Compressed:
        """Return what the pass found."""
        if self._pending:
            self._merge()
        drift = self._done.drift + float(np.sqrt(self._piece_losses))
        return replace(self._done, modes=self._stack[: self._used].copy(), drift=drift)

    def _append(self, rows: Array) -> None:
        if not len(rows):
            return
        needed = self._used + len(rows)
        if needed > len(self._stack):
            larger = np.empty((needed + piece_rows(rows.shape[1]), rows.shape[1]))
            if self._used:
                larger[: self._used] = self._stack[: self._used]
            self._stack = larger
        self._stack[self._used : needed] = rows
        self._used = needed

    def _merge(self) -> None:
        done, pieces = self._done, self._pending
        energy = sum(piece.energy for piece in pieces)
        known = len(done.singular_values)
        if self._used and (known or len(pieces) > 1):
            stack = self._stack[: self._used]
            gram = (
                None if self._accurate else _bordered_gram(stack, done.singular_values, self._inner_product)
            )
            merged = self._split(stack, gram, energy)
        else:
            values = pieces[0].values
            merged = _Split(self._stack[: self._used], np.eye(len(values)), values, 0.0, energy)
        self._used = len(merged.values)
        self._done = Compressed(
            done.modes,
            merged.values,
            done.energy + energy,
            done.lost + merged.lost + sum(piece.lost for piece in pieces),
            done.drift + float(np.sqrt(merged.lost)),
            _carried(done.coefficients, pieces, merged.rotation, known),
        )
        self._pending = []

    def _split(self, rows: Array, gram: Array | None, energy: float | None = None) -> _Split:
        if len(rows) > rows.shape[1]:
            orthonormal, triangle = np.linalg.qr(rows)
            rows[: len(triangle)] = triangle
            split = self._split(rows[: len(triangle)], None, energy)
            return replace(split, rotation=orthonormal @ split.rotation)
        if self._accurate:
            return _split_by_orthonormalisation(rows, self._inner_product, self._share, energy)
        gram = self._inner_product.gram(rows) if gram is None else gram
        return _split_by_gram(rows, gram, self._share, energy)


@dataclass(frozen=True, eq=False)
class _Split:
    """Rows as ``rotation @ rows``: few, X-orthogonal, of norms ``values``; written over the old ones."""

    rows: Array
    rotation: Array
    values: Array
    lost: float
    energy: float


def _carried(coefficients: Array | None, pieces: list[_Split], rotation: Array, known: int) -> Array | None:
    """Return the coefficients of all rows after a merge: known ones, then those of the pieces."""
    if coefficients is None:
        return None
    parts, first = [coefficients @ rotation[:known]], known
    for piece in pieces:
        last = first + len(piece.values)
        parts.append(piece.rotation @ rotation[first:last])
        first = last
    return np.concatenate(parts)


def _split_by_gram(rows: Array, gram: Array, share: float, energy: float | None) -> _Split:
    if not np.isfinite(gram).all():
        raise FitError(TOO_LARGE)
    eigenvalues, rotation = np.linalg.eigh(0.5 * (gram + gram.T))
    eigenvalues, rotation = eigenvalues[::-1], rotation[:, ::-1]
    largest = max(float(eigenvalues[0]), 0.0)
    if eigenvalues[-1] < -1e-8 * largest:
        raise FitError(_NOT_POSITIVE)
    eigenvalues = np.maximum(eigenvalues, 0.0)
    energy = float(eigenvalues.sum()) if energy is None else energy
    resolved = int((eigenvalues > len(rows) * _EPS * largest).sum())
    rank = min(rank_within(eigenvalues, share * energy), resolved)
    kept = _rotate(rows, rotation[:, :rank])
    return _Split(
        kept, rotation[:, :rank], np.sqrt(eigenvalues[:rank]), float(eigenvalues[rank:].sum()), energy
    )


def _split_by_orthonormalisation(
    rows: Array, inner_product: InnerProduct, share: float, energy: float | None
) -> _Split:
    """SVD through rows = C Q with Q orthonormal: singular values to eps of the first one."""
    coefficients, rows, total = _orthonormal_factors(rows, inner_product)
    left, values, right = np.linalg.svd(coefficients, full_matrices=False)
    energy = total if energy is None else energy
    resolved = int((values > len(left) * _EPS * values[:1].sum()).sum())
    rank = min(rank_within(values**2, share * energy), resolved)
    kept = _rotate(rows, right[:rank].T * values[:rank])
    return _Split(kept, left[:, :rank], values[:rank], float((values[rank:] ** 2).sum()), energy)


def _orthonormal_factors(rows: Array, inner_product: InnerProduct) -> tuple[Array, Array, float]:
    """Return C, Q (written over ``rows``) and the energy of rows = C Q with Q orthonormal.

    One rotation by the Gram matrix's eigenvectors separates directions down to sqrt(eps); rows scaled to norm
    one and rotated again separate what was below, as in one-sided Jacobi and in shifted CholeskyQR3 (Fukaya
    et al., SIAM J. Sci. Comput. 42(1), 2020). Rows that rounding alone made are dropped.
    """
    coefficients = np.eye(len(rows))
    norms = inner_product.norms(rows)
    energy = float(norms @ norms)
    if not np.isfinite(energy):
        raise FitError(TOO_LARGE)
    floor = 0.0
    for _ in range(_ROUNDS):
        kept = (norms > floor) & (norms * np.linalg.norm(coefficients, axis=0) > _EPS * np.sqrt(energy))
        count = int(kept.sum())
        if count < len(rows):
            rows[:count] = rows[kept]
        rows = rows[:count]
        rows /= norms[kept, None]
        coefficients = coefficients[:, kept] * norms[kept]
        gram = inner_product.gram(rows)
        gram = 0.5 * (gram + gram.T)
        if not count or np.abs(gram - np.eye(count)).max() < 1.0 / (4 * count):
            triangle = np.linalg.cholesky(gram)
            inverse = solve_triangular(triangle, np.eye(count), lower=True)
            return coefficients @ triangle, _rotate(rows, inverse.T), energy
        eigenvalues, rotation = np.linalg.eigh(gram)
        if eigenvalues[0] < -1e-8 * eigenvalues[-1]:
            raise FitError(_NOT_POSITIVE)
        rows, coefficients = _rotate(rows, rotation), coefficients @ rotation
        norms, floor = inner_product.norms(rows), count * _EPS
    raise FitError(_NOT_POSITIVE)


def orthonormalised(rows: Array, inner_product: InnerProduct) -> Array:
    """Return the rows made X-orthonormal by CholeskyQR; they must nearly be so already.

    Raises
    ------
    FitError
        Rows that stay 1e-10 away from orthonormality: the inner product is not positive on them.
    """
    identity = np.eye(len(rows))
    for _ in range(3):
        gram = inner_product.gram(rows)
        if not len(rows) or np.abs(gram - identity).max() < 1e-14:
            break
        try:
            triangle = np.linalg.cholesky(0.5 * (gram + gram.T))
        except np.linalg.LinAlgError:
            break
        rows = _rotate(rows.copy(), solve_triangular(triangle, identity, lower=True).T)
    if len(rows) and not np.abs(inner_product.gram(rows) - identity).max() < 1e-10:
        raise FitError(
            "reduced basis: its vectors cannot be made orthonormal; check the inner product's matrix"
        )
    return rows


def rank_within(energies: Array, allowed: float) -> int:
    """Return the smallest rank whose tail, summed from the small end, is at most ``allowed``."""
    tails = np.cumsum(energies[::-1])
    return int(len(energies) - np.searchsorted(tails, allowed, side="right"))


def _rotate(rows: Array, rotation: Array) -> Array:
    """Return ``rotation.T @ rows`` written over the first rows of ``rows``, a strip of columns at a time."""
    count = rotation.shape[1]
    transposed = np.ascontiguousarray(rotation.T)
    for first in range(0, rows.shape[1], _COLUMNS):
        strip = slice(first, first + _COLUMNS)
        rows[:count, strip] = transposed @ rows[:, strip]
    return rows[:count]


def _bordered_gram(rows: Array, values: Array, inner_product: InnerProduct) -> Array:
    """Return the Gram matrix of rows whose first ones are orthogonal with norms ``values``."""
    known = len(values)
    gram = np.diag(np.pad(values**2, (0, len(rows) - known)))
    gram[:, known:] = inner_product.gram(rows, rows[known:])
    gram[known:, :known] = gram[:known, known:].T
    return gram


def piece_rows(width: int) -> int:
    """Return how many rows of ``width`` values are compressed at a time."""
    return int(np.clip(_PIECE_BYTES // (8 * max(width, 1)), 16, _PIECE_ROWS))
