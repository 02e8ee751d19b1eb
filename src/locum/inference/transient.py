"""Choosing the model of a transient field: terms, rank, scheme and regularisation by trajectory error.

Everything is chosen by K-fold errors of whole trajectories. Fits that blow up when they run half the horizon
longer, anywhere in the parameter space, are unstable and refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError
from locum.inference.evolution import EvolutionOperators, EvolutionTerms, Strength, fit_evolution
from locum.inference.evolution_model import EvolutionFold, EvolutionModel, squared_norms
from locum.inference.folds import divided, ranks_to_try, root_mean_square
from locum.parameters import ParameterSpace

FOLDS = 5
FEWEST = 8
SCHEMES = (1.0, 0.5)
STRENGTHS = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
QUADRATIC = (1.0, 1e2)
TAILS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5, 1e-7, 1e-10)
LARGEST_RANK = 30
LONGER = 1.5  # horizons over which a model must stay bounded
_BOUNDED = 10.0  # times the largest norm of a training state
_GROWTH = 3.0  # of a linear operator over the horizon, as an exponent
_SWEPT, _SWEEP_SEED = 200, 0
_PATIENCE, _MOST_REFUSED = 2, 8
_SIMPLER = 0.8  # what a family with more terms must take the error below
_SMALLEST_NORM = 1e-10


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Simulations of a transient field in one basis of space.

    Parameters
    ----------
    values
        Parameter values, shape (N, p).
    coordinates
        In a basis wide enough for all, shape (N, T, r).
    times, weights
        Saved times, and their weights in the norm of a trajectory, both (T,).
    """

    values: Array
    coordinates: Array
    times: Array
    weights: Array

    def norms(self, trajectories: Array) -> Array:
        """Time-weighted norms (q,) of trajectories (q, T, n)."""
        return np.sqrt(squared_norms(trajectories, self.weights))

    def errors(self, predicted: Array, rows: AnyArray) -> Array:
        """Relative errors of predictions (k, T, r) of the rows (k,); infinite where not a number."""
        norms = self.norms(self.coordinates)
        floor = max(_SMALLEST_NORM * norms.max(), np.finfo(np.float64).tiny)
        errors = self.norms(predicted - self.coordinates[rows]) / np.maximum(norms[rows], floor)
        return np.where(np.isfinite(errors), errors, np.inf)

    def slices(self, rows: AnyArray) -> Array:
        """The time slices of some trajectories as rows, each trajectory of norm one."""
        norms = self.norms(self.coordinates[rows])
        scale = np.sqrt(self.weights)[:, None] / np.maximum(norms, np.finfo(np.float64).tiny)[:, None, None]
        return np.asarray((self.coordinates[rows] * scale).reshape(-1, self.coordinates.shape[2]))

    def basis(self, rows: AnyArray) -> Array:
        """Principal vectors of those slices, shape (m, r)."""
        return np.asarray(np.linalg.svd(self.slices(rows), full_matrices=False)[2])


@dataclass(frozen=True, eq=False)
class EvolutionChoice:
    """One way to fit, and its K-fold errors; as for steady fields."""

    terms: EvolutionTerms
    rank: int
    implicitness: float
    strength: Strength
    predicted: Array = field(repr=False)
    errors: Array = field(repr=False)
    folds: tuple[tuple[Array, EvolutionOperators], ...] = field(repr=False)

    @property
    def score(self) -> float:
        """Root mean square of the errors."""
        return root_mean_square(self.errors)


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
    space: ParameterSpace, data: Trajectories, *, terms: EvolutionTerms | None = None, goal: float = 0.0
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

    Raises
    ------
    FitError
        Too few simulations, or no fit that is stable.
    """
    if len(data.values) < FEWEST:
        raise FitError(
            f"operator inference: needs at least {FEWEST} simulations, got {len(data.values)}; "
            "add simulations"
        )
    terms = terms or _best_family(space, data)
    choices = sorted(_tried(data, terms, goal), key=lambda each: each.score)
    choices = [choice for choice in choices if np.isfinite(choice.score)]
    everything = np.arange(len(data.values))
    basis = data.basis(everything)
    swept = space.sample(_SWEPT, np.random.default_rng(_SWEEP_SEED))
    refused: list[str] = []
    for choice in choices[:_MOST_REFUSED]:
        own = basis[: choice.rank]
        (operators,) = _fitted(data, everything, own, terms, choice.implicitness, [choice.strength])
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


def _tried(data: Trajectories, terms: EvolutionTerms, goal: float) -> list[EvolutionChoice]:
    folds = _folds(data)
    limit = min(LARGEST_RANK, min(len(basis) for *_, basis in folds))
    found: list[EvolutionChoice] = []
    best, since = np.inf, 0
    strengths = [Strength(*each) for each in product(STRENGTHS, QUADRATIC if terms.quadratic else (1.0,))]
    slices, schemes = data.slices(np.arange(len(data.values))), list(SCHEMES)
    for rank in ranks_to_try(slices, limit, TAILS):
        choices = [
            choice
            for implicitness in schemes
            for choice in _evaluated(data, terms, folds, rank, implicitness, strengths)
        ]
        choices.sort(key=lambda each: each.score)
        found += choices[:3]
        if found[0].rank < rank:  # with the fewest coordinates all schemes are alike
            schemes = [choices[0].implicitness]
        since = 0 if choices[0].score < 0.98 * best else since + 1
        best = min(best, choices[0].score)
        if best <= goal or since >= _PATIENCE:
            break
    return found


def _evaluated(
    data: Trajectories,
    terms: EvolutionTerms,
    folds: Sequence[tuple[AnyArray, AnyArray, Array]],
    rank: int,
    implicitness: float,
    strengths: Sequence[Strength],
) -> list[EvolutionChoice]:
    """K-fold predictions with one rank and scheme, for each strength."""
    predicted = np.full((len(strengths), *data.coordinates.shape), np.nan)
    errors = np.full((len(strengths), len(data.values)), np.inf)
    models: list[list[tuple[Array, EvolutionOperators]]] = [[] for _ in strengths]
    for tested, training, whole in folds:
        basis = whole[:rank]
        for index, operators in enumerate(_fitted(data, training, basis, terms, implicitness, strengths)):
            predicted[index, tested] = operators.integrate(data.values[tested], data.times) @ basis
            errors[index, tested] = data.errors(predicted[index, tested], tested)
            models[index].append((basis, operators))
    return [
        EvolutionChoice(terms, rank, implicitness, strength, fields, missed, tuple(found))
        for strength, fields, missed, found in zip(strengths, predicted, errors, models, strict=True)
    ]


def _fitted(
    data: Trajectories,
    rows: AnyArray,
    basis: Array,
    terms: EvolutionTerms,
    implicitness: float,
    strengths: Sequence[Strength],
) -> list[EvolutionOperators]:
    trajectories = data.coordinates[rows] @ basis.T
    return fit_evolution(
        terms, data.values[rows], trajectories, data.times, implicitness=implicitness, strengths=strengths
    )


def _folds(data: Trajectories) -> list[tuple[AnyArray, AnyArray, Array]]:
    """Tested and training rows, and the basis of the latter."""
    everything = np.arange(len(data.values))
    parts = [(part, np.setdiff1d(everything, part)) for part in divided(len(everything), FOLDS)]
    return [(part, training, data.basis(training)) for part, training in parts]


def _best_family(space: ParameterSpace, data: Trajectories) -> EvolutionTerms:
    """The family of terms with the least K-fold error in the coordinates that leave a hundredth."""
    folds = _folds(data)
    limit = min(LARGEST_RANK, min(len(basis) for *_, basis in folds))
    rank = ranks_to_try(data.slices(np.arange(len(data.values))), limit, (1e-2,))[0]
    strengths = [Strength(1e-2), Strength(1e-4), Strength(1e-8)]

    def score(terms: EvolutionTerms) -> float:
        return min(each.score for each in _evaluated(data, terms, folds, rank, 1.0, strengths))

    names, every = space.names, ("1", *space.names)
    best, least = None, np.inf
    for linear, load in product((("1",), names, every), (("1",), every)):
        terms = EvolutionTerms(names, linear, load, (), every)
        found = score(terms)
        if best is None or found < _SIMPLER * least:
            best, least = terms, found
    assert best is not None
    curved = replace(best, quadratic=("1",))
    return curved if score(curved) < _SIMPLER * least else best


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
    for own, fitted in choice.folds:
        within = basis @ own.T
        folds.append(
            EvolutionFold(fitted, within, np.asarray(np.linalg.qr(own.T - basis.T @ within, mode="r")))
        )
    return EvolutionModel(operators, tuple(folds), data.times, data.weights, functions)
