"""The restricted likelihood of a group's lengthscales and nugget, all else profiled out in closed form.

For w columns that share the correlation C = K(lengthscale) + nugget I, with trend features F (n, f) and
P = C^-1 - C^-1 F (F^T C^-1 F)^-1 F^T C^-1, each amplitude is sigma_k^2 = y_k^T P y_k / (n - f) and

    -2 log L = (n - f) sum_k log sigma_k^2 + w (log|C| + log|F^T C^-1 F|) + constant
    dL / dC  ~ w P - sum_k (P y_k)(P y_k)^T / sigma_k^2

(restricted maximum likelihood; Santner, Williams & Notz 2018, section 3.3). One Cholesky factorisation a
call. K comes from gpytorch's kernel; its derivative is in closed form, because going back through the kernel
by automatic differentiation costs more than all the rest for some hundred simulations.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import lapack

from locum.arrays import Array
from locum.regression.kernels import gpytorch_kernel, kernel_slope
from locum.regression.trend import trend_features

_IMPOSSIBLE = 1e25


class ProfiledLikelihood:
    """Minus the restricted log-likelihood per column, with its gradient.

    Parameters
    ----------
    x
        Inputs (n, p) in the unit cube.
    y
        Columns (n, w) that share a correlation. Those that the trend explains to rounding are left out.
    kernel, degree
        As in :class:`locum.regression.conditioning.Group`.
    """

    def __init__(self, x: Array, y: Array, kernel: str, degree: int) -> None:
        self._features = trend_features(x, degree)
        self._columns = _standardised(y, self._features)
        self._x = np.ascontiguousarray(x)
        self._inputs = torch.from_numpy(self._x)
        self._name = kernel
        self._kernel = gpytorch_kernel(kernel, x.shape[1])
        self.evaluations = 0

    @property
    def informative(self) -> bool:
        """Whether rows outnumber the trend and it leaves something of a column; else nothing to maximise."""
        n, f = self._features.shape
        return bool(n > f and self._columns.size)

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Value and gradient (p + 1,) at the logarithms of p lengthscales and the nugget."""
        self.evaluations += 1
        nugget = float(np.exp(theta[-1]))
        matrix = self._correlation(theta[:-1])
        matrix[np.diag_indices(len(matrix))] += nugget
        cholesky, failed = lapack.dpotrf(matrix, lower=1, clean=1)
        if failed:
            return _IMPOSSIBLE, np.zeros_like(theta)
        value, slope = self._profiled(cholesky)
        return value, np.append(self._lengthscale_gradient(theta[:-1], slope), nugget * np.trace(slope))

    def _correlation(self, log_lengthscale: Array) -> Array:
        with torch.no_grad():
            self._kernel.raw_lengthscale.copy_(torch.from_numpy(log_lengthscale.copy())[None])
            # not the call, which is lazy: for some hundred rows its bookkeeping costs more than the kernel
            return np.array(self._kernel.forward(self._inputs, self._inputs).numpy())

    def _lengthscale_gradient(self, log_lengthscale: Array, slope: Array) -> Array:
        """Chain rule from ``slope`` (n, n), through squared distances, to logarithms of lengthscales (p,)."""
        scaled = (self._x - 0.5) * np.exp(-log_lengthscale)
        squares = np.einsum("np,np->n", scaled, scaled)
        distance = squares[:, None] + squares
        distance -= 2.0 * (scaled @ scaled.T)
        weights = kernel_slope(self._name, np.maximum(distance, 0.0, out=distance))
        weights *= slope
        by_row = (scaled**2).T @ weights.sum(axis=1)
        return np.asarray(-4.0 * (by_row - np.einsum("np,np->p", scaled, weights @ scaled)))

    def _profiled(self, cholesky: Array) -> tuple[float, Array]:
        """The value, and its derivative (n, n) with respect to the correlation matrix."""
        columns, features = self._columns, self._features
        (n, f), w = features.shape, columns.shape[1]
        inverse = lapack.dpotri(cholesky, lower=1)[0]
        diagonal = np.diag(inverse).copy()
        inverse += inverse.T  # above the diagonal it was zero
        np.fill_diagonal(inverse, diagonal)
        solved = inverse @ features
        information = features.T @ solved
        precision = inverse - solved @ np.linalg.solve(information, solved.T)
        weighted = precision @ columns
        variance = np.maximum(np.einsum("nw,nw->w", columns, weighted) / (n - f), 1e-300)
        determinants = 2 * np.log(np.diag(cholesky)).sum() + np.linalg.slogdet(information)[1]
        value = ((n - f) * np.log(variance).sum() / w + determinants) / 2
        slope = (precision - (weighted / (w * variance)) @ weighted.T) / 2
        return float(value), slope


def _standardised(y: Array, features: Array) -> Array:
    """What the trend leaves of each column, to unit size; columns of which it leaves nothing are dropped."""
    scale = np.abs(y).max(axis=0)
    y = y[:, scale > 0] / scale[scale > 0]
    residual = y - features @ np.linalg.lstsq(features, y, rcond=None)[0]
    size = np.sqrt(np.mean(residual**2, axis=0))
    return np.asarray(residual[:, size > 1e-13] / size[size > 1e-13])
