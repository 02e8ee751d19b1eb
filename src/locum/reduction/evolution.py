"""Reduced models of M du/dt + A(mu) u = f(mu), with a bound over space and time.

The one-step scheme with implicitness theta (1: implicit Euler, 1/2: Crank-Nicolson) is projected as it
stands: the mass matrix is one more term of the affine system, and the residual of step k

    r_k = f - M (u_k - u_{k-1}) / dt_k - A (theta u_k + (1 - theta) u_{k-1})

is measured by the same orthonormal representatives. With e_k the error against the *same scheme unreduced*,
e_k^t = theta e_k + (1 - theta) e_{k-1} and alpha a coercivity constant, testing the error equation with
e_k^t gives

    ||e_k||_M^2 + sum_{j<=k} alpha dt_j ||e_j^t||_X^2 <= ||e_0||_M^2 + sum_{j<=k} dt_j ||r_j||_{X^-1}^2 /
    alpha

for every theta in [1/2, 1] (Grepl and Patera, ESAIM M2AN 39, 2005; Haasdonk and Ohlberger, ESAIM M2AN 42,
2008). The error of the time step itself is not in it. Long horizons make it pessimistic.

Shapes: m parameter values, K steps, n basis vectors, Q matrices without the mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from locum.arrays import Array
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import Coefficients
from locum.reduction.inner_product import InnerProduct
from locum.reduction.projection import Projection, ReducedSystem
from locum.reduction.stability import StabilityConstant


@dataclass(frozen=True, eq=False)
class Evolution:
    """An affine system stepped in time.

    Parameters
    ----------
    system
        A_q and then M as its matrices, f_p as its vectors.
    initial
        u_0, shape (N,).
    times
        t_0 < ... < t_K, shape (K + 1,).
    implicitness
        theta, from 0.5 to 1.
    """

    system: AffineSystem
    initial: Array
    times: Array
    implicitness: float

    @property
    def mass(self) -> Any:
        """M, sparse (N, N)."""
        return self.system.matrices[-1]

    def initial_error(self, basis: Array) -> float:
        """||u_0 - V^T V X u_0||_M for an X-orthonormal basis (n, N)."""
        error = self.initial - (basis @ self.system.inner_product.apply(self.initial[None])[0]) @ basis
        return float(np.sqrt(max(error @ (self.mass @ error), 0.0)))


def evolution(
    matrices: tuple[Any, ...],
    vectors: Array,
    mass: Any,
    inner_product: InnerProduct,
    initial: Array,
    times: Array,
    implicitness: float,
) -> Evolution:
    """Put the parts together: A_q (N, N), f_p (P, N), M (N, N), X, u_0 (N,), times (K + 1,) and theta."""
    system = AffineSystem((*matrices, sp.csr_array(mass)), vectors, inner_product)
    return Evolution(system, initial, times, implicitness)


@dataclass(frozen=True, eq=False)
class EvolutionSolution:
    """Reduced trajectories with what is known of their errors.

    Parameters
    ----------
    coordinates
        Shape (m, K + 1, n).
    residual_norms
        ||r_k||_{X^-1}, shape (m, K).
    stability
        alpha, shape (m,).
    initial_error
        ||e_0||_M.
    times, implicitness
        Of the scheme.
    """

    coordinates: Array
    residual_norms: Array
    stability: Array
    initial_error: float
    times: Array
    implicitness: float

    @cached_property
    def energy(self) -> Array:
        """Bound on the root of ||e_k||_M^2 + sum_{j<=k} alpha dt_j ||e_j^t||_X^2, shape (m, K + 1).

        Infinite where no constant is known.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.diff(self.times) * self.residual_norms**2 / self.stability[:, None]
        grown = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
        known = np.asarray(self.stability > 0)[:, None]
        return np.where(known, np.sqrt(np.maximum(self.initial_error**2 + grown, 0.0)), np.inf)

    @cached_property
    def absolute(self) -> Array:
        """Bound on the root of sum_k dt_k ||e_k^t||_X^2, shape (m,): the error in L2 over time."""
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = self.energy[:, -1] / np.sqrt(self.stability)
        return np.where(self.stability > 0, figures, np.inf)

    @cached_property
    def norms(self) -> Array:
        """The root of sum_k dt_k ||u_k^t||_X^2 of the reduced trajectories, shape (m,)."""
        theta = self.implicitness
        between = theta * self.coordinates[:, 1:] + (1.0 - theta) * self.coordinates[:, :-1]
        squares = np.einsum("mkn,mkn->mk", between, between)
        return np.asarray(np.sqrt(squares @ np.diff(self.times)))

    @cached_property
    def relative(self) -> Array:
        """Bound on the relative error in L2 over time, shape (m,); infinite where the truth may vanish."""
        smallest = self.norms - self.absolute
        return np.asarray(
            np.divide(self.absolute, smallest, out=np.full(len(smallest), np.inf), where=smallest > 0)
        )


@dataclass(frozen=True, eq=False)
class EvolutionModel:
    """From parameter values to reduced trajectories and their bound.

    Parameters
    ----------
    reduced
        Projection of the system with the mass as its last matrix.
    coefficients
        theta and phi of the parameters, without the mass.
    stability
        Lower bound on the coercivity constant of A(mu).
    initial
        Coordinates of u_0, shape (n,).
    initial_error
        ||u_0 - its projection||_M.
    times, implicitness
        Of the scheme.
    """

    reduced: ReducedSystem
    coefficients: Coefficients
    stability: StabilityConstant
    initial: Array
    initial_error: float
    times: Array
    implicitness: float

    def solve(self, values: Array) -> EvolutionSolution:
        """Trajectories for parameter values (m, p).

        Raises
        ------
        numpy.linalg.LinAlgError
            A step's reduced matrix is singular.
        """
        theta, phi = self.coefficients(values)
        count, rank = len(values), self.reduced.rank
        trajectory = np.empty((count, len(self.times), rank))
        trajectory[:, 0] = self.initial
        norms = np.empty((count, len(self.times) - 1))
        step, advance, load = -1.0, np.empty(0), np.empty(0)
        for k, new in enumerate(np.diff(self.times)):
            ahead, behind = self._weights(theta, new)
            if new != step and rank:
                step, (advance, load) = new, self._propagator(ahead, behind, phi)
            if rank:
                trajectory[:, k + 1] = (advance @ trajectory[:, k, :, None])[..., 0] + load
            residuals = self.reduced.residuals(ahead, phi, trajectory[:, k + 1])
            residuals += self.reduced.residuals(behind, 0.0 * phi, trajectory[:, k])
            norms[:, k] = np.sqrt(np.einsum("mk,mk->m", residuals, residuals))
        constants = self.stability(values, theta)
        return EvolutionSolution(
            trajectory, norms, constants, self.initial_error, self.times, self.implicitness
        )

    def _weights(self, theta: Array, step: float) -> tuple[Array, Array]:
        """Coefficients (m, Q + 1) of u_k and u_{k-1} in the residual's matrices, the mass last."""
        mass = np.full((len(theta), 1), 1.0 / step)
        ahead = np.concatenate([self.implicitness * theta, mass], axis=1)
        return ahead, np.concatenate([(1.0 - self.implicitness) * theta, -mass], axis=1)

    def _propagator(self, ahead: Array, behind: Array, phi: Array) -> tuple[Array, Array]:
        """c_k = G c_{k-1} + g: G (m, n, n) and g (m, n), as long as the step does not change."""
        left = np.einsum("mq,qij->mij", ahead, self.reduced.matrices, optimize=True)
        right = -np.einsum("mq,qij->mij", behind, self.reduced.matrices, optimize=True)
        load = (phi @ self.reduced.vectors)[:, :, None]
        solved = np.linalg.solve(left, np.concatenate([right, load], axis=2))
        return solved[:, :, :-1], solved[:, :, -1]


def evolution_model(
    evolved: Evolution, projection: Projection, coefficients: Coefficients, stability: StabilityConstant
) -> EvolutionModel:
    """The reduced model of an evolution on a projection of its system."""
    basis = projection.basis
    initial = basis @ evolved.system.inner_product.apply(evolved.initial[None])[0]
    return EvolutionModel(
        projection.reduced,
        coefficients,
        stability,
        initial,
        evolved.initial_error(basis),
        evolved.times,
        evolved.implicitness,
    )
