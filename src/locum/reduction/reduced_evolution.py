"""Reduced trajectories of M du/dt + A(mu) u = f(mu, t), for many parameter values at once.

They are stepped as the model itself is, with equal steps advanced several at a time; their residuals, and
those of the dual solutions of outputs at the end, become the bounds of
:mod:`locum.reduction.evolution_bounds`.

Shapes: m parameter values, K steps, n basis vectors, d residual directions, Q matrices without the mass, P
right-hand sides, o outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from locum.arrays import Array
from locum.reduction.certified import Coefficients
from locum.reduction.evolution_bounds import EvolutionSolution, lengths
from locum.reduction.projection import ReducedSystem
from locum.reduction.stability import StabilityConstant

_BLOCK_NUMBERS = 1 << 18  # numbers of one block of trajectories and residuals: it stays in the cache
_WINDOWS = 8  # of time, over which residuals are averaged where only their directions count
_WIDTH = 4  # states that are advanced at once: more cost more for powers of G than they save
_EQUAL = 1e-9  # relative: steps that differ by less are the same step, rounded
_ROUNDING = 64 * float(np.finfo(np.float64).eps)  # of a sum of a few dozen terms, relative to their sizes


class EvolutionSummary(NamedTuple):
    """What is left of many trajectories.

    Attributes
    ----------
    outputs
        At the last time, shape (m, o).
    output_errors
        Bounds on their errors, shape (m, o).
    absolute, norms, relative
        As in :class:`EvolutionSolution`, shape (m,).
    """

    outputs: Array
    output_errors: Array
    absolute: Array
    norms: Array
    relative: Array


@dataclass(frozen=True, eq=False)
class EvolutionModel:
    """From parameter values to reduced trajectories and their bound.

    Parameters
    ----------
    reduced
        Projection of the system: the mass is its last matrix, and output functionals are its last vectors.
    coefficients
        theta and phi of the parameters, without mass and functionals.
    stability
        Lower bound on the coercivity constant of A(mu).
    initial
        Coordinates of u_0, shape (n,).
    times, implicitness
        Of the scheme.
    load_factors
        g_p of the right-hand sides at all times, shape (K + 1, P).
    mass_norms
        ||l_i||_{M^-1} of the output functionals, shape (o,).
    symmetric
        Whether the operators are, so that the reduced space serves dual solutions.
    """

    reduced: ReducedSystem
    coefficients: Coefficients
    stability: StabilityConstant
    initial: Array
    times: Array
    implicitness: float
    load_factors: Array
    mass_norms: Array
    symmetric: bool

    @property
    def kind(self) -> Literal["bound", "estimate"]:
        """``bound`` where the stability constant is proved."""
        return "bound" if self.stability.proved else "estimate"

    def with_outputs(self, numbers: Sequence[int]) -> EvolutionModel:
        """The same model with some of its outputs, in the order of their numbers."""
        loads = len(self.reduced.vectors) - len(self.mass_norms)
        rows = [*range(loads), *(loads + number for number in numbers)]
        reduced = replace(
            self.reduced,
            vectors=self.reduced.vectors[rows],
            load_residuals=self.reduced.load_residuals[rows],
        )
        return replace(self, reduced=reduced, mass_norms=self.mass_norms[list(numbers)])

    def trajectories(self, values: Array) -> Array:
        """Reduced coordinates (m, K + 1, n) for parameter values (m, p).

        Raises
        ------
        numpy.linalg.LinAlgError
            A step's reduced matrix is singular.
        """
        return self._trajectories(*self.coefficients(values))

    def evolve(self, values: Array) -> EvolutionSolution:
        """Whole trajectories with their residuals, for few parameter values (m, p)."""
        theta, phi = self.coefficients(values)
        found = self._trajectories(theta, phi)
        return EvolutionSolution(
            found,
            self._residuals(theta, phi, found),
            self.stability(values, theta),
            self.times,
            self.implicitness,
        )

    def solve(self, values: Array) -> EvolutionSummary:
        """What is asked of one parameter value or a million, (m, p), a block at a time."""
        parts = [self._summary(values[rows]) for rows in self.blocks(len(values))]
        return EvolutionSummary(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def outputs(self, values: Array) -> Array:
        """Outputs at the last time, shape (m, o), without their figures."""
        parts = [self.trajectories(values[rows])[:, -1] for rows in self.blocks(len(values))]
        return np.concatenate(parts) @ self._functionals.T

    def residual_directions(self, values: Array) -> Array:
        """Residuals in coordinates of their orthonormal basis, averaged over windows of time: (m, 8 d).

        For choosing several parameters at once: what one has in common with others.
        """
        steps = np.diff(self.times)
        windows = np.array_split(np.arange(len(steps)), min(_WINDOWS, len(steps)))
        parts = []
        for rows in self.blocks(len(values)):
            theta, phi = self.coefficients(values[rows])
            residuals = self._residuals(theta, phi, self._trajectories(theta, phi))
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

    @property
    def _functionals(self) -> Array:
        """V l_i, shape (o, n)."""
        return self.reduced.vectors[len(self.reduced.vectors) - len(self.mass_norms) :]

    def _summary(self, values: Array) -> EvolutionSummary:
        found = self.evolve(values)
        theta = self.coefficients(values)[0]
        final = found.coordinates[:, -1]
        errors = np.empty((len(values), len(self.mass_norms)))
        for output, mass_norm in enumerate(self.mass_norms):
            dual = self._dual_residual_norms(theta, output) if self.symmetric else None
            errors[:, output] = found.output_errors(float(mass_norm), dual)
        errors += _ROUNDING * (np.abs(final) @ np.abs(self._functionals).T)
        return EvolutionSummary(
            final @ self._functionals.T, errors, found.absolute, found.norms, found.relative
        )

    def _trajectories(self, theta: Array, phi: Array) -> Array:
        found = np.empty((len(theta), len(self.times), self.reduced.rank))
        found[:, 0] = self.initial
        loads = phi[:, None] * self.reduced.vectors[: phi.shape[1]].T
        for step, first, last in self._runs:
            ahead, behind = self._operators(theta, step)
            solved = np.linalg.solve(ahead, np.concatenate([behind, loads], axis=2))
            matrix, load = np.split(solved, [self.reduced.rank], axis=2)
            found[:, first : last + 1] = advanced(
                matrix, load, found[:, first], self._step_factors[first:last]
            )
        return found

    def _residuals(self, theta: Array, phi: Array, trajectories: Array) -> Array:
        """Residuals as coordinates in their orthonormal basis, shape (m, K, d)."""
        before, after = trajectories[:, :-1], trajectories[:, 1:]
        between = self.implicitness * after + (1.0 - self.implicitness) * before
        rates = (after - before) / np.diff(self.times)[:, None]
        loads = (phi[:, None] * self._step_factors) @ self.reduced.load_residuals[: phi.shape[1]]
        return np.subtract(loads, self._images(theta, between, rates), out=loads)

    def _dual_residual_norms(self, theta: Array, output: int) -> Array:
        """||rho_k||_{X^-1} of the reduced dual solution of one output, shape (m, K)."""
        steps, rank = np.diff(self.times), self.reduced.rank
        psi = np.zeros((len(theta), len(steps) + 1, rank))  # one more, which is zero
        right = np.broadcast_to(self._functionals[output][:, None], (len(theta), rank, 1))
        nothing = np.empty((len(theta), rank, 0))
        for step, first, last in reversed(self._runs):
            ahead, behind = self._operators(theta, step)
            solved = np.linalg.solve(ahead, np.concatenate([behind, right], axis=2))
            back = advanced(solved[:, :, :-1], nothing, solved[:, :, -1], np.empty((last - first - 1, 0)))
            psi[:, first:last] = back[:, ::-1]
            right = behind @ psi[:, first, :, None]
        between = self.implicitness * psi[:, :-1] + (1.0 - self.implicitness) * psi[:, 1:]
        per_step = psi / np.append(steps, 1.0)[:, None]
        images = self._images(theta, between, per_step[:, :-1] - per_step[:, 1:])
        number = len(self.reduced.load_residuals) - len(self.mass_norms) + output
        images[:, -1] -= self.reduced.load_residuals[number]
        return lengths(images)

    @cached_property
    def _step_factors(self) -> Array:
        """What the scheme takes for g_p in each step, shape (K, P)."""
        after, before = self.load_factors[1:], self.load_factors[:-1]
        return self.implicitness * after + (1.0 - self.implicitness) * before

    @cached_property
    def _runs(self) -> list[tuple[float, int, int]]:
        """Equal steps in a row: their length, and the numbers of the first and the last time."""
        steps = np.diff(self.times)
        new = np.flatnonzero(np.abs(np.diff(steps)) > _EQUAL * steps[1:]) + 1
        ends = [0, *new.tolist(), len(steps)]
        return [(float(steps[first]), first, last) for first, last in pairwise(ends)]

    def _operators(self, theta: Array, step: float) -> tuple[Array, Array]:
        """M / dt + theta A, and M / dt - (1 - theta) A: shapes (m, n, n)."""
        matrices = np.tensordot(theta, self.reduced.matrices[:-1], axes=1)
        mass = self.reduced.matrices[-1] / step
        return mass + self.implicitness * matrices, mass - (1.0 - self.implicitness) * matrices

    def _images(self, theta: Array, states: Array, rates: Array) -> Array:
        """A(mu) states + M rates, both (m, K, n), in the orthonormal basis of residuals: (m, K, d)."""
        images = self.reduced.image_residuals
        rank, _, directions = images.shape
        combined = np.empty((len(theta), 2 * rank, directions))
        combined[:, :rank] = np.tensordot(theta, images[:, :-1].transpose(1, 0, 2), axes=1)
        combined[:, rank:] = images[:, -1]
        return np.asarray(np.concatenate([states, rates], axis=2) @ combined)


def advanced(matrix: Array, load: Array, start: Array, factors: Array) -> Array:
    """All states x_k = G x_{k-1} + H g_k from x_0 on, by doubling: a few last ones times G^2, then G^4.

    Parameters
    ----------
    matrix, load, start
        G (m, n, n), H (m, n, P) and x_0 (m, n).
    factors
        g_1 to g_K, the same for all: shape (K, P); perhaps no step, perhaps no load.

    Returns
    -------
    ndarray
        Shape (m, K + 1, n).
    """
    steps = len(factors)
    states = np.empty((len(start), steps + 1, start.shape[1]))
    states[:, 0] = start
    # transposed, to act on rows: G^w, and H, G H, ... for the last w loads, the latest first
    power, drive = matrix.transpose(0, 2, 1), load.transpose(0, 2, 1)
    known, width = 1, 1
    while known <= steps:
        new = min(width, steps + 1 - known)
        last = np.concatenate([factors[known - 1 - j :][:new] for j in range(width)], axis=1)
        states[:, known : known + new] = states[:, known - width :][:, :new] @ power + last @ drive
        known += new
        if width < _WIDTH:
            drive = np.concatenate([drive, drive @ power], axis=1)
            width, power = 2 * width, power @ power
    return states
