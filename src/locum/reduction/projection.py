"""Galerkin projection of an affine system, with a residual norm that does not stall.

With V (n, N) orthonormal in X, the reduced solution u_n = V^T c solves V A(mu) V^T c = V f(mu). Its residual
r = f - A V^T c lies in the span of the P + Q n functionals f_p and A_q v_j. Their representatives in X are
made orthonormal once, with repeated Gram-Schmidt, and only their coefficients in that basis are kept, so
that

    ||r||_{X^-1} = || sum_p phi_p F_p - sum_{j,q} c_j theta_q B_jq ||_2

is the norm of a vector that has cancelled already, and never the root of a difference of squares: it follows
the true norm down to rounding, where the classic formula with the Gram matrix stalls at the root of rounding
(Buhr, Engwer, Ohlberger and Rave, *A numerically stable a posteriori error estimator for reduced basis
approximations of elliptic equations*, WCCM 2014, arXiv 1407.8005).

Shapes: m parameter values, N unknowns, n basis vectors, Q matrices, P right-hand sides, k residual
directions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.reduction.affine_system import AffineSystem
from locum.reduction.gram_schmidt import orthonormal_extension

_BLOCK_NUMBERS = 1 << 18  # numbers of one block of a batch: it stays in the cache


@dataclass(frozen=True, eq=False)
class ReducedSystem:
    """What is left of an affine system online: arrays whose sizes do not depend on N.

    Parameters
    ----------
    matrices
        V A_q V^T, shape (Q, n, n).
    vectors
        V f_p, shape (P, n).
    load_residuals
        F: residual coefficients of the f_p, shape (P, k).
    image_residuals
        B: residual coefficients of the A_q v_j, shape (n, Q, k).
    """

    matrices: Array
    vectors: Array
    load_residuals: Array
    image_residuals: Array

    @property
    def rank(self) -> int:
        """Number of basis vectors, n."""
        return int(self.matrices.shape[1])

    def solve(self, theta: Array, phi: Array) -> Array:
        """Reduced coordinates (m, n) for coefficients (m, Q) and (m, P).

        Raises
        ------
        numpy.linalg.LinAlgError
            A reduced matrix is singular.
        """
        count, rank = len(self.matrices), self.rank
        coordinates = np.empty((len(theta), rank))
        if not rank:
            return coordinates
        flat = self.matrices.reshape(count, -1)
        for rows in _blocks(len(theta), rank * rank):
            matrices = (theta[rows] @ flat).reshape(-1, rank, rank)
            right = phi[rows] @ self.vectors
            coordinates[rows] = np.linalg.solve(matrices, right[:, :, None])[:, :, 0]
        return coordinates

    def residuals(self, theta: Array, phi: Array, coordinates: Array) -> Array:
        """Residuals as coordinates in their orthonormal basis, shape (m, k): their 2-norm is ||r||_{X^-1}."""
        weights = (coordinates[:, :, None] * theta[:, None, :]).reshape(len(theta), -1)
        return np.asarray(phi @ self.load_residuals - weights @ self._flat_images)

    def residual_norms(self, theta: Array, phi: Array, coordinates: Array) -> Array:
        """||f - A V^T c||_{X^-1}, shape (m,)."""
        norms = np.empty(len(theta))
        for rows in _blocks(len(theta), self._flat_images.shape[0]):
            residuals = self.residuals(theta[rows], phi[rows], coordinates[rows])
            norms[rows] = np.sqrt(np.einsum("mk,mk->m", residuals, residuals))
        return norms

    @cached_property
    def _flat_images(self) -> Array:
        return self.image_residuals.reshape(-1, self.image_residuals.shape[2])

    def to_arrays(self) -> dict[str, AnyArray]:
        """The saved form."""
        return {
            "matrices": self.matrices,
            "vectors": self.vectors,
            "load_residuals": self.load_residuals,
            "image_residuals": self.image_residuals,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> ReducedSystem:
        """Read what :meth:`to_arrays` returned.

        Raises
        ------
        StorageError
            Arrays that are missing or do not fit each other.
        """
        try:
            system = cls(**{name: np.asarray(arrays[name], dtype=np.float64) for name in _NAMES})
            terms, rank, columns = system.matrices.shape
            loads, directions = system.load_residuals.shape
            fits = rank == columns and system.vectors.shape == (loads, rank)
            fits = fits and system.image_residuals.shape == (rank, terms, directions)
        except (KeyError, ValueError) as error:
            raise StorageError(f"the saved reduced system cannot be read: {error!r}") from error
        if not fits or not all(np.isfinite(array).all() for array in system.to_arrays().values()):
            raise StorageError("the saved reduced system cannot be read: its arrays do not fit each other")
        return system


_NAMES = ("matrices", "vectors", "load_residuals", "image_residuals")


@dataclass(frozen=True, eq=False)
class Projection:
    """An affine system, a basis of its solutions and the reduced system they make; it grows with the basis.

    Parameters
    ----------
    system
        The affine system.
    basis
        V: X-orthonormal rows, shape (n, N).
    residual_basis
        X-orthonormal representatives of all residuals, shape (k, N).
    reduced
        What answers.
    """

    system: AffineSystem
    basis: Array
    residual_basis: Array
    reduced: ReducedSystem

    @classmethod
    def start(cls, system: AffineSystem) -> Projection:
        """The projection onto nothing: its residual is the right-hand side."""
        terms, loads, size = len(system.matrices), len(system.vectors), system.size
        residual_basis, load_residuals = orthonormal_extension(
            np.empty((0, size)), system.riesz(system.vectors), system.inner_product
        )
        empty = ReducedSystem(
            np.empty((terms, 0, 0)),
            np.empty((loads, 0)),
            load_residuals,
            np.empty((0, terms, load_residuals.shape[1])),
        )
        return cls(system, np.empty((0, size)), residual_basis, empty)

    @property
    def rank(self) -> int:
        """Number of basis vectors, n."""
        return len(self.basis)

    def extended(self, snapshots: Array, rtol: float = 1e-12) -> Projection:
        """The projection onto the old basis and further snapshots, shape (l, N).

        Only what is new is computed: O(l) Riesz representatives, and products with the new vectors.

        Parameters
        ----------
        snapshots
            Solutions, or modes of them.
        rtol
            A snapshot whose remainder is below this share of it adds nothing.
        """
        product = self.system.inner_product
        basis, _ = orthonormal_extension(self.basis, snapshots, product, rtol)
        added = basis[self.rank :]
        if not len(added):
            return self
        images = self.system.images(added)  # (Q, a, N)
        functionals = images.transpose(1, 0, 2).reshape(-1, self.system.size)
        residual_basis, found = orthonormal_extension(
            self.residual_basis, self.system.riesz(functionals), product
        )
        old, grown = self.reduced, len(residual_basis)
        reduced = ReducedSystem(
            self._bordered(basis, images),
            np.concatenate([old.vectors, self.system.vectors @ added.T], axis=1),
            _widened(old.load_residuals, grown),
            np.concatenate(
                [_widened(old.image_residuals, grown), found.reshape(len(added), len(images), grown)]
            ),
        )
        return replace(self, basis=basis, residual_basis=residual_basis, reduced=reduced)

    def _bordered(self, basis: Array, images: Array) -> Array:
        """Reduced matrices (Q, n, n): the old ones with new columns V A_q v and new rows."""
        old, count = self.reduced.matrices, self.rank
        columns = images @ basis.T  # (Q, a, n): entry (q, j, i) is v_i A_q v_j
        matrices = np.empty((len(old), len(basis), len(basis)))
        matrices[:, :count, :count] = old
        matrices[:, :, count:] = columns.transpose(0, 2, 1)
        if count:
            adjoint = np.stack([np.asarray(matrix.T @ basis[count:].T).T for matrix in self.system.matrices])
            matrices[:, count:, :count] = adjoint @ basis[:count].T
        return matrices

    def expand(self, coordinates: Array) -> Array:
        """Unknowns (m, N) of reduced coordinates (m, n)."""
        return np.asarray(coordinates @ self.basis)


def _widened(coefficients: Array, width: int) -> Array:
    """Zeros for the new residual directions, on the last axis."""
    missing = width - coefficients.shape[-1]
    return np.pad(coefficients, [(0, 0)] * (coefficients.ndim - 1) + [(0, missing)])


def _blocks(count: int, numbers: int) -> Iterator[slice]:
    step = max(1, _BLOCK_NUMBERS // max(numbers, 1))
    return (slice(first, first + step) for first in range(0, count, step))
