"""Reduced trajectories of M du/dt + A(mu) u = f(mu, t), for many parameter values at once.

They are stepped as the model itself is (:mod:`locum.reduction.reduced_steps`); their residuals, and those of
the dual solutions of outputs at the end, become the bounds of :mod:`locum.reduction.evolution_bounds`.

Shapes: m parameter values, K steps, n basis vectors, d residual directions, Q matrices without the mass, P
right-hand sides, o outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from locum.arrays import Array
from locum.reduction.certified import Coefficients
from locum.reduction.evolution_bounds import EvolutionSolution
from locum.reduction.projection import ReducedSystem
from locum.reduction.reduced_steps import ReducedSteps, Scheme, StepResiduals, step_residuals
from locum.reduction.stability import StabilityConstant

# Numbers of one block of trajectories and residuals. It stays in the cache; and arrays much larger are memory
# that the system takes back and clears after every block, which costs a third more.
_BLOCK_NUMBERS = 3 << 16
_WINDOWS = 8  # of time, over which residuals are averaged where only their directions count
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
    def rank(self) -> int:
        """Number of basis vectors, n."""
        return self.reduced.rank

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
        return self._steps(values).trajectories(self.initial)

    def evolve(self, values: Array) -> EvolutionSolution:
        """Whole trajectories with their residuals, for few parameter values (m, p)."""
        return self._evolved(values, self._steps(values))

    def solve(self, values: Array) -> EvolutionSummary:
        """What is asked of one parameter value or a million, (m, p), a block at a time."""
        parts = [self._summary(values[rows]) for rows in self.blocks(len(values))]
        return EvolutionSummary(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def outputs(self, values: Array) -> Array:
        """Outputs at the last time, shape (m, o), without their figures."""
        parts = [self.trajectories(values[rows])[:, -1] for rows in self.blocks(len(values))]
        return np.concatenate(parts) @ self._functionals.T

    def constants(self, values: Array) -> Array:
        """Stability constants (m,) at parameters (m, p); not positive where none is known."""
        return self.stability(values, self.coefficients(values)[0])

    def residual_directions(self, values: Array) -> Array:
        """Residuals in coordinates of their orthonormal basis, averaged over windows of time: (m, 8 d).

        For choosing several parameters at once: what one has in common with others.
        """
        steps = np.diff(self.times)
        windows = np.array_split(np.arange(len(steps)), min(_WINDOWS, len(steps)))
        parts = []
        for rows in self.blocks(len(values)):
            found = self._steps(values[rows])
            residuals = found.residuals(found.trajectories(self.initial))
            means = [
                np.einsum("k,mkd->md", steps[window], residuals[:, window]) / np.sqrt(steps[window].sum())
                for window in windows
            ]
            parts.append(np.concatenate(means, axis=1))
        return np.concatenate(parts)

    def blocks(self, count: int) -> Iterator[slice]:
        """Cut parameter values into blocks whose trajectories and residuals need little memory."""
        rank, directions = self.reduced.rank, self._left.loads.shape[1]
        numbers = (len(self.times) + rank) * (rank + directions)
        step = max(1, _BLOCK_NUMBERS // max(numbers, 1))
        return (slice(first, first + step) for first in range(0, max(count, 1), step))

    @property
    def _functionals(self) -> Array:
        """V l_i, shape (o, n)."""
        return self.reduced.vectors[len(self.reduced.vectors) - len(self.mass_norms) :]

    def _summary(self, values: Array) -> EvolutionSummary:
        steps = self._steps(values)
        found = self._evolved(values, steps)
        final = found.coordinates[:, -1]
        errors = np.empty((len(values), len(self.mass_norms)))
        for output, mass_norm in enumerate(self.mass_norms):
            dual = steps.dual_residual_norms(output) if self.symmetric else None
            errors[:, output] = found.output_errors(float(mass_norm), dual)
        errors += _ROUNDING * (np.abs(final) @ np.abs(self._functionals).T)
        return EvolutionSummary(
            final @ self._functionals.T, errors, found.absolute, found.norms, found.relative
        )

    def _steps(self, values: Array) -> ReducedSteps:
        return ReducedSteps(self.reduced, self._left, self._scheme, *self.coefficients(values))

    def _evolved(self, values: Array, steps: ReducedSteps) -> EvolutionSolution:
        found = steps.trajectories(self.initial)
        return EvolutionSolution(
            found,
            steps.residuals(found),
            self.stability(values, steps.theta),
            self.times,
            self.implicitness,
        )

    @cached_property
    def _left(self) -> StepResiduals:
        return step_residuals(self.reduced)

    @cached_property
    def _scheme(self) -> Scheme:
        return Scheme(self.times, self.implicitness, self.load_factors)
