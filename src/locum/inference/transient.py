"""Choosing the model of a transient field: terms, rank, scheme, gauge and regularisation by trajectory error.

Everything is chosen by K-fold errors of whole trajectories. Fits that blow up when they run half the horizon
longer, anywhere in the parameter space, are unstable and refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.inference.evolution import EvolutionOperators, EvolutionTerms
from locum.inference.evolution_fit import Strength
from locum.inference.evolution_model import EvolutionFold, EvolutionModel
from locum.inference.evolution_search import discover_evolution
from locum.inference.folds import ranks_to_try
from locum.inference.trajectories import (
    EvolutionChoice,
    Scheme,
    Trajectories,
    evaluated,
    fitted,
    folds_of,
    schemes_of,
)
from locum.parameters import ParameterSpace

FEWEST = 8
STRENGTHS = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
QUADRATIC = (1.0, 1e2)
TAILS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5, 1e-7, 1e-10)
LARGEST_RANK = 30
LONGER = 1.5  # horizons over which a model must stay bounded
_BOUNDED = 10.0  # times the largest norm of a training state
_GROWTH = 3.0  # of a linear operator over the horizon, as an exponent
_SWEPT, _SWEEP_SEED = 200, 0
_PATIENCE, _MOST_REFUSED = 2, 8
_SPARED = 1.2  # how much larger an error may be in the gauge that bears more coordinates


@dataclass(frozen=True, eq=False)
class TransientInference:
    """A fitted evolution and how it was found.

    Parameters
    ----------
    model
        What answers.
    basis
        Its reduced basis of space in wide coordinates, shape (n, r).
    choice
        Terms, rank, scheme and strengths with the K-fold errors.
    refused
        Why better-looking fits were not taken, one sentence each.
    """

    model: EvolutionModel
    basis: Array
    choice: EvolutionChoice
    refused: tuple[str, ...]


def infer_transient(
    space: ParameterSpace,
    data: Trajectories,
    *,
    terms: EvolutionTerms | None = None,
    goal: float = 0.0,
    to_beat: float = np.inf,
) -> TransientInference:
    """Infer the evolution equation of a transient field.

    Parameters
    ----------
    space
        The parameters.
    data
        The simulations.
    terms
        How parameters and time enter; of a few families the best where it is left out.
    goal
        K-fold error that is good enough, and a tenth of what functions of time may leave out.
    to_beat
        Typical error of another surrogate: terms that are found far from it are refused.

    Raises
    ------
    FitError
        Too few simulations, no terms near the error to beat, or no fit that is stable.
    """
    if len(data.values) < FEWEST:
        raise FitError(
            f"operator inference: needs at least {FEWEST} simulations, got {len(data.values)}; "
            "add simulations"
        )
    terms = terms or discover_evolution(space, data, to_beat=to_beat).terms
    choices = sorted(_tried(data, terms, schemes_of(space, terms), goal), key=lambda each: each.score)
    choices = [choice for choice in choices if np.isfinite(choice.score)]
    everything = np.arange(len(data.values))
    basis = data.basis(everything)
    swept = space.sample(_SWEPT, np.random.default_rng(_SWEEP_SEED))
    refused: list[str] = []
    for choice in choices[:_MOST_REFUSED]:
        own = basis[: choice.rank]
        (operators,) = fitted(data, everything, own, terms, choice.scheme, [choice.strength])
        reason = unstable(operators, data, np.concatenate([data.values, swept]))
        if reason is None:
            return TransientInference(
                _model(operators, own, choice, data, swept, goal), own, choice, tuple(refused)
            )
        refused.append(f"rank {choice.rank}, strength {choice.strength.linear:g}: {reason}")
    why = refused[0] if refused else "no fit predicts finite trajectories"
    raise FitError(f"operator inference: no stable evolution with these terms ({why}); declare others")


def unstable(operators: EvolutionOperators, data: Trajectories, values: Array) -> str | None:
    """Why an evolution is refused at some of the values (q, p); None where it is stable at all."""
    horizon = float(data.times[-1] - data.times[0])
    if not operators.terms.quadratic:
        growth = float(operators.growth_rates(values).max()) * horizon
        if not growth <= _GROWTH:
            return f"its linear operator grows by exp({growth:.1f}) over the horizon"
    step = float(data.times[-1] - data.times[-2])
    count = int(np.ceil((LONGER - 1.0) * horizon / step))
    times = np.concatenate([data.times, data.times[-1] + step * np.arange(1, count + 1)])
    largest = float(np.linalg.norm(data.coordinates, axis=2).max())
    reached = np.linalg.norm(operators.integrate(values, times), axis=2).max(axis=1)
    wild = ~(reached <= _BOUNDED * largest)
    if wild.any():
        return f"it blows up within {LONGER:g} horizons at {wild.mean():.0%} of the parameter values"
    return None


def _tried(
    data: Trajectories, terms: EvolutionTerms, schemes: Sequence[Scheme], goal: float
) -> list[EvolutionChoice]:
    folds = folds_of(data)
    limit = min(LARGEST_RANK, min(len(basis) for *_, basis in folds))
    found: list[EvolutionChoice] = []
    best, since = np.inf, 0
    strengths = [Strength(*each) for each in product(STRENGTHS, QUADRATIC if terms.quadratic else (1.0,))]
    slices = data.slices(np.arange(len(data.values)))
    for step, rank in enumerate(ranks_to_try(slices, limit, TAILS)):
        tried = [
            sorted(evaluated(data, terms, folds, rank, scheme, strengths), key=lambda each: each.score)
            for scheme in schemes
        ]
        found += [choice for choices in tried for choice in choices[:2]]
        here = min(choices[0].score for choices in tried)
        if step:  # with the fewest coordinates all are alike
            schemes = [min((choices[0] for choices in tried), key=_handicapped).scheme]
        since = 0 if here < 0.98 * best else since + 1
        best = min(best, here)
        if best <= goal or since >= _PATIENCE:
            break
    return found


def _handicapped(choice: EvolutionChoice) -> float:
    return choice.score * (_SPARED if choice.scheme.gauge is None else 1.0)


def _model(
    operators: EvolutionOperators,
    basis: Array,
    choice: EvolutionChoice,
    data: Trajectories,
    swept: Array,
    goal: float,
) -> EvolutionModel:
    """With functions of time that hold the simulations and what the model says all over the space."""
    scale = np.sqrt(data.weights)[:, None]
    known = np.concatenate([data.coordinates @ basis.T, operators.integrate(swept, data.times)])
    rows = (known * scale).reshape(len(known), -1)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    left = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1] / len(rows))
    count = max(1, int(np.sum(left > 0.1 * goal))) if goal > 0 else int(np.sum(values > 1e-13 * values[0]))
    functions = right[:count].reshape(count, len(data.times), -1) / scale
    folds = []
    for own, its in choice.folds:
        within = basis @ own.T
        folds.append(EvolutionFold(its, within, np.asarray(np.linalg.qr(own.T - basis.T @ within, mode="r"))))
    return EvolutionModel(operators, tuple(folds), data.times, data.weights, functions)
