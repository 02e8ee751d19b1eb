"""Weak greedy: the error figure of a reduced model chooses what to simulate next.

Each round evaluates the figure over a large training set, simulates where it is largest and projects again
(Veroy, Prud'homme, Rovas and Patera, AIAA 2003-3847; quasi-optimal by Binev and others, SIAM J. Math. Anal.
43, 2011). With several workers a round takes several parameters: each next one has the largest figure once
the residuals of those before it are projected out of all others, so that no two of a round teach the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from locum.arrays import AnyArray, Array
from locum.reduction.certified import CertifiedModel, Coefficients, Solution
from locum.reduction.projection import Projection
from locum.reduction.stability import StabilityConstant


class Projected(Protocol):
    """A reduced model that knows the residuals of its solutions."""

    def solve(self, values: Array) -> Solution:
        """Solve for parameter values (m, p)."""
        ...

    def residual_directions(self, values: Array) -> Array:
        """What the residuals have in common: coordinates (m, k)."""
        ...


Figure = Callable[[Solution], Array]
_SMALLEST_NORM = 1e-10  # a solution below this share of the largest counts as that large
_EXPLAINED = 1e-6  # share of a residual below which others have taught what it would
_INFINITE = 1e9  # stands for a figure that is infinite, in multiples of the largest that is not
_CANDIDATES = 2048  # largest figures among which a round of several is chosen


def relative_figure(solution: Solution) -> Array:
    """Figure of the relative error, (m,); where none can be claimed yet, what the absolute one allows.

    Early bases leave ||u - u_n|| unbounded by ||u_n||; the figure must still tell good candidates from bad.
    """
    scale = np.maximum(solution.norms, _SMALLEST_NORM * solution.norms.max(initial=0.0))
    allowed = solution.absolute / np.where(scale > 0, scale, 1.0)
    return np.where(np.isfinite(solution.relative), solution.relative, np.maximum(allowed, 1.0))


def choose_parameters(
    figures: Array,
    residuals: Callable[[AnyArray], Array] | None,
    batch: int,
    running: Array | None = None,
) -> AnyArray:
    """Choose the next parameters to simulate.

    Parameters
    ----------
    figures
        Error figures of the training set, shape (M,).
    residuals
        Returns residual coordinates (l, k) of the members with given numbers (l,); may be None for one.
    batch
        How many, at most.
    running
        Residual coordinates (r, k) of parameters that are being simulated: what they will teach counts as
        known.

    Returns
    -------
    ndarray
        Numbers of distinct members, the largest figure first; fewer where the others' residuals are
        explained.
    """
    if residuals is None or (batch == 1 and running is None):
        return np.array([int(np.argmax(figures))])
    candidates = np.argsort(-figures, kind="stable")[:_CANDIDATES]
    directions = residuals(candidates)
    sizes = np.linalg.norm(directions, axis=1)
    weights = _bounded(figures[candidates]) / np.where(sizes > 0, sizes, np.inf)
    if running is not None:
        directions = _beyond(directions, running)
    chosen: list[int] = []
    for _ in range(min(batch, len(candidates))):
        left = np.linalg.norm(directions, axis=1)
        left[left <= _EXPLAINED * sizes] = 0.0
        best = int(np.argmax(left * weights))
        if not left[best] > 0:
            break
        chosen.append(best)
        directions = _without(directions, directions[best])
    return np.asarray(candidates[chosen])


def next_parameters(
    model: Projected,
    candidates: Array,
    batch: int,
    *,
    running: Array | None = None,
    figure: Figure | None = None,
) -> Array:
    """Parameter values (b, p) among candidates (M, p) that a loop simulates next; ``running`` (r, p) are
    already.

    A pure function of what is known: the greedy search below, and any loop that simulates in its own way.
    """
    figures = (figure or relative_figure)(model.solve(candidates))
    known = None if running is None or not len(running) else model.residual_directions(running)
    numbers = choose_parameters(figures, _directions(model, candidates), batch, known)
    return np.asarray(candidates[numbers])


def _bounded(figures: Array) -> Array:
    """Figures with those that are infinite well above all others, and still fit for arithmetic."""
    largest = np.max(figures, where=np.isfinite(figures), initial=0.0) or 1.0
    return np.asarray(np.minimum(figures / largest, _INFINITE))


def _beyond(directions: Array, known: Array) -> Array:
    """Residual coordinates (l, k) without what they have in the span of others (r, k)."""
    for number, size in enumerate(np.linalg.norm(known, axis=1)):
        direction = known[number]  # without what those before it have
        if np.linalg.norm(direction) > _EXPLAINED * size:
            directions, known = _without(directions, direction), _without(known, direction)
    return directions


def _without(directions: Array, direction: Array) -> Array:
    """Residual coordinates (l, k) without what they have along one of them (k,)."""
    size = np.linalg.norm(direction)
    if not size > 0:
        return directions
    unit = direction / size
    return np.asarray(directions - np.outer(directions @ unit, unit))


class GreedyOutcome(Enum):
    """Why the loop stopped; the value is advice in words."""

    REACHED = "the tolerance is reached over the training set"
    BUDGET = "the budget is spent; allow more simulations or a larger tolerance"
    STALLED = "simulations no longer enlarge the basis; the tolerance lies below what rounding resolves"


@dataclass(frozen=True, eq=False)
class GreedyResult:
    """The reduced model and how it came about.

    Parameters
    ----------
    projection
        Basis and reduced system.
    outcome
        Why the loop stopped.
    chosen
        Parameter values that were simulated, in order, shape (s, p).
    figures
        Largest figure over the training set before each round and at the end.
    """

    projection: Projection
    outcome: GreedyOutcome
    chosen: Array
    figures: Array


def weak_greedy(
    projection: Projection,
    coefficients: Coefficients,
    stability: StabilityConstant,
    training: Array,
    simulate: Callable[[Array], Array],
    *,
    tolerance: float,
    budget: int,
    batch: int = 1,
    figure: Figure = relative_figure,
) -> GreedyResult:
    """Grow a basis until the error figure is within tolerance over the training set.

    Parameters
    ----------
    projection
        Where to start: :meth:`Projection.start`, or one on simulations that exist.
    coefficients
        theta and phi of the parameters.
    stability
        Lower bound on the stability constant.
    training
        Parameter values (M, p) over which the figure is evaluated, all at once.
    simulate
        Returns the unknowns (b, N) for parameter values (b, p).
    tolerance
        For the largest figure.
    budget
        Largest number of simulations.
    batch
        Simulations of one round.
    figure
        Of a solution: relative errors by default.
    """
    return greedy_search(
        projection,
        lambda found: CertifiedModel(found.reduced, coefficients, stability),
        lambda found, values: found.extended(simulate(values)),
        training,
        tolerance=tolerance,
        budget=budget,
        batch=batch,
        figure=figure,
    )


def greedy_search(
    projection: Projection,
    model: Callable[[Projection], Projected],
    grown: Callable[[Projection, Array], Projection],
    training: Array,
    *,
    tolerance: float,
    budget: int,
    batch: int = 1,
    figure: Figure = relative_figure,
) -> GreedyResult:
    """The loop of every greedy: assess a reduced model, simulate where its figure is largest, project again.

    Parameters
    ----------
    projection, training, tolerance, budget, batch, figure
        As for :func:`weak_greedy`.
    model
        Makes a projection a reduced model.
    grown
        Simulates at parameter values (b, p) and extends a projection by what that teaches.
    """
    chosen: list[Array] = []
    history: list[float] = []
    while True:
        reduced = model(projection)
        figures = figure(reduced.solve(training))
        history.append(float(figures.max()))
        left = budget - len(chosen)
        if history[-1] <= tolerance:
            outcome = GreedyOutcome.REACHED
            break
        if left <= 0:
            outcome = GreedyOutcome.BUDGET
            break
        numbers = choose_parameters(figures, _directions(reduced, training), min(batch, left))
        if not len(numbers):
            outcome = GreedyOutcome.STALLED
            break
        before, projection = projection, grown(projection, training[numbers])
        chosen.extend(training[numbers])
        if projection.rank == before.rank:
            outcome = GreedyOutcome.STALLED
            break
    simulated = np.array(chosen).reshape(len(chosen), training.shape[1])
    return GreedyResult(projection, outcome, simulated, np.array(history))


def _directions(model: Projected, training: Array) -> Callable[[AnyArray], Array]:
    return lambda rows: model.residual_directions(training[rows])
