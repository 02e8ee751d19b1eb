"""Reduced operators of an affine system, as they were inferred: what is left to do online is a small solve.

Shapes: m parameter values, n reduced coordinates, Q matrices, P right-hand sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError

_BLOCK_NUMBERS = 1 << 16  # of the matrices assembled at a time: they stay in the cache


@dataclass(frozen=True, eq=False)
class InferredOperators:
    """sum_q theta_q A_q c = sum_p phi_p b_p.

    Parameters
    ----------
    matrices
        A_q, shape (Q, n, n).
    vectors
        b_p, shape (P, n).
    """

    matrices: Array
    vectors: Array

    @property
    def rank(self) -> int:
        """Number of reduced coordinates, n."""
        return int(self.matrices.shape[1])

    def solve(self, theta: Array, phi: Array) -> Array:
        """Coordinates (m, n) for coefficients (m, Q) and (m, P); not a number where A is singular."""
        result = np.empty((len(theta), self.rank))
        right = phi @ self.vectors
        for rows in self._blocks(len(theta)):
            result[rows] = solved(self._assembled(theta[rows]), right[rows])
        return result

    def singular_values(self, theta: Array) -> tuple[Array, Array]:
        """Smallest and largest singular value of A, each (m,), for coefficients (m, Q)."""
        smallest, largest = np.empty((2, len(theta)))
        for rows in self._blocks(len(theta)):
            values = np.linalg.svd(self._assembled(theta[rows]), compute_uv=False)
            smallest[rows], largest[rows] = values[:, -1], values[:, 0]
        return smallest, largest

    def smallest_eigenvalues(self, theta: Array) -> Array:
        """Smallest eigenvalue of the symmetric part of A, shape (m,), for coefficients (m, Q)."""
        result = np.empty(len(theta))
        for rows in self._blocks(len(theta)):
            matrices = self._assembled(theta[rows])
            result[rows] = np.linalg.eigvalsh(0.5 * (matrices + matrices.transpose(0, 2, 1)))[:, 0]
        return result

    def to_arrays(self) -> dict[str, AnyArray]:
        """The saved form."""
        return {"matrices": self.matrices, "vectors": self.vectors}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> InferredOperators:
        """Read what :meth:`to_arrays` returned.

        Raises
        ------
        StorageError
            Arrays that are missing, not finite, or do not fit each other.
        """
        try:
            matrices, vectors = (np.asarray(arrays[name], np.float64) for name in ("matrices", "vectors"))
        except (KeyError, ValueError) as error:
            raise StorageError(f"the saved inferred operators cannot be read: {error!r}") from error
        fits = matrices.ndim == 3 and matrices.shape[1] == matrices.shape[2]
        if not fits or vectors.shape[1:] != matrices.shape[1:2]:
            raise StorageError("the saved inferred operators cannot be read: their arrays do not fit")
        if not (np.isfinite(matrices).all() and np.isfinite(vectors).all()):
            raise StorageError("the saved inferred operators cannot be read: they are not finite")
        return cls(matrices, vectors)

    def _assembled(self, theta: Array) -> Array:
        flat = self.matrices.reshape(len(self.matrices), -1)
        return np.asarray(theta @ flat).reshape(-1, self.rank, self.rank)

    def _blocks(self, count: int) -> Iterator[slice]:
        step = max(1, _BLOCK_NUMBERS // max(1, self.rank**2))
        return (slice(start, start + step) for start in range(0, count, step))


def solved(matrices: Array, right: Array) -> Array:
    """Solutions (m, n) of systems (m, n, n); not a number where one is singular."""
    try:
        return np.asarray(np.linalg.solve(matrices, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return _solved_one_by_one(matrices, right)


def _solved_one_by_one(matrices: Array, right: Array) -> Array:
    result = np.full(right.shape, np.nan)
    for row, (matrix, load) in enumerate(zip(matrices, right, strict=True)):
        try:
            result[row] = np.linalg.solve(matrix, load)
        except np.linalg.LinAlgError:
            continue
    return result
