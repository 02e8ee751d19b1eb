"""Linear systems whose matrix and right-hand side are sums of few known ones with scalar coefficients.

A(mu) = sum_q theta_q(mu) A_q and f(mu) = sum_p phi_p(mu) f_p, in the space of N unknowns with inner product
X. Everything that depends on N is done once; what depends on mu is done with the Q + P coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.reduction.inner_product import InnerProduct
from locum.reduction.riesz import RieszMap, factorised


@dataclass(frozen=True, eq=False)
class AffineSystem:
    """The parts of A(mu) u = f(mu).

    Parameters
    ----------
    matrices
        A_q, sparse (N, N).
    vectors
        f_p as rows, shape (P, N).
    inner_product
        X on the N unknowns: in it bases are orthonormal and errors are measured.
    """

    matrices: tuple[Any, ...]
    vectors: Array
    inner_product: InnerProduct

    @property
    def size(self) -> int:
        """Number of unknowns, N."""
        return int(self.vectors.shape[1])

    def assembled(self, theta: Array, phi: Array) -> tuple[Any, Array]:
        """Sparse A(mu) and f(mu) (N,) for coefficients (Q,) and (P,)."""
        matrix = sum(factor * part for factor, part in zip(theta, self.matrices, strict=True))
        return matrix, np.asarray(phi @ self.vectors)

    def solve(self, theta: Array, phi: Array) -> Array:
        """Solutions for m parameter values, coefficients (m, Q) and (m, P): shape (m, N).

        Raises
        ------
        ModelError
            The matrix is singular.
        """
        rows = np.empty((len(theta), self.size))
        for row, (factors, loads) in enumerate(zip(theta, phi, strict=True)):
            matrix, right = self.assembled(factors, loads)
            rows[row] = factorised(matrix, "the system").solve(right)
        return rows

    def adjoint(self, functional: Array) -> AffineSystem:
        """The dual system A(mu)^T psi = l of an output l . u, for l of shape (N,)."""
        transposed = tuple(matrix.T.tocsr() for matrix in self.matrices)
        return replace(self, matrices=transposed, vectors=functional[None])

    def images(self, rows: Array) -> Array:
        """A_q v for rows v (k, N): shape (Q, k, N)."""
        columns = np.ascontiguousarray(rows.T)
        return np.stack([np.asarray(matrix @ columns).T for matrix in self.matrices])

    def riesz(self, functionals: Array) -> Array:
        """Representatives z with X z = g, of functionals g as rows (k, N): shape (k, N)."""
        return self.representatives(functionals)

    def dual_norm(self, functionals: Array) -> Array:
        """||g||_{X^-1} of functionals as rows (k, N), from their representatives: shape (k,)."""
        return self.representatives.norm(functionals)

    @cached_property
    def representatives(self) -> RieszMap:
        """From functionals to their representatives."""
        return RieszMap(self.inner_product)
