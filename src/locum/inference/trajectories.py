"""Trajectories of simulations, and how well evolutions predict those that they were fitted without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from locum.arrays import AnyArray, Array
from locum.inference.evolution import EvolutionOperators, EvolutionTerms, integrate_all
from locum.inference.evolution_fit import Strength, fit_evolution
from locum.inference.evolution_model import squared_norms
from locum.inference.folds import divided, root_mean_square
from locum.parameters import ParameterSpace

FOLDS = 5
IMPLICITNESS = (1.0, 0.5)
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

    @cached_property
    def _own_norms(self) -> Array:
        return self.norms(self.coordinates)

    def norms(self, trajectories: Array) -> Array:
        """Time-weighted norms (q,) of trajectories (q, T, n)."""
        return np.sqrt(squared_norms(trajectories, self.weights))

    def errors(self, predicted: Array, rows: AnyArray) -> Array:
        """Relative errors of predictions (k, T, r) of the rows (k,); infinite where not a number."""
        norms = self._own_norms
        floor = max(_SMALLEST_NORM * norms.max(), np.finfo(np.float64).tiny)
        errors = self.norms(predicted - self.coordinates[rows]) / np.maximum(norms[rows], floor)
        return np.where(np.isfinite(errors), errors, np.inf)

    def slices(self, rows: AnyArray) -> Array:
        """The time slices of some trajectories as rows, each trajectory of norm one."""
        norms = self._own_norms[rows]
        scale = np.sqrt(self.weights)[:, None] / np.maximum(norms, np.finfo(np.float64).tiny)[:, None, None]
        return np.asarray((self.coordinates[rows] * scale).reshape(-1, self.coordinates.shape[2]))

    def basis(self, rows: AnyArray) -> Array:
        """Principal vectors of those slices, shape (m, r)."""
        return np.asarray(np.linalg.svd(self.slices(rows), full_matrices=False)[2])


@dataclass(frozen=True, eq=False)
class Scheme:
    """How an evolution steps, and in which gauge it is fitted; as for :func:`fit_evolution`."""

    implicitness: float
    gauge: Array | None


@dataclass(frozen=True, eq=False)
class EvolutionChoice:
    """One way to fit, and its K-fold errors; as for steady fields."""

    terms: EvolutionTerms
    rank: int
    scheme: Scheme
    strength: Strength
    predicted: Array = field(repr=False)
    errors: Array = field(repr=False)
    folds: tuple[tuple[Array, EvolutionOperators], ...] = field(repr=False)

    @property
    def score(self) -> float:
        """Root mean square of the errors."""
        return root_mean_square(self.errors)


def schemes_of(space: ParameterSpace, terms: EvolutionTerms) -> list[Scheme]:
    """Schemes to try, each with E as the identity and, where that can be, the operator at the centre."""
    centre = space.unwarp(np.full((1, space.dimension), 0.5))
    weights = terms.state(centre)[0, : len(terms.linear)]
    usable = bool(np.isfinite(weights).all() and weights.any())
    return [Scheme(g, gauge) for g in IMPLICITNESS for gauge in ((None, weights) if usable else (None,))]


def evaluated(
    data: Trajectories,
    terms: EvolutionTerms,
    folds: Sequence[tuple[AnyArray, AnyArray, Array]],
    rank: int,
    scheme: Scheme,
    strengths: Sequence[Strength],
) -> list[EvolutionChoice]:
    """K-fold predictions with one rank and scheme, for each strength."""
    predicted = np.full((len(strengths), *data.coordinates.shape), np.nan)
    errors = np.full((len(strengths), len(data.values)), np.inf)
    models: list[list[tuple[Array, EvolutionOperators]]] = [[] for _ in strengths]
    for _, training, whole in folds:
        basis = whole[:rank]
        for its, operators in zip(
            models, fitted(data, training, basis, terms, scheme, strengths), strict=True
        ):
            its.append((basis, operators))
    every = [operators for its in models for _, operators in its]
    asked = [data.values[tested] for tested, *_ in folds] * len(strengths)
    trajectories = iter(integrate_all(every, asked, data.times))
    for fields, missed in zip(predicted, errors, strict=True):
        for tested, _, whole in folds:
            fields[tested] = next(trajectories) @ whole[:rank]
            missed[tested] = data.errors(fields[tested], tested)
    return [
        EvolutionChoice(terms, rank, scheme, strength, fields, missed, tuple(found))
        for strength, fields, missed, found in zip(strengths, predicted, errors, models, strict=True)
    ]


def fitted(
    data: Trajectories,
    rows: AnyArray,
    basis: Array,
    terms: EvolutionTerms,
    scheme: Scheme,
    strengths: Sequence[Strength],
) -> list[EvolutionOperators]:
    """Operators of some of the simulations in a basis (n, r), for each strength."""
    return fit_evolution(
        terms,
        data.values[rows],
        data.coordinates[rows] @ basis.T,
        data.times,
        implicitness=scheme.implicitness,
        strengths=strengths,
        gauge=scheme.gauge,
    )


def folds_of(data: Trajectories) -> list[tuple[AnyArray, AnyArray, Array]]:
    """Tested and training rows of each fold, and the basis of the latter."""
    everything = np.arange(len(data.values))
    parts = [(part, np.setdiff1d(everything, part)) for part in divided(len(everything), FOLDS)]
    return [(part, training, data.basis(training)) for part, training in parts]
