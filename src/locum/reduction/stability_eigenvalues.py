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
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh, splu

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.definiteness import is_definite

_SMALL = 200  # matrices that are decomposed as a whole
_RTOL = 1e-4  # of the eigenvalue solver
_MARGINS = (1e-7, 2e-4, 2e-2, 0.2)  # tried in turn: below what it finds, relative


def extreme_eigenvalues(matrix: Any, product: Any) -> tuple[float, float]:
    """Bounds of all eigenvalues of the symmetric part of A (N, N) against X (N, N), both sparse.

    Raises
    ------
    ModelError
        The eigenvalue solver does not converge.
    """
    symmetric = 0.5 * (matrix + matrix.T)
    if product.shape[0] < _SMALL:
        from scipy.linalg import eigvalsh

        values = eigvalsh(symmetric.toarray(), product.toarray())
        return float(values[0]), float(values[-1])
    if not abs(symmetric).max() > 0:
        return 0.0, 0.0
    inverse = splu(sp.csc_matrix(product))
    solve = LinearOperator(product.shape, matvec=inverse.solve, dtype=np.float64)
    # many are clustered at the small end: relative to the largest they are found in few steps
    scale = abs(_extreme(symmetric, product, Minv=solve, which="LM")[0])
    ends = [
        (1.0 + _RTOL) * _extreme(scale * product + sign * symmetric, product, Minv=solve, which="LA")[0]
        for sign in (-1.0, 1.0)
    ]
    return scale - ends[0], ends[1] - scale


def coercivity_constant(matrix: Any, product: Any) -> float:
    """Lower bound of the smallest eigenvalue of the symmetric part of A (N, N) against X (N, N), both sparse.

    As close to it, and raising the same, as :func:`smallest_eigenpair`.
    """
    return smallest_eigenpair(matrix, product)[0]


def smallest_eigenpair(matrix: Any, product: Any) -> tuple[float, Array]:
    """Lower bound of the smallest eigenvalue of the symmetric part of A (N, N) against X (N, N), and a vector
    (N,), X-normal, whose quotient is close.

    The eigenvalue solver comes close from above. That nothing lies below the bound, the signs of the pivots
    of A - bound X tell (Sylvester's law of inertia). Of a definite matrix the smallest eigenvalue is the one
    nearest to zero, which inverse iteration finds fast; of an indefinite one that would be another.

    Raises
    ------
    ModelError
        The eigenvalue solver does not converge, or finds another eigenvalue.
    """
    symmetric = sp.csc_matrix(0.5 * (matrix + matrix.T))
    product = sp.csc_matrix(product)
    if is_definite(symmetric):
        value, vector = _extreme(symmetric, product, sigma=0.0, which="LM")
    else:
        solve = LinearOperator(product.shape, matvec=splu(product).solve, dtype=np.float64)
        value, vector = _extreme(symmetric, product, Minv=solve, which="SA")
    for margin in _MARGINS:
        if is_definite(symmetric - (bound := value - margin * abs(value)) * product):
            return bound, np.asarray(vector / np.sqrt(vector @ (product @ vector)))
    raise ModelError("stability: the smallest eigenvalue of the system is not found; it may be none")


def _extreme(matrix: Any, product: Any, **asked: Any) -> tuple[float, Array]:
    """The eigenpair that is asked for, to ``_RTOL``: what accumulates is told apart no further."""
    start = np.cos(np.arange(product.shape[0]))
    try:
        values, vectors = eigsh(sp.csc_matrix(matrix), k=1, M=product, v0=start, tol=_RTOL, **asked)
    except (ArpackError, RuntimeError) as error:  # SuperLU: "Factor is exactly singular"
        raise ModelError(f"stability: no eigenvalue of the system is found ({error})") from error
    return float(values[0]), vectors[:, 0]


def inf_sup_constant(matrix: Any, product: Any, rtol: float = 0.0) -> float:
    """Smallest ||A v||_{X^-1} over ||v||_X for sparse A and X, both (N, N).

    Parameters
    ----------
    rtol
        Of the eigenvalue solver; zero for rounding. What it allows is taken off the constant.

    Raises
    ------
    ModelError
        A singular matrix, or the eigenvalue solver does not converge.
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
    try:
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
    except ArpackError as error:
        raise ModelError(f"stability: no inf-sup constant is found ({error})") from error
    return float((1.0 - rtol) / np.sqrt(largest[0]))
