"""How the parameters and time enter an evolution: of a few families the best, and wrong declarations told.

As for steady fields the judge is the K-fold error, of whole trajectories, in few coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from locum.exceptions import FitError
from locum.inference.evolution import TIME, EvolutionTerms
from locum.inference.evolution_fit import Strength
from locum.inference.folds import ranks_to_try, refuse_far, root_mean_square
from locum.inference.trajectories import Trajectories, evaluated, folds_of, schemes_of
from locum.parameters import ParameterSpace

_STRENGTHS = (Strength(1e-2), Strength(1e-4), Strength(1e-8))
_TAIL = 0.01  # projection error of the coordinates that a search looks at
_LARGEST_RANK = 30
_SIMPLER = 0.8  # what terms that are tried later must take the error below
_WRONG = 5.0  # times the error of the best family, and what the coordinates leave: what is declared is wrong


class EvolutionDiscovery(NamedTuple):
    """Terms, and root mean square of their K-fold errors in the coordinates that the search looked at."""

    terms: EvolutionTerms
    score: float


class EvolutionJudge:
    """K-fold errors of evolutions with different terms on the same simulations."""

    def __init__(self, space: ParameterSpace, data: Trajectories) -> None:
        self._space, self._data, self._folds = space, data, folds_of(data)
        limit = min(_LARGEST_RANK, min(len(basis) for *_, basis in self._folds))
        self._rank = ranks_to_try(data.slices(np.arange(len(data.values))), limit, (_TAIL,))[0]

    def score(self, terms: EvolutionTerms) -> float:
        """Root-mean-square relative K-fold error; infinite for terms that are not finite."""
        schemes = [each for each in schemes_of(self._space, terms) if each.implicitness == 1.0]
        try:
            tried = [
                choice
                for scheme in schemes
                for choice in evaluated(self._data, terms, self._folds, self._rank, scheme, _STRENGTHS)
            ]
        except FitError:
            return float("inf")
        return min(choice.score for choice in tried)

    def floor(self) -> float:
        """What the coordinates leave of the fields in any case."""
        left = []
        for tested, _, whole in self._folds:
            basis = whole[: self._rank]
            left.append(self._data.errors(self._data.coordinates[tested] @ basis.T @ basis, tested))
        return root_mean_square(np.concatenate(left))


def discover_evolution(
    space: ParameterSpace, data: Trajectories, *, to_beat: float = np.inf
) -> EvolutionDiscovery:
    """The best of a few families of terms; simpler ones come first and are left only for much better ones.

    Parameters
    ----------
    space
        The parameters.
    data
        The simulations.
    to_beat
        Typical error of another surrogate.

    Raises
    ------
    FitError
        All families are far from the error to beat.
    """
    judge = EvolutionJudge(space, data)
    first, *others = families(space)
    found = EvolutionDiscovery(first, judge.score(first))

    def better(terms: EvolutionTerms) -> EvolutionDiscovery:
        other = EvolutionDiscovery(terms, judge.score(terms))
        return other if other.score < _SIMPLER * found.score else found

    for terms in others:
        found = better(terms)
    refuse_far(found.terms, found.score, judge.floor(), to_beat)
    load = found.terms.load
    found = better(replace(found.terms, load=(*load, *(f"({term}) * {TIME}" for term in load))))
    return better(replace(found.terms, quadratic=("1",)))


def families(space: ParameterSpace) -> Iterator[EvolutionTerms]:
    """Terms in which all parameters enter alike."""
    names, every = space.names, ("1", *space.names)
    matrices = [("1",), names, every]
    if all(parameter.lower > 0 for parameter in space.parameters):
        matrices.append(("1", *(f"1 / {name}" for name in names)))
    for linear, load in product(matrices, (("1",), every)):
        yield EvolutionTerms(names, linear, load, (), every)


def refuse_wrong_terms(
    terms: EvolutionTerms, space: ParameterSpace, data: Trajectories, *, goal: float = 0.0
) -> None:
    """Refuse declared terms where others leave a fraction of their K-fold error.

    Parameters
    ----------
    terms
        As they were declared.
    space, data
        As for :func:`discover_evolution`.
    goal
        Terms that leave no more are never refused.

    Raises
    ------
    FitError
        Naming both, with their errors.
    """
    judge = EvolutionJudge(space, data)
    declared = judge.score(terms)
    if declared <= max(_WRONG * judge.floor(), goal):
        return
    found = discover_evolution(space, data)
    if found.score * _WRONG < declared:
        raise FitError(
            f"structure: the declared terms ({terms}) leave {100.0 * declared:.2g} % of the trajectories in "
            f"cross-validation, where ({found.terms}) leave {100.0 * found.score:.2g} %; declare those, or "
            "leave the structure to be found"
        )
