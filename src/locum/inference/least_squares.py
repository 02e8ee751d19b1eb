"""Reduced operators by least squares from the reduced coordinates of snapshots.

For N simulations with coordinates c_i (n) in an X-orthonormal basis,

    sum_q theta_q(mu_i) A_q c_i = sum_p phi_p(mu_i) b_p

is linear in the unknowns A_q (n, n) and b_p (n). Only their product with any invertible matrix from the left
is determined, so one combination is set, sum_q w_q A_q = I, the *gauge*; the others are

    A_q = w_q / ||w||^2 I + sum_k z_kq B_k,      z_k an orthonormal basis of what is orthogonal to w,

and the B_k and b_p minimise the equations' residual, each equation over ||c_i||, plus strength^2 times their
own squares. This Tikhonov term is the same whichever operator one would have eliminated, and it knows what
size is to be expected: with the gauge's X the operators are of the order of one in the basis. Where nothing
is known, all terms share the operator equally.

Where the operators are symmetric and X is a combination sum_q w_q A_q of them, the gauge keeps the symmetry
and there are half as many unknowns: about (Q - 1) (n + 1) / 2 + P simulations determine them all. The rows
of the operators are then coupled. Up to some hundred unknowns the least squares are solved densely, which
keeps all digits; beyond, the normal equations are solved by conjugate gradients, preconditioned with the
Lyapunov equation B_k G_kk + G_kk B_k of each operator alone (diagonal in the eigenvectors of its Gram matrix
G_kk), with some hundred products of n x n matrices.

The idea is that of operator inference (Peherstorfer and Willcox, CMAME 306, 2016; with affine parameters
McQuarrie, Khodabakhshi and Willcox, SIAM J. Sci. Comput. 45(4), 2023); gauge, prior and symmetric form of
the steady problem are locum's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError
from locum.inference.operators import InferredOperators

MOST_DENSE = 800  # unknowns of a symmetric fit that are still found by a singular value decomposition
LEAST_ITERATED = 1e-4  # strength: below, the normal equations have lost their digits
_SMALLEST_NORM = 1e-10  # as in relative errors of fields
_ITERATIONS = 500
_RESIDUAL = 1e-5  # of the conjugate gradients, relative, in the preconditioner's norm


@dataclass(frozen=True, eq=False)
class AffineData:
    """What a fit rests on.

    Parameters
    ----------
    theta, phi
        Coefficients of the matrices (N, Q) and of the right-hand sides (N, P).
    coordinates
        Of the snapshots in an orthonormal basis, most energetic first, shape (N, n).
    """

    theta: Array
    phi: Array
    coordinates: Array


@dataclass(frozen=True, eq=False)
class Gauge:
    """Which combination of the matrices is the identity, and what follows from it.

    Parameters
    ----------
    weights
        w, shape (Q,), not all zero.
    symmetric
        Whether every matrix is symmetric then.
    """

    weights: Array
    symmetric: bool = False


def fit_operators(data: AffineData, gauge: Gauge, strengths: Sequence[float]) -> list[InferredOperators]:
    """Fit the operators, once for each strength of the Tikhonov term.

    Parameters
    ----------
    data
        Coefficients and coordinates.
    gauge
        Which combination of the matrices is the identity.
    strengths
        Relative to equations over the norm of their snapshot, terms of mean square one, and operators of
        the order of one; positive, or zero for none.

    Returns
    -------
    list
        One for each strength. Large symmetric fits use at least ``LEAST_ITERATED``.

    Raises
    ------
    FitError
        No simulations, values that are not finite, or a gauge of zeros.
    """
    equations = _equations(data, gauge)
    if not gauge.symmetric:
        solutions = _solved_by_rows(equations, strengths)
    elif equations.symmetric_unknowns <= MOST_DENSE:
        solutions = _solved_densely(equations, strengths)
    else:
        solutions = _solved_iteratively(equations, strengths)
    return [InferredOperators(*equations.operators(*solution)) for solution in solutions]


def fit_parts(
    data: AffineData, training: AnyArray, gauge: Gauge, strengths: Sequence[float]
) -> tuple[Array, Array]:
    """Fit general matrices to several parts of the simulations, all at once and quickly.

    The normal equations are solved, which costs half of the digits: enough to compare errors.

    Parameters
    ----------
    data
        Of all simulations; coordinates as each part sees them, shape (K, N, n).
    training
        Whether a simulation belongs to a part, shape (K, N).
    gauge
        Which combination of the matrices is the identity.
    strengths
        Of the Tikhonov term, S of them, positive.

    Returns
    -------
    tuple
        Matrices (K, S, Q, n, n) and right-hand sides (K, S, P, n).

    Raises
    ------
    FitError
        As for :func:`fit_operators`.
    """
    equations = _equations(data, gauge)
    rows = equations.rows * training[:, :, None]
    across = rows.transpose(0, 2, 1)
    grams, told = across @ rows, across @ equations.right
    penalties = np.square(strengths)[:, None, None] * np.eye(grams.shape[1])
    unknowns: Array = np.asarray(np.linalg.solve(grams[:, None] + penalties, told[:, None]), np.float64)
    (parts, count, _, n), matrices = unknowns.shape, equations.psi.shape[1]
    free = unknowns[:, :, : matrices * n].reshape(parts, count, matrices, n, n).swapaxes(3, 4)
    return equations.operators(free, unknowns[:, :, matrices * n :])


class _Solution(NamedTuple):
    free: Array  # B_k (K, n, n)
    loads: Array  # b_p (P, n), of scaled terms


@dataclass(frozen=True, eq=False)
class _Equations:
    """sum_k psi_ik B_k c_i - sum_p phi_ip b_p = r_i, scaled."""

    psi: Array  # (N, K), K = Q - 1
    phi: Array  # (..., N, P)
    coordinates: Array  # (..., N, n), of norm one
    right: Array  # r, (..., N, n)
    particular: Array  # of the gauge (Q,)
    free: Array  # z_k, (K, Q)
    scales: tuple[Array, Array]  # of the terms, (Q,) and (P,); of the field in the second

    @property
    def symmetric_unknowns(self) -> int:
        """Numbers that a symmetric fit looks for."""
        n = self.coordinates.shape[-1]
        return int(self.psi.shape[1] * n * (n + 1) // 2 + self.phi.shape[1] * n)

    @property
    def rows(self) -> Array:
        """The coefficients of one row of all unknowns, shape (..., N, K n + P)."""
        products = self.psi[:, :, None] * self.coordinates[..., None, :]
        return np.concatenate([products.reshape(*self.phi.shape[:-1], -1), -self.phi], axis=-1)

    def operators(self, free: Array, loads: Array) -> tuple[Array, Array]:
        """Matrices (..., Q, n, n) and right-hand sides (..., P, n) of a solution."""
        identity = np.eye(self.coordinates.shape[-1])
        matrices = self.particular[:, None, None] * identity + np.einsum("kq,...kab->...qab", self.free, free)
        return matrices / self.scales[0][:, None, None], loads / self.scales[1][:, None]


def _equations(data: AffineData, gauge: Gauge) -> _Equations:
    if not len(data.coordinates) or not all(
        np.isfinite(part).all() for part in (data.theta, data.phi, data.coordinates)
    ):
        raise FitError("operator inference: needs simulations with finite coordinates and coefficients")
    norms = np.linalg.norm(data.coordinates, axis=-1)
    norms = np.maximum(norms, max(_SMALLEST_NORM * norms.max(), np.finfo(np.float64).tiny))
    size = float(np.median(norms))
    scales = [np.sqrt(np.mean(terms**2, axis=0)) for terms in (data.theta, data.phi)]
    theta_scale, phi_scale = (np.where(scale > 0.0, scale, 1.0) for scale in scales)
    weights = gauge.weights / theta_scale
    if not np.isfinite(weights).all() or not weights.any():
        raise FitError("operator inference: the gauge must have finite weights, not all of them zero")
    particular = weights / (weights @ weights)
    free = np.linalg.svd(weights[None])[2][1:]
    theta, coordinates = data.theta / theta_scale, data.coordinates / norms[..., None]
    return _Equations(
        psi=theta @ free.T,
        phi=data.phi / phi_scale * (size / norms)[..., None],
        coordinates=coordinates,
        right=-(theta @ particular)[:, None] * coordinates,
        particular=particular,
        free=free,
        scales=(theta_scale, phi_scale / size),
    )


def _solved_by_rows(equations: _Equations, strengths: Sequence[float]) -> list[_Solution]:
    """General matrices: their rows are independent unknowns of the same equations."""
    n, matrices = equations.coordinates.shape[1], equations.psi.shape[1]
    left, values, right = np.linalg.svd(equations.rows, full_matrices=False)
    told = left.T @ equations.right
    solutions = []
    for strength in strengths:
        unknowns = right.T @ (_filtered(values, strength)[:, None] * told)
        free = unknowns[: matrices * n].reshape(matrices, n, n).transpose(0, 2, 1)
        solutions.append(_Solution(free, unknowns[matrices * n :]))
    return solutions


def _solved_densely(equations: _Equations, strengths: Sequence[float]) -> list[_Solution]:
    """Symmetric matrices: their upper triangles, in an orthonormal basis of symmetric matrices."""
    n, matrices = equations.coordinates.shape[1], equations.psi.shape[1]
    upper = np.triu_indices(n)
    factors = np.where(upper[0] == upper[1], 1.0, np.sqrt(0.5))
    system = _symmetric_system(equations, upper, factors)
    left, values, right = np.linalg.svd(system, full_matrices=False)
    told = left.T @ equations.right.ravel()
    solutions = []
    for strength in strengths:
        unknowns = right.T @ (_filtered(values, strength) * told)
        triangles = unknowns[: matrices * len(factors)].reshape(matrices, len(factors)) * factors
        free = np.empty((matrices, n, n))
        free[:, upper[0], upper[1]] = free[:, upper[1], upper[0]] = triangles
        solutions.append(_Solution(free, unknowns[matrices * len(factors) :].reshape(-1, n)))
    return solutions


def _symmetric_system(equations: _Equations, upper: tuple[AnyArray, AnyArray], factors: Array) -> Array:
    """Coefficients (N n, unknowns) of the upper triangles of the B_k, then of the b_p."""
    count, n = equations.coordinates.shape
    one = np.zeros((count, n, len(factors)))  # B c for each basis matrix B
    places, apart = np.arange(len(factors)), upper[0] != upper[1]
    one[:, upper[0], places] = equations.coordinates[:, upper[1]] * factors
    one[:, upper[1][apart], places[apart]] = (equations.coordinates[:, upper[0]] * factors)[:, apart]
    images = equations.psi[:, None, :, None] * one[:, :, None, :]
    loads = -equations.phi[:, None, :, None] * np.eye(n)[None, :, None, :]
    parts = [part.reshape(count * n, -1) for part in (images, loads)]
    return np.concatenate(parts, axis=1)


def _filtered(values: Array, strength: float) -> Array:
    """Tikhonov's inverse singular values; those that are rounding are left out."""
    kept = values > len(values) * np.finfo(np.float64).eps * values.max(initial=0.0)
    safe = np.where(kept, values, 1.0)
    return np.where(kept, safe / (safe**2 + strength**2), 0.0)


def _solved_iteratively(equations: _Equations, strengths: Sequence[float]) -> list[_Solution]:
    """Symmetric matrices, many: conjugate gradients from one strength to the next weaker one."""
    rows = equations.rows
    gram, told = rows.T @ rows, equations.right.T @ rows
    found: dict[float, _Solution] = {}
    start = None
    for strength in sorted({max(strength, LEAST_ITERATED) for strength in strengths}, reverse=True):
        system = _Lyapunov(gram, told, equations.psi.shape[1], equations.coordinates.shape[1], strength)
        start = _conjugate_gradients(system, start)
        found[strength] = system.solution(start)
    return [found[max(strength, LEAST_ITERATED)] for strength in strengths]


class _Lyapunov:
    """The normal equations of the symmetric B = (B_1, ..., B_K), shape (n, K n), without the loads.

    sym(B G) = sym(C), where G is the Gram matrix of the unknowns' coefficients, with the Tikhonov term on
    its diagonal and the loads eliminated, and sym takes the symmetric part of each block.
    """

    def __init__(self, gram: Array, told: Array, matrices: int, n: int, strength: float) -> None:
        size = matrices * n
        gram = gram + strength**2 * np.eye(len(gram))
        self._shape = (n, matrices, n)
        self._across, self._loads, self._told = gram[:size, size:], gram[size:, size:], told[:, size:]
        eliminated = np.linalg.solve(self._loads, self._across.T)
        self._gram = gram[:size, :size] - self._across @ eliminated
        self.right = self._symmetric(told[:, :size] - self._told @ eliminated)
        blocks = self._gram.reshape(matrices, n, matrices, n)[np.arange(matrices), :, np.arange(matrices)]
        values, self._vectors = np.linalg.eigh(blocks)
        self._inverse = 2.0 / (values[:, :, None] + values[:, None, :])

    def apply(self, unknowns: Array) -> Array:
        """sym(B G)."""
        return self._symmetric(unknowns @ self._gram)

    def precondition(self, residual: Array) -> Array:
        """Solve with each operator's own block of G."""
        blocks = residual.reshape(self._shape).transpose(1, 0, 2)
        turned = self._vectors.transpose(0, 2, 1) @ blocks @ self._vectors
        solved = self._vectors @ (turned * self._inverse) @ self._vectors.transpose(0, 2, 1)
        return np.asarray(solved.transpose(1, 0, 2)).reshape(residual.shape)

    def solution(self, unknowns: Array) -> _Solution:
        """The operators, and the loads that belong to them."""
        loads = np.asarray(np.linalg.solve(self._loads, (self._told - unknowns @ self._across).T))
        symmetric = self._symmetric(unknowns)  # rounding would grow with the iterations
        return _Solution(symmetric.reshape(self._shape).transpose(1, 0, 2), loads)

    def _symmetric(self, rows: Array) -> Array:
        blocks = rows.reshape(self._shape)
        return np.asarray(0.5 * (blocks + blocks.transpose(2, 1, 0))).reshape(rows.shape)


def _conjugate_gradients(system: _Lyapunov, start: Array | None) -> Array:
    solution = np.zeros_like(system.right) if start is None else start
    residual = system.right - system.apply(solution)
    limit = _RESIDUAL**2 * float(np.sum(system.right * system.precondition(system.right)))
    conditioned = system.precondition(residual)
    direction, energy = conditioned, float(np.sum(residual * conditioned))
    for _ in range(_ITERATIONS):
        if energy <= limit:
            break
        image = system.apply(direction)
        step = energy / float(np.sum(direction * image))
        solution, residual = solution + step * direction, residual - step * image
        conditioned = system.precondition(residual)
        before, energy = energy, float(np.sum(residual * conditioned))
        direction = conditioned + energy / before * direction
    return solution
