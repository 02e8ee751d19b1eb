"""A one-step scheme on a reduced system, for a few parameter values at once.

Equal steps are the same affine map, which is solved for once and advances several states at a time. For
symmetric operators the dual solutions of outputs at the end go back in time by the same map.

Shapes: m parameter values, K steps, n basis vectors, d residual directions, Q matrices without the mass, P
right-hand sides, o outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from locum.arrays import Array
from locum.reduction.evolution_bounds import lengths
from locum.reduction.projection import ReducedSystem

_WIDTH = 4  # states that are advanced at once: more cost more for powers of G than they save
_EQUAL = 1e-9  # relative: steps that differ by less are the same step, rounded


class _Run(NamedTuple):
    """Equal steps in a row: their length, and the numbers of the first and the last time."""

    step: float
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Scheme:
    """A one-step scheme: times (K + 1,), theta, and the g_p of the loads at the times (K + 1, P)."""

    times: Array
    implicitness: float
    load_factors: Array

    @cached_property
    def steps(self) -> Array:
        """dt_k, shape (K,)."""
        return np.diff(self.times)

    @cached_property
    def step_factors(self) -> Array:
        """What each step takes for g_p, shape (K, P)."""
        return self.between(self.load_factors[:-1], self.load_factors[1:])

    @cached_property
    def runs(self) -> list[_Run]:
        """The steps, as few runs of equal ones as there are."""
        new = np.flatnonzero(np.abs(np.diff(self.steps)) > _EQUAL * self.steps[1:]) + 1
        ends = [0, *new.tolist(), len(self.steps)]
        return [_Run(float(self.steps[first]), first, last) for first, last in pairwise(ends)]

    def between(self, before: Array, after: Array) -> Array:
        """The state at which a step takes A and f."""
        if self.implicitness == 1.0:
            return after
        return self.implicitness * after + (1.0 - self.implicitness) * before


@dataclass(frozen=True, eq=False)
class StepResiduals:
    """What reduced steps leave of the equations, whatever the parameters.

    A reduced step says how the state changes, M_n (u_k - u_{k-1}) / dt_k = V (f_k - A u_k^t) with M_n =
    V M V^T and u_k^t the state at which it takes A. In its residual that leaves

        r_k = R (f_k - A u_k^t),    R g = g - M V^T M_n^-1 V g,

    without the difference of two states, and without half of the products. Reduced dual steps of symmetric
    operators leave R l at the last time and -R A psi_k^t at all.

    Parameters
    ----------
    images
        R A_q v_j in an orthonormal basis, shape (Q, n, d).
    loads
        R f_p, then R l_i, shape (P + o, d).
    """

    images: Array
    loads: Array


def step_residuals(reduced: ReducedSystem) -> StepResiduals:
    """Those of a reduced system whose last matrix is the mass."""
    terms, rank = len(reduced.matrices) - 1, reduced.rank
    count, directions = terms * rank, reduced.load_residuals.shape[1]
    parts = reduced.matrices[:-1].transpose(0, 2, 1).reshape(count, rank)  # V A_q v_j, a row each
    images = reduced.image_residuals[:, :-1].transpose(1, 0, 2).reshape(count, directions)
    reached = np.linalg.solve(reduced.matrices[-1], np.concatenate([parts, reduced.vectors]).T).T
    rows = np.concatenate([images, reduced.load_residuals]) - reached @ reduced.image_residuals[:, -1]
    found = np.linalg.qr(rows.T).R.T  # without directions that none of them has
    return StepResiduals(found[:count].reshape(terms, rank, found.shape[1]), found[count:])


@dataclass(frozen=True, eq=False)
class ReducedSteps:
    """The scheme of some parameter values on a reduced system.

    Parameters
    ----------
    reduced
        The mass is its last matrix, and output functionals are its last vectors.
    left
        What its steps leave.
    scheme
        Times and loads.
    theta, phi
        Coefficients (m, Q) and (m, P), without mass and functionals.
    """

    reduced: ReducedSystem
    left: StepResiduals
    scheme: Scheme
    theta: Array
    phi: Array

    def trajectories(self, initial: Array) -> Array:
        """Reduced coordinates (m, K + 1, n) from u_0 (n,) on.

        Raises
        ------
        numpy.linalg.LinAlgError
            A step's reduced matrix is singular.
        """
        found = np.empty((len(self.theta), len(self.scheme.times), self.reduced.rank))
        found[:, 0] = initial
        loads = self.phi.shape[1]
        for run, (matrix, solved) in zip(self.scheme.runs, self._maps, strict=True):
            factors = self.scheme.step_factors[run.first : run.last]
            advance(found[:, run.first : run.last + 1], matrix, solved[:, :, :loads], factors)
        return found

    def residuals(self, trajectories: Array) -> Array:
        """r_k of trajectories (m, K + 1, n) as coordinates in their orthonormal basis, shape (m, K, d)."""
        rank, (count, times, _) = self.reduced.rank, trajectories.shape
        factors = np.empty((count, times - 1, self._terms.shape[1]))
        factors[:, :, :rank] = self.scheme.between(trajectories[:, :-1], trajectories[:, 1:])
        factors[:, :, rank:] = self.scheme.step_factors
        return np.asarray(factors @ self._terms)

    def dual_residual_norms(self, output: int) -> Array:
        """||rho_k||_{X^-1} of the reduced dual solution of one output, for symmetric operators: (m, K)."""
        rank, (count, loads) = self.reduced.rank, self.phi.shape
        steps = self.scheme.steps
        psi = np.zeros((count, len(steps) + 1, rank))  # one more, which is zero
        psi[:, -2] = self._maps[-1][1][:, :, loads + output]
        for number in reversed(range(len(self.scheme.runs))):
            run, (matrix, solved) = self.scheme.runs[number], self._maps[number]
            back = psi[:, run.first : run.last][:, ::-1]
            advance(back, matrix, solved[:, :, :0], np.empty((back.shape[1] - 1, 0)))  # no loads
            if number:
                psi[:, run.first - 1] = self._across(number, psi[:, run.first])
        residuals = self.scheme.between(psi[:, 1:], psi[:, :-1]) @ self._terms[:, :rank]
        residuals[:, -1] += self.left.loads[loads + output]
        return lengths(residuals)

    def _across(self, number: int, later: Array) -> Array:
        """The last dual state (m, n) before a run, from its first: the length of the step changes."""
        earlier, run = self.scheme.runs[number - 1 : number + 1]
        right = self._operators(run.step)[1] @ later[:, :, None]
        return np.asarray(np.linalg.solve(self._operators(earlier.step)[0], right)[:, :, 0])

    @cached_property
    def _maps(self) -> list[tuple[Array, Array]]:
        """For each run G = L^-1 B (m, n, n), and L^-1 of the loads and functionals (m, n, P + o)."""
        rank, (count, loads) = self.reduced.rank, self.phi.shape
        right = np.empty((count, rank, rank + len(self.reduced.vectors)))
        right[:, :, rank:] = self.reduced.vectors.T
        right[:, :, rank : rank + loads] *= self.phi[:, None]
        found = []
        for run in self.scheme.runs:
            ahead, right[:, :, :rank] = self._operators(run.step)
            solved = np.asarray(np.linalg.solve(ahead, right), dtype=np.float64)
            found.append((solved[:, :, :rank], solved[:, :, rank:]))
        return found

    def _operators(self, step: float) -> tuple[Array, Array]:
        """L = M / dt + theta A, and B = M / dt - (1 - theta) A: shapes (m, n, n)."""
        matrices = np.tensordot(self.theta, self.reduced.matrices[:-1], axes=1)
        mass, implicitness = self.reduced.matrices[-1] / step, self.scheme.implicitness
        return mass + implicitness * matrices, mass - (1.0 - implicitness) * matrices

    @cached_property
    def _terms(self) -> Array:
        """-R A(mu) v_j and R of the loads, one below the other: (m, n + P, d)."""
        rank, (count, loads) = self.reduced.rank, self.phi.shape
        found = np.empty((count, rank + loads, self.left.loads.shape[1]))
        found[:, :rank] = np.tensordot(-self.theta, self.left.images, axes=1)
        found[:, rank:] = self.phi[:, :, None] * self.left.loads[:loads]
        return found


def advance(states: Array, matrix: Array, load: Array, factors: Array) -> None:
    """Fill in x_k = G x_{k-1} + H g_k from x_0 on, by doubling: a few last ones times G^2, then G^4.

    Parameters
    ----------
    states
        x_0 to x_K, shape (m, K + 1, n); all but x_0 are written.
    matrix, load
        G (m, n, n) and H (m, n, P).
    factors
        g_1 to g_K, the same for all: shape (K, P).
    """
    known, width, end = 1, 1, states.shape[1]
    # transposed, to act on rows: G^w, and H, G H, ... for the last w loads, the latest first
    power, drive = matrix.transpose(0, 2, 1), load.transpose(0, 2, 1)
    while known < end:
        new = min(width, end - known)
        last = np.concatenate([factors[known - 1 - j :][:new] for j in range(width)], axis=1)
        states[:, known : known + new] = states[:, known - width :][:, :new] @ power + last @ drive
        known += new
        if width < _WIDTH:
            drive = np.concatenate([drive, drive @ power], axis=1)
            width, power = 2 * width, power @ power
