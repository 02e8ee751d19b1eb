"""Universal kriging of many columns with known hyper-parameters, from one inverse factor a group.

A *group* of columns shares one correlation: kernel, lengthscales, nugget and trend. For each column k of it

    y_k(x) = f(x) . beta_k + sigma_k Z_k(x),      cov(Z_k(x), Z_k(x')) = c(x, x') + nugget [x = x']

with beta_k and sigma_k in closed form (restricted maximum likelihood). Everything follows from the inverse
Cholesky factor W of the correlation matrix of the training inputs, W K W^T = I. With W F = Q R (QR):

    beta = R^-1 Q^T W y            e = (I - Q Q^T) W y           sigma^2 = |e|^2 / (n - f)
    mean(x) = f(x) beta + c(x) W^T e
    s^2(x) = sigma^2 (1 - |W c|^2 + |R^-T f(x) - Q^T W c|^2 + nugget)
    leave-one-out error_i = (W^T e)_i / B_ii,  s_i^2 = sigma^2 / B_ii,  B = W^T (I - Q Q^T) W   (Dubrule 1983)

The nugget stays in s^2: it is the part of the response that the smooth process does not resolve, and a
simulation at x would show it. Further inputs are further rows of W: an append costs O(n^2), and points that
are still running are rows that the deviation sees and the mean does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError
from locum.regression.kernels import KERNELS
from locum.regression.trend import trend_features, trend_size


@dataclass(frozen=True, eq=False)
class Group:
    """The correlation that some columns share.

    Parameters
    ----------
    columns
        Which columns of the outputs.
    kernel
        A name of :data:`locum.regression.kernels.KERNELS`.
    degree
        Degree of the polynomial trend: 0, 1 or 2.
    lengthscale
        Shape (p,), in units of the unit cube.
    nugget
        Unresolved variance, relative to the column's amplitude squared.
    """

    columns: tuple[int, ...]
    kernel: str
    degree: int
    lengthscale: Array
    nugget: float


@dataclass(frozen=True, eq=False)
class Prepared:
    """Arrays that answer queries, stacked over G groups; N rows of inputs, f features, w columns at most."""

    kernels: tuple[tuple[str, AnyArray | None], ...]  # a kernel and the groups that use it, None: all
    degree: int
    scale: Array  # (G, 1, p)      inverse lengthscales
    inputs: Array  # (G, p, N)     -2 times the scaled centred inputs
    squares: Array  # (G, 1, N)    their squared norms
    weights: Array  # (G, N, w)    W^T e, padded with zeros
    beta: Array  # (f, m)
    position: NDArray[np.intp]  # (m,)  of each column in (G, w), flattened
    group_of: NDArray[np.intp]  # (m,)
    amplitude: Array  # (m,)        sigma
    upper_factors: Array  # (G, N, N)  W^T
    trend_basis: Array  # (G, N, f)   Q, padded with zeros
    trend_root: Array  # (G, f, f)    R^-1, padded with zeros
    nugget: Array  # (G, 1)
    metric: Array  # (p,)          amplitude-weighted inverse lengthscales
    loo_error: Array  # (n, m)
    loo_deviation: Array  # (n, m)


def correlation_matrix(x: Array, other: Array, group: Group) -> Array:
    """Correlations (n, k) of a group between inputs (n, p) and (k, p), without the nugget."""
    left, right = (x - 0.5) / group.lengthscale, (other - 0.5) / group.lengthscale
    squared = np.einsum("np,np->n", left, left)[:, None] + np.einsum("np,np->n", right, right)
    squared -= 2.0 * (left @ right.T)
    return KERNELS[group.kernel](np.maximum(squared, 0.0, out=squared))


def factorised(x: Array, groups: Sequence[Group]) -> Array:
    """Inverse Cholesky factors W (G, n, n) of the groups' correlation matrices at inputs (n, p).

    Raises
    ------
    FitError
        A correlation matrix that is not positive definite in floating point.
    """
    n = len(x)
    factors = np.empty((len(groups), n, n))
    for factor, group in zip(factors, groups, strict=True):
        matrix = correlation_matrix(x, x, group)
        matrix[np.diag_indices(n)] = 1.0 + group.nugget
        cholesky, failed = lapack.dpotrf(matrix, lower=1, clean=1)
        if failed:
            raise FitError(
                f"the {group.kernel} correlation matrix of {n} inputs is singular with nugget "
                f"{group.nugget:.1e}; raise the nugget"
            )
        factor[:] = lapack.dtrtri(cholesky, lower=1)[0]
    return factors


def extended(x: Array, groups: Sequence[Group], factors: Array, more: Array) -> tuple[Array, Array]:
    """Inputs (n + a, p) and inverse factors (G, n + a, n + a) after rows ``more`` (a, p), in O(a n^2)."""
    n, a = len(x), len(more)
    inputs = np.concatenate([x, more])
    result = np.zeros((len(groups), n + a, n + a))
    result[:, :n, :n] = factors
    for factor, group in zip(result, groups, strict=True):
        known = factor[:n, :n]
        cross = known @ correlation_matrix(x, more, group)
        remainder = correlation_matrix(more, more, group)
        remainder[np.diag_indices(a)] = 1.0 + group.nugget
        cholesky, failed = lapack.dpotrf(remainder - cross.T @ cross, lower=1, clean=1)
        if failed:  # rounding ate the nugget of a repeated input: take the stable way
            return inputs, factorised(inputs, groups)
        corner = lapack.dtrtri(cholesky, lower=1)[0]
        factor[n:, :n] = -corner @ (cross.T @ known)
        factor[n:, n:] = corner
    return inputs, result


def prepare(x: Array, y: Array, groups: Sequence[Group], factors: Array) -> Prepared:
    """Everything that queries need, from inputs (n + r, p), outputs (n, m) and inverse factors."""
    (n, m), (rows, p), count = y.shape, x.shape, len(groups)
    degree = max(group.degree for group in groups)
    features = trend_features(x, degree)
    f = features.shape[1]
    width = max(len(group.columns) for group in groups)
    weights, beta = np.zeros((count, rows, width)), np.zeros((f, m))
    trend_basis, trend_root = np.zeros((count, rows, f)), np.zeros((count, f, f))
    position, group_of = np.empty(m, dtype=np.intp), np.empty(m, dtype=np.intp)
    amplitude, loo_error, loo_deviation = np.empty(m), np.empty((n, m)), np.empty((n, m))
    for index, (group, factor) in enumerate(zip(groups, factors, strict=True)):
        columns, own = list(group.columns), trend_size(p, group.degree)
        fit = _kriged(factor[:n, :n], features[:n, :own], y[:, columns])
        weights[index, :n, : len(columns)] = fit.weights
        beta[:own, columns] = fit.beta
        amplitude[columns] = fit.amplitude
        loo_error[:, columns], loo_deviation[:, columns] = fit.loo_error, fit.loo_deviation
        basis, root = np.linalg.qr(factor @ features[:, :own])
        trend_basis[index, :, :own] = basis
        trend_root[index, :own, :own] = lapack.dtrtri(root)[0]
        position[columns] = index * width + np.arange(len(columns))
        group_of[columns] = index
    inverse = np.array([1.0 / group.lengthscale for group in groups])
    scaled = (x - 0.5) * inverse[:, None, :]
    share = np.array(
        [np.sum((amplitude[list(group.columns)] / (amplitude.max() or 1.0)) ** 2) for group in groups]
    )
    share = share / share.sum() if share.any() else np.full(count, 1.0 / count)
    return Prepared(
        kernels=_by_kernel(groups),
        degree=degree,
        scale=inverse[:, None, :],
        inputs=np.ascontiguousarray(-2.0 * scaled.transpose(0, 2, 1)),
        squares=np.einsum("gnp,gnp->gn", scaled, scaled)[:, None, :],
        weights=weights,
        beta=beta,
        position=position,
        group_of=group_of,
        amplitude=amplitude,
        upper_factors=np.ascontiguousarray(factors.transpose(0, 2, 1)),
        trend_basis=trend_basis,
        trend_root=trend_root,
        nugget=np.array([[group.nugget] for group in groups]),
        metric=np.sqrt(share @ inverse**2),
        loo_error=loo_error,
        loo_deviation=loo_deviation,
    )


@dataclass(frozen=True, eq=False)
class _Kriged:
    """Closed-form quantities of one group: n rows, w columns, f features."""

    weights: Array  # (n, w)
    beta: Array  # (f, w)
    amplitude: Array  # (w,)
    loo_error: Array  # (n, w)
    loo_deviation: Array  # (n, w)


def _kriged(factor: Array, features: Array, y: Array) -> _Kriged:
    n, f = features.shape
    scale = np.abs(y).max(axis=0)  # so that squares neither overflow nor vanish
    scale[scale == 0.0] = 1.0
    basis, root = np.linalg.qr(factor @ features)
    whitened = factor @ (y / scale)
    projected = basis.T @ whitened
    residual = whitened - basis @ projected
    weights = factor.T @ residual
    beta = lapack.dtrtrs(root, projected)[0]
    if n > f:
        amplitude = np.sqrt(np.einsum("nw,nw->w", residual, residual) / (n - f))
    else:  # nothing is known of the variation: the size of the values stands for it
        amplitude = np.sqrt(np.mean((y / scale) ** 2, axis=0))
    precision = np.einsum("kn,kn->n", factor, factor) - np.einsum(
        "nf,nf->n", factor.T @ basis, factor.T @ basis
    )
    # A row that alone carries a feature of the trend has no prediction without it.
    precision = np.maximum(precision, 1e-12 * np.einsum("kn,kn->n", factor, factor))[:, None]
    loo_deviation = scale * amplitude / np.sqrt(precision)
    return _Kriged(
        scale * weights, scale * beta, scale * amplitude, scale * weights / precision, loo_deviation
    )


def _by_kernel(groups: Sequence[Group]) -> tuple[tuple[str, AnyArray | None], ...]:
    names = sorted({group.kernel for group in groups})
    if len(names) == 1:
        return ((names[0], None),)
    return tuple(
        (name, np.array([index for index, group in enumerate(groups) if group.kernel == name]))
        for name in names
    )
