"""Reduced models of M du/dt + A(mu) u = f(mu), with a bound of their trajectories over space and time.

The one-step scheme with implicitness theta (1: implicit Euler, 1/2: Crank-Nicolson) is projected as it
stands: the mass matrix is one more term of the affine system, and the residual of step k

    r_k = f - M (u_k - u_{k-1}) / dt_k - A (theta u_k + (1 - theta) u_{k-1})

is measured by the same orthonormal representatives. Errors e_k are those against the *same scheme
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

Shapes: m parameter values, K steps, n basis vectors, k residual directions, Q matrices without the mass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import Coefficients, quotient
from locum.reduction.definiteness import is_symmetric
from locum.reduction.inner_product import InnerProduct
from locum.reduction.pod import pod
from locum.reduction.projection import Projection, ReducedSystem
from locum.reduction.stability import StabilityConstant
from locum.reduction.transient import trapezoid_weights

_BLOCK_NUMBERS = 1 << 20  # numbers of one block of trajectories and residuals
_WINDOWS = 8  # of time, over which residuals are averaged where only their directions count
_EQUAL = 1e-9  # relative: steps that differ by less are the same step, rounded
_OUTSIDE = 1e-10  # relative: what the basis may miss of the initial value


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

    def start(self) -> Projection:
        """The projection onto the initial value alone, from which bases grow."""
        projection = Projection.start(self.system)
        return projection.extended(self.initial[None]) if self.initial.any() else projection


def evolution(
    matrices: tuple[Any, ...],
    vectors: Array,
    mass: Any,
    inner_product: InnerProduct,
    initial: Array,
    times: Array,
    implicitness: float,
) -> Evolution:
    """Put the parts together: A_q (N, N), f_p (P, N), M (N, N), X, u_0 (N,), times (K + 1,) and theta.

    Raises
    ------
    ModelError
        theta outside [1/2, 1], or below 1 with matrices that are not symmetric: no bound is known then.
    """
    if not 0.5 <= implicitness <= 1.0:
        raise ModelError(f"implicitness must lie between 0.5 and 1, got {implicitness:g}")
    if implicitness < 1.0 and not all(is_symmetric(matrix) for matrix in matrices):
        raise ModelError(
            f"with implicitness {implicitness:g} the bound needs symmetric operators, and these are not; "
            "step with implicit Euler (1)"
        )
    system = AffineSystem((*matrices, sp.csr_array(mass)), vectors, inner_product)
    return Evolution(system, initial, times, implicitness)


def trajectory_modes(
    projection: Projection, trajectory: Array, times: Array, *, rtol: float, max_rank: int | None = None
) -> Array:
    """Leading modes (l, N) of what a basis misses of a trajectory (K + 1, N).

    As many as leave at most ``rtol`` of the trajectory's norm over space and time; none where the basis
    misses no more already.
    """
    product = projection.system.inner_product
    scales = np.sqrt(trapezoid_weights(times))[:, None]
    remainder = trajectory - product.gram(trajectory, projection.basis) @ projection.basis
    size, missing = (float(np.linalg.norm(product.norms(scales * rows))) for rows in (trajectory, remainder))
    if missing <= rtol * size:
        return np.empty((0, trajectory.shape[1]))
    found = pod(
        lambda: [scales * remainder], rtol=rtol * size / missing, inner_product=product, max_rank=max_rank
    )
    return found.vectors


@dataclass(frozen=True, eq=False)
class EvolutionSolution:
    """Reduced trajectories with what is known of their errors.

    Parameters
    ----------
    coordinates
        Shape (m, K + 1, n), in an X-orthonormal basis.
    residual_norms
        ||r_k||_{X^-1}, shape (m, K).
    residual_changes
        ||r_{k+1} - r_k||_{X^-1}, shape (m, K - 1).
    stability
        alpha, shape (m,).
    times, implicitness
        Of the scheme.
    """

    coordinates: Array
    residual_norms: Array
    residual_changes: Array
    stability: Array
    times: Array
    implicitness: float

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
                for part in (self.residual_norms, self.residual_changes)
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


class EvolutionSummary(NamedTuple):
    """What is left of many trajectories.

    Attributes
    ----------
    final
        Coordinates at the last time, shape (m, n).
    final_error
        Bound on ||e_K||_M, shape (m,).
    absolute, norms, relative
        As in :class:`EvolutionSolution`, shape (m,).
    """

    final: Array
    final_error: Array
    absolute: Array
    norms: Array
    relative: Array


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
    times, implicitness
        Of the scheme.
    """

    reduced: ReducedSystem
    coefficients: Coefficients
    stability: StabilityConstant
    initial: Array
    times: Array
    implicitness: float

    def trajectories(self, values: Array) -> Array:
        """Reduced coordinates (m, K + 1, n) for parameter values (m, p).

        Raises
        ------
        numpy.linalg.LinAlgError
            A step's reduced matrix is singular.
        """
        theta, phi = self.coefficients(values)
        found = np.empty((len(values), len(self.times), self.reduced.rank))
        found[:, 0] = self.initial
        step = np.inf
        for k, new in enumerate(np.diff(self.times)):
            if abs(new - step) > _EQUAL * new:
                step, (advance, load) = new, self._propagator(theta, phi, new)
            found[:, k + 1] = (advance @ found[:, k, :, None])[..., 0] + load
        return found

    def evolve(self, values: Array) -> EvolutionSolution:
        """Whole trajectories with their residuals, for few parameter values (m, p)."""
        found = self.trajectories(values)
        theta, phi = self.coefficients(values)
        residuals = self._residuals(theta, phi, found)
        return EvolutionSolution(
            found,
            _sizes(residuals),
            _sizes(np.diff(residuals, axis=1)),
            self.stability(values, theta),
            self.times,
            self.implicitness,
        )

    def solve(self, values: Array) -> EvolutionSummary:
        """What is asked of one parameter value or a million, (m, p), a block at a time."""
        parts = [self._summary(values[rows]) for rows in self.blocks(len(values))]
        return EvolutionSummary(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def final(self, values: Array) -> Array:
        """Coordinates at the last time, shape (m, n): what quantities of interest are made of."""
        return np.concatenate([self.trajectories(values[rows])[:, -1] for rows in self.blocks(len(values))])

    def residual_directions(self, values: Array) -> Array:
        """Residuals in coordinates of their orthonormal basis, averaged over windows of time: (m, 8 k).

        For choosing several parameters at once: what one has in common with others.
        """
        steps = np.diff(self.times)
        windows = np.array_split(np.arange(len(steps)), min(_WINDOWS, len(steps)))
        parts = []
        for rows in self.blocks(len(values)):
            theta, phi = self.coefficients(values[rows])
            residuals = self._residuals(theta, phi, self.trajectories(values[rows]))
            means = [
                np.einsum("k,mkd->md", steps[window], residuals[:, window]) / np.sqrt(steps[window].sum())
                for window in windows
            ]
            parts.append(np.concatenate(means, axis=1))
        return np.concatenate(parts)

    def blocks(self, count: int) -> Iterator[slice]:
        """Cut parameter values into blocks whose trajectories and residuals need little memory."""
        rank, directions = self.reduced.rank, self.reduced.load_residuals.shape[1]
        numbers = (len(self.times) + rank) * (rank + directions)
        step = max(1, _BLOCK_NUMBERS // max(numbers, 1))
        return (slice(first, first + step) for first in range(0, max(count, 1), step))

    def _summary(self, values: Array) -> EvolutionSummary:
        found = self.evolve(values)
        return EvolutionSummary(
            found.coordinates[:, -1], found.energy[:, -1], found.absolute, found.norms, found.relative
        )

    def _residuals(self, theta: Array, phi: Array, trajectories: Array) -> Array:
        """Residuals as coordinates in their orthonormal basis, shape (m, K, k)."""
        images = self.reduced.image_residuals
        rank, _, directions = images.shape
        before, after = trajectories[:, :-1], trajectories[:, 1:]
        between = self.implicitness * after + (1.0 - self.implicitness) * before
        rates = (after - before) / np.diff(self.times)[:, None]
        combined = theta @ images[:, :-1].transpose(1, 0, 2).reshape(theta.shape[1], -1)
        found = -(between @ combined.reshape(len(theta), rank, directions))
        found -= rates @ images[:, -1]
        found += (phi @ self.reduced.load_residuals)[:, None]
        return np.asarray(found)

    def _propagator(self, theta: Array, phi: Array, step: float) -> tuple[Array, Array]:
        """c_k = G c_{k-1} + g: G (m, n, n) and g (m, n), as long as the step does not change."""
        matrices = np.tensordot(theta, self.reduced.matrices[:-1], axes=1)
        mass = self.reduced.matrices[-1] / step
        load = (phi @ self.reduced.vectors)[:, :, None]
        right = np.concatenate([mass - (1.0 - self.implicitness) * matrices, load], axis=2)
        solved = np.linalg.solve(mass + self.implicitness * matrices, right)
        return solved[:, :, :-1], solved[:, :, -1]


def evolution_model(
    evolved: Evolution, projection: Projection, coefficients: Coefficients, stability: StabilityConstant
) -> EvolutionModel:
    """The reduced model of an evolution on a projection of its system.

    Raises
    ------
    ModelError
        The basis does not hold the initial value.
    """
    product, start = evolved.system.inner_product, evolved.initial[None]
    initial = product.gram(start, projection.basis)
    missed = product.norms(start - initial @ projection.basis)
    if missed > _OUTSIDE * product.norms(start):
        raise ModelError("the basis of an evolution must hold its initial value: let it grow from start()")
    return EvolutionModel(
        projection.reduced, coefficients, stability, initial[0], evolved.times, evolved.implicitness
    )


def _sizes(rows: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("mkd,mkd->mk", rows, rows)))
