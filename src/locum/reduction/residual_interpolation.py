"""The residual norm of a reduced solution from residual norms alone, for solvers that give nothing else.

||r(mu)||^2 is linear in the monomials Xi(mu) = {1, w_i, w_i w_j} of the weights w = (phi, theta_q c_j) with
which the residual's functionals are summed. Empirical interpolation of Xi picks d parameters and d
monomials, and

    ||r(mu)||^2 = sum_r lambda_r(mu) ||r(mu_r)||^2,    lambda(mu) = Xi_sel(mu) G^-1.

The norms on the right are computed directly and are as small as the one wanted, so that little cancels
(Casenave, Ern and Lelievre, *Accurate and online-efficient evaluation of the a posteriori error bound in
the reduced basis method*, ESAIM M2AN 48, 2014, arXiv 1212.0970). Each monomial counts in units of its largest
value: without that scaling the search stops before it sees the small ones, and the norm stalls a decade or
two above the true one (measured). Interpolated: an estimate, not a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from locum.arrays import AnyArray, Array
from locum.reduction.empirical_interpolation import EmpiricalInterpolation, empirical_interpolation


@dataclass(frozen=True, eq=False)
class InterpolatedResidualNorm:
    """||r|| from the norms at few chosen parameters.

    Parameters
    ----------
    interpolation
        Of the scaled monomials.
    scales
        Largest absolute value of each monomial, shape (sigma,).
    squares
        ||r(mu_r)||^2 at the chosen parameters, shape (d,).
    """

    interpolation: EmpiricalInterpolation
    scales: Array
    squares: Array

    def __call__(self, theta: Array, phi: Array, coordinates: Array) -> Array:
        """Norms (m,) for coefficients (m, Q), (m, P) and reduced coordinates (m, n).

        A square that cancels to a negative number says no more than that it is small: its root counts as the
        root of its absolute value.
        """
        values = (_monomials(theta, phi, coordinates) / self.scales)[:, self.interpolation.places]
        return np.sqrt(np.abs(self.interpolation.coefficients(values) @ self.squares))


def interpolated_residual_norm(
    theta: Array,
    phi: Array,
    coordinates: Array,
    norms: Callable[[AnyArray], Array],
    rtol: float = 1e-10,
) -> InterpolatedResidualNorm:
    """Ask the solver for residual norms at few of M candidate parameters, and interpolate them.

    Parameters
    ----------
    theta, phi, coordinates
        Coefficients and reduced coordinates of the candidates, shapes (M, Q), (M, P), (M, n).
    norms
        Returns ||r||_{X^-1}, shape (d,), for the numbers (d,) of the chosen candidates.
    rtol
        Of the greedy search over scaled monomials.
    """
    monomials = _monomials(theta, phi, coordinates)
    scales = np.abs(monomials).max(axis=0)
    scales[scales == 0.0] = 1.0
    interpolation = empirical_interpolation(monomials / scales, rtol=rtol)
    return InterpolatedResidualNorm(interpolation, scales, norms(interpolation.parameters) ** 2)


def _monomials(theta: Array, phi: Array, coordinates: Array) -> Array:
    """Products of all pairs of weights, shape (m, sigma) with sigma = (P + Q n)(P + Q n + 1) / 2."""
    images = (coordinates[:, :, None] * theta[:, None, :]).reshape(len(theta), -1)
    weights = np.concatenate([phi, images], axis=1)
    left, right = _pairs(weights.shape[1])
    return np.asarray(weights[:, left] * weights[:, right])


def _pairs(count: int) -> tuple[AnyArray, AnyArray]:
    return np.triu_indices(count)
