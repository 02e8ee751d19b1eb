"""An error estimate that needs no stability constant: the residual tested with dual solutions of random
functionals.

For z ~ N(0, X) the mean of (z . e)^2 is ||e||_X^2, and z . e = y . r with A(mu)^T y = z: the root mean
square of K such products estimates ||e||_X. Over all of |S| queries the estimate lies within a factor w of
the error with probability 1 - d if

    K >= max(3, log(|S| / d) / log(w / sqrt(e))),    w > sqrt(e)

(Smetana, Zahm and Patera, *Randomized residual-based error estimators for parametrized equations*, SIAM J.
Sci. Comput. 41, 2019). The duals are reduced too, on one basis for all z; the guarantee is that of exact
duals, and what reduced ones give is an estimate.

Shapes: m parameter values, K functionals, n primal and n' dual vectors, N unknowns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.affine_system import AffineSystem
from locum.reduction.gram_schmidt import orthonormal_extension
from locum.reduction.inner_product import InnerProduct
from locum.reduction.projection import Projection


def required_functionals(queries: int, failure: float, factor: float) -> int:
    """Number K for ``queries`` answers within ``factor`` of the truth but for a probability ``failure``.

    Raises
    ------
    ValueError
        A factor not above sqrt(e), or a probability outside (0, 1).
    """
    if not factor > math.sqrt(math.e) or not 0.0 < failure < 1.0 or queries < 1:
        raise ValueError(
            f"expected queries >= 1, 0 < failure < 1 and factor > {math.sqrt(math.e):.3f}, "
            f"got {queries}, {failure} and {factor}"
        )
    return max(3, math.ceil(math.log(queries / failure) / math.log(factor / math.sqrt(math.e))))


def random_functionals(
    inner_product: InnerProduct, count: int, size: int, generator: np.random.Generator
) -> Array:
    """Draws of N(0, X) as rows, shape (count, size).

    Raises
    ------
    ModelError
        An inner product that is not positive definite.
    """
    draws = generator.standard_normal((count, size))
    matrix = inner_product.matrix
    if matrix is None:
        return draws
    if matrix.ndim == 1:
        return np.asarray(draws * np.sqrt(matrix))
    factor = splu(
        sp.csc_matrix(matrix),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    pivots = factor.U.diagonal()
    if not np.array_equal(factor.perm_r, factor.perm_c) or pivots.min() <= 0:
        raise ModelError("inner product: the matrix is not positive definite")
    roots = (factor.L @ sp.diags_array(np.sqrt(pivots))) @ draws.T  # X = P^T L D L^T P
    return np.ascontiguousarray(roots[factor.perm_r].T)


@dataclass(frozen=True, eq=False)
class RandomisedEstimator:
    """The estimate online.

    Parameters
    ----------
    dual_matrices
        W A_q^T W^T, shape (Q, n', n'), for the dual basis W (n', N).
    dual_vectors
        W z_k, shape (K, n').
    cross_matrices
        W A_q V^T, shape (Q, n', n).
    cross_vectors
        W f_p, shape (P, n').
    """

    dual_matrices: Array
    dual_vectors: Array
    cross_matrices: Array
    cross_vectors: Array

    def __call__(self, theta: Array, phi: Array, coordinates: Array) -> Array:
        """Estimates of ||u - u_n||_X, shape (m,), for coefficients (m, Q), (m, P) and coordinates (m, n)."""
        matrices = np.einsum("mq,qij->mij", theta, self.dual_matrices, optimize=True)
        duals = np.linalg.solve(matrices, self.dual_vectors.T[None])  # (m, n', K)
        images = np.einsum("mq,qij,mj->mi", theta, self.cross_matrices, coordinates, optimize=True)
        residuals = phi @ self.cross_vectors - images
        products = np.einsum("mi,mik->mk", residuals, duals)
        return np.asarray(np.sqrt(np.mean(products**2, axis=1)))


def dual_snapshots(system: AffineSystem, theta: Array, functionals: Array) -> Array:
    """Exact duals y of all functionals (K, N) at coefficients (s, Q), as rows (s K, N)."""
    rows = [
        splu(sp.csc_matrix(system.assembled(factors, np.zeros(len(system.vectors)))[0]))
        .solve(np.ascontiguousarray(functionals.T), trans="T")
        .T
        for factors in theta
    ]
    return np.concatenate(rows)


def randomised_estimator(primal: Projection, duals: Array, functionals: Array) -> RandomisedEstimator:
    """Reduce the duals of the functionals (K, N) on the span of dual snapshots (s, N)."""
    system = primal.system
    basis, _ = orthonormal_extension(np.empty((0, system.size)), duals, system.inner_product, 1e-10)
    tested = np.stack([(matrix.T @ basis.T).T for matrix in system.matrices])  # W A_q, (Q, n', N)
    return RandomisedEstimator(
        (tested @ basis.T).transpose(0, 2, 1),
        functionals @ basis.T,
        tested @ primal.basis.T,
        system.vectors @ basis.T,
    )
