"""Stability constants of one matrix, from eigenvalues in the norm of X: what interpolated constants start
from.

Coercivity: the smallest eigenvalue of (A + A^T) / 2 against X. Inf-sup: beta = min over v of ||A v||_{X^-1}
over ||v||_X, found as the inverse root of the largest eigenvalue of A^-1 X A^-T X (the supremizer form,
Rozza, Huynh and Patera 2008, section 5.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.definiteness import is_definite


def extreme_eigenvalues(matrix: Any, product: Any) -> tuple[float, float]:
    """Smallest and largest eigenvalue of the symmetric part of A (N, N) against X (N, N), both sparse."""
    symmetric = 0.5 * (matrix + matrix.T)
    if product.shape[0] < 200:
        from scipy.linalg import eigvalsh

        values = eigvalsh(symmetric.toarray(), product.toarray())
        return float(values[0]), float(values[-1])
    inverse = splu(sp.csc_matrix(product))
    solve = LinearOperator(product.shape, matvec=inverse.solve, dtype=np.float64)
    start = np.cos(np.arange(product.shape[0]))
    ends = [
        eigsh(symmetric, k=1, M=product, Minv=solve, which=which, v0=start, return_eigenvectors=False)
        for which in ("SA", "LA")
    ]
    return float(ends[0][0]), float(ends[1][0])


def coercivity_constant(matrix: Any, product: Any) -> float:
    """Smallest eigenvalue of the symmetric part of A (N, N) against X (N, N), both sparse."""
    return smallest_eigenpair(matrix, product)[0]


def smallest_eigenpair(matrix: Any, product: Any) -> tuple[float, Array]:
    """Smallest eigenvalue of the symmetric part of A (N, N) against X (N, N), and its vector (N,), X-normal.

    Of a definite matrix it is the one nearest to zero, which inverse iteration finds fast; of an indefinite
    one that would be another.
    """
    symmetric = sp.csc_matrix(0.5 * (matrix + matrix.T))
    product = sp.csc_matrix(product)
    start = np.cos(np.arange(product.shape[0]))
    if is_definite(symmetric):
        values, vectors = eigsh(symmetric, k=1, M=product, sigma=0.0, which="LM", v0=start)
    else:
        solve = LinearOperator(product.shape, matvec=splu(product).solve, dtype=np.float64)
        values, vectors = eigsh(symmetric, k=1, M=product, Minv=solve, which="SA", v0=start)
    vector = vectors[:, 0]
    return float(values[0]), np.asarray(vector / np.sqrt(vector @ (product @ vector)))


def inf_sup_constant(matrix: Any, product: Any, rtol: float = 0.0) -> float:
    """Smallest ||A v||_{X^-1} over ||v||_X for sparse A and X, both (N, N).

    Parameters
    ----------
    rtol
        Of the eigenvalue solver; zero for rounding. What it allows is taken off the constant.

    Raises
    ------
    ModelError
        A singular matrix.
    """
    product = sp.csc_matrix(product)
    try:
        factor, inverse = splu(sp.csc_matrix(matrix)), splu(product)
    except RuntimeError as error:
        raise ModelError(f"stability: the matrix is singular ({error})") from error

    def apply(vector: Array) -> Array:
        adjoint = factor.solve(product @ vector, trans="T")
        return np.asarray(product @ factor.solve(product @ adjoint))

    size = product.shape
    largest = eigsh(
        LinearOperator(size, matvec=apply, dtype=np.float64),
        k=1,
        M=product,
        Minv=LinearOperator(size, matvec=inverse.solve, dtype=np.float64),
        which="LM",
        tol=rtol,
        v0=np.cos(np.arange(size[0])),
        return_eigenvectors=False,
    )
    return float((1.0 - rtol) / np.sqrt(largest[0]))
