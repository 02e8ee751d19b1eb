"""How far reduced trajectories of M du/dt + A(mu) u = f(mu, t) can be from the truth: over space and time, at
every time, and in an output at the end.

The one-step scheme with implicitness theta (1: implicit Euler, 1/2: Crank-Nicolson) leaves the residuals

    r_k = f_k - M (u_k - u_{k-1}) / dt_k - A (theta u_k + (1 - theta) u_{k-1}),

with the load f_k = theta f(t_k) + (1 - theta) f(t_{k-1}). It is the same for the truth, and so a change of it
in time reaches errors and bounds through the residuals alone. Errors e_k are those against the *same scheme
unreduced*; that of the time step itself is not in them. The basis holds u_0, so that e_0 = 0. They solve

    M (e_k - e_{k-1}) / dt_k + A e_k^t = r_k,    e_k^t = theta e_k + (1 - theta) e_{k-1}.

*Energy.* Tested with e_k^t, with a coercivity constant alpha and for every theta in [1/2, 1],

    ||e_k||_M^2 + sum_{j<=k} alpha dt_j ||e_j^t||_X^2 <= sum_{j<=k} dt_j ||r_j||_{X^-1}^2 / alpha

(Grepl and Patera, ESAIM M2AN 39, 2005; Haasdonk and Ohlberger, ESAIM M2AN 42, 2008).

*The study's norm* is ||e||^2 = sum_k w_k ||e_k||_X^2 with the weights of the trapezoidal rule over the saved
times, divided by the horizon. For implicit Euler e_k^t = e_k, and the partial sums of dt_j ||e_j||_X^2 are at
most those of b_j = dt_j ||r_j||_{X^-1}^2 / alpha^2; summed by parts, with c_j = w_j / dt_j,

    ||e||^2 <= sum_j b_j max_{i>=j} c_i.

For theta < 1 the energy controls e^t alone, which says nothing of errors that change sign at every step. For
*symmetric* A, where A >= alpha X, the equation is tested with e_k - e_{k-1} instead. In the norm of A,

    ||e_k||_A^2 - ||e_{k-1}||_A^2 <= 2 r_k . (e_k - e_{k-1}),

and summation by parts moves the differences to the residuals: with bounds E_j of ||e_j||_A,

    ||e_k||_A^2 <= 2 ||r_k||_{A^-1} ||e_k||_A + 2 s_k,    s_k = sum_{j<k} ||r_{j+1} - r_j||_{A^-1} E_j,
    E_k = ||r_k||_{A^-1} + sqrt(||r_k||_{A^-1}^2 + 2 s_k),    ||e_k||_X <= E_k / sqrt(alpha),

with ||r||_{A^-1} <= ||r||_{X^-1} / sqrt(alpha). It bounds every saved time by itself, and exceeds the error
about tenfold where the energy exceeds it twofold. Long horizons make both pessimistic.

*An output* l . u_K at the last time is within ||l||_{M^-1} ||e_K||_M. With L_k = M / dt_k + theta A and
B_k = M / dt_k - (1 - theta) A, any psi_k with the dual residuals

    rho_K = l - L_K^T psi_K,    rho_k = B_{k+1}^T psi_{k+1} - L_k^T psi_k

give l . e_K = sum_k psi_k . r_k + sum_k rho_k . e_k. The first sum vanishes where the psi_k lie in the
reduced space, to which the residuals r_k are orthogonal; what is left falls with the product of both:

    |l . e_K| <= sum_k ||rho_k||_{X^-1} ||e_k||_X.

For symmetric A, equal steps, u_0 = 0 and an l that is a multiple of a load f that is constant in time the
exact psi are differences of the exact u: the same basis serves both. Otherwise the bound still holds, but
the rho_k need not be small.

Shapes: m parameter values, K steps, n basis vectors, d residual directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from locum.arrays import Array
from locum.reduction.certified import quotient
from locum.reduction.transient import trapezoid_weights


@dataclass(frozen=True, eq=False)
class EvolutionSolution:
    """Reduced trajectories with what is known of their errors.

    Parameters
    ----------
    coordinates
        Shape (m, K + 1, n), in an X-orthonormal basis.
    residuals
        r_k as coordinates in an orthonormal basis of their representatives, shape (m, K, d).
    stability
        alpha, shape (m,).
    times, implicitness
        Of the scheme.
    """

    coordinates: Array
    residuals: Array
    stability: Array
    times: Array
    implicitness: float

    @cached_property
    def residual_norms(self) -> Array:
        """||r_k||_{X^-1}, shape (m, K)."""
        return lengths(self.residuals)

    @cached_property
    def energy(self) -> Array:
        """Bound on the root of ||e_k||_M^2 + sum_{j<=k} alpha dt_j ||e_j^t||_X^2, shape (m, K + 1).

        Infinite where no constant is known.
        """
        return self._known(np.sqrt(np.cumsum(self._increments, axis=1)))

    @cached_property
    def nodal(self) -> Array:
        """Bound on ||e_k||_X at every time, for symmetric operators: shape (m, K + 1)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            norms, changes = (
                part / np.sqrt(self.stability)[:, None]
                for part in (self.residual_norms, lengths(np.diff(self.residuals, axis=1)))
            )
            energies = np.empty_like(norms)
            moved = np.zeros(len(norms))
            for k in range(norms.shape[1]):
                if k:
                    moved = moved + changes[:, k - 1] * energies[:, k - 1]
                energies[:, k] = norms[:, k] + np.sqrt(norms[:, k] ** 2 + 2.0 * moved)
            return self._known(energies / np.sqrt(self.stability)[:, None])

    @cached_property
    def absolute(self) -> Array:
        """Bound on the error over space and time, in the study's norm: shape (m,)."""
        weights = trapezoid_weights(self.times)
        if self.implicitness < 1.0:
            return np.asarray(np.sqrt(self.nodal**2 @ weights))
        shares = weights[1:] / np.diff(self.times)
        largest = np.maximum.accumulate(shares[::-1])[::-1]
        return quotient(np.sqrt(self._increments @ largest), np.sqrt(np.maximum(self.stability, 0.0)))

    @cached_property
    def norms(self) -> Array:
        """Norms of the reduced trajectories over space and time, shape (m,)."""
        squares = np.einsum("mkn,mkn->mk", self.coordinates, self.coordinates)
        return np.asarray(np.sqrt(squares @ trapezoid_weights(self.times)))

    @cached_property
    def relative(self) -> Array:
        """Bound on the relative error over space and time (m,); infinite where the truth may vanish."""
        return quotient(self.absolute, self.norms - self.absolute)

    def output_errors(self, mass_norm: float, dual_norms: Array | None) -> Array:
        """Bound on the error of l . u_K, shape (m,).

        Parameters
        ----------
        mass_norm
            ||l||_{M^-1}.
        dual_norms
            ||rho_k||_{X^-1}, shape (m, K); None where there is no dual solution.
        """
        plain = mass_norm * self.energy[:, -1]
        if dual_norms is None:
            return np.asarray(plain)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.implicitness < 1.0:
                paired = np.einsum("mk,mk->m", dual_norms, self.nodal[:, 1:])
            else:
                dual = np.sqrt(dual_norms**2 @ (1.0 / np.diff(self.times)))
                paired = dual * self.energy[:, -1] / np.sqrt(self.stability)
        return np.asarray(np.fmin(plain, paired))

    @cached_property
    def _increments(self) -> Array:
        """dt_k ||r_k||^2 / alpha, shape (m, K)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.diff(self.times) * self.residual_norms**2 / self.stability[:, None]
        return np.where(self.stability[:, None] > 0, found, np.inf)

    def _known(self, after: Array) -> Array:
        """Zero at the start, then bounds (m, K) where a constant is known."""
        found = np.concatenate([np.zeros((len(after), 1)), after], axis=1)
        return np.where(self.stability[:, None] > 0, found, np.inf)


def lengths(rows: Array) -> Array:
    """Euclidean norms along the last axis: (m, K, d) to (m, K)."""
    return np.asarray(np.sqrt(np.einsum("mkd,mkd->mk", rows, rows)))
