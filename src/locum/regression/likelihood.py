"""The restricted likelihood of a group's lengthscales and nugget, all else profiled out in closed form.

For w columns that share the correlation C = K(lengthscale) + nugget I, with trend features F (n, f) and
P = C^-1 - C^-1 F (F^T C^-1 F)^-1 F^T C^-1, each amplitude is sigma_k^2 = y_k^T P y_k / (n - f) and

    -2 log L = (n - f) sum_k log sigma_k^2 + w (log|C| + log|F^T C^-1 F|) + constant
    dL / dC  ~ w P - sum_k (P y_k)(P y_k)^T / sigma_k^2

(restricted maximum likelihood; Santner, Williams & Notz 2018, section 3.3). One Cholesky factorisation a
call. K comes from gpytorch's kernel; its derivative is in closed form, because going back through the kernel
by automatic differentiation costs more than all the rest for some hundred simulations. What is symmetric is
half computed: kernels for the pairs i < j of inputs, inverse and derivative in one triangle of a matrix.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import blas, lapack

from locum.arrays import Array
from locum.regression.kernels import gpytorch_correlation, kernel_slope
from locum.regression.trend import trend_features

_IMPOSSIBLE = 1e25


class ProfiledLikelihood:
    """Minus the restricted log-likelihood per column, with its gradient.

    It holds the squared differences of all pairs of rows: p n^2 / 2 numbers.

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
        features = trend_features(x, degree)
        self._columns = _standardised(y, features)
        self._known = np.asfortranarray(np.hstack([features, self._columns]))
        self._kernel, self._size = kernel, features.shape
        first, second = np.triu_indices(len(x), 1)
        self._pairs = first * len(x) + second  # where in a matrix
        self._squares = np.ascontiguousarray(((x[first] - x[second]) ** 2).T)
        self.evaluations = 0

    @property
    def informative(self) -> bool:
        """Whether rows outnumber the trend and it leaves something of a column; else nothing to maximise."""
        n, f = self._size
        return bool(n > f and self._columns.size)

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Value and gradient (p + 1,) at the logarithms of p lengthscales and the nugget."""
        self.evaluations += 1
        scale, nugget = np.exp(-2.0 * theta[:-1]), np.exp(theta[-1])
        squared = scale @ self._squares
        matrix = np.empty((self._size[0], self._size[0]))
        matrix.ravel()[self._pairs] = gpytorch_correlation(self._kernel, squared)
        np.fill_diagonal(matrix, 1.0 + nugget)
        # row by row above the diagonal is column by column below it, which is how LAPACK counts
        profiled = self._profiled(matrix.T)
        if profiled is None:
            return _IMPOSSIBLE, np.zeros_like(theta)
        value, slope = profiled
        weights = slope.T.ravel()[self._pairs] * kernel_slope(self._kernel, squared)
        return value, np.append(-4.0 * scale * (self._squares @ weights), nugget * np.trace(slope))

    def _profiled(self, correlation: Array) -> tuple[float, Array] | None:
        """The value, and its derivative (n, n) with respect to the correlation matrix, which is overwritten.

        Of both only the lower triangles count. None where the correlation matrix is singular.
        """
        (n, f), columns = self._size, self._columns
        cholesky, failed = lapack.dpotrf(correlation, lower=1, clean=0, overwrite_a=1)
        if failed:
            return None
        determinant = np.log(np.diag(cholesky)).sum()
        inverse = lapack.dpotri(cholesky, lower=1, overwrite_c=1)[0]
        solved = blas.dsymm(1.0, inverse, self._known, lower=1)
        root, failed = lapack.dpotrf(self._known[:, :f].T @ solved[:, :f], lower=1)
        if failed:
            return None
        trend = lapack.dtrtrs(root, solved[:, :f].T, lower=1)[0]  # P = C^-1 - trend^T trend
        weighted = solved[:, f:] - trend.T @ (trend @ columns)
        variance = np.maximum((columns * weighted).sum(axis=0) / (n - f), 1e-300)
        determinant += np.log(np.diag(root)).sum()
        value = determinant + (n - f) / 2 * np.log(variance).mean()
        solved[:, :f], solved[:, f:] = trend.T, weighted / np.sqrt(len(variance) * variance)
        return float(value), blas.dsyrk(-0.5, solved, beta=0.5, c=inverse, lower=1, overwrite_c=1)


def _standardised(y: Array, features: Array) -> Array:
    """What the trend leaves of each column, to unit size; columns of which it leaves nothing are dropped."""
    scale = np.abs(y).max(axis=0)
    y = y[:, scale > 0] / scale[scale > 0]
    residual = y - features @ np.linalg.lstsq(features, y, rcond=None)[0]
    size = np.sqrt(np.mean(residual**2, axis=0))
    return np.asarray(residual[:, size > 1e-13] / size[size > 1e-13])
