"""The inferred model of a transient field: trajectories seen as few functions of time and space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.inference.evolution import EvolutionOperators, EvolutionTerms
from locum.inference.folds import Folded

_BLOCK_NUMBERS = 1 << 19


@dataclass(frozen=True, eq=False)
class EvolutionFold:
    """What one fold's model says, seen from the basis of all simulations; as for steady fields."""

    operators: EvolutionOperators
    within: Array
    beyond: Array


@dataclass(frozen=True, eq=False)
class EvolutionModel:
    """Coordinates (q, m) of a transient field from parameter values (q, p).

    Parameters
    ----------
    operators
        Fitted to all simulations, n coordinates of space.
    folds
        Fitted without a part of them each.
    times, weights
        Saved times, and their weights in the norm of a trajectory, both (T,).
    functions
        Of time and space, orthonormal with those weights: shape (m, T, n).
    """

    kind: ClassVar[str] = "evolution"

    operators: EvolutionOperators
    folds: tuple[EvolutionFold, ...]
    times: Array
    weights: Array
    functions: Array

    @property
    def rank(self) -> int:
        """Number of coordinates, m."""
        return len(self.functions)

    @property
    def structure(self) -> EvolutionTerms:
        """The terms, as texts."""
        return self.operators.terms

    def coordinates(self, values: Array) -> Array:
        """Coordinates (q, m) for parameter values (q, p)."""
        result = np.empty((len(values), self.rank))
        for rows in self._blocks(values):
            result[rows] = self.projected(self.operators.integrate(values[rows], self.times))
        return result

    def folded(self, values: Array) -> Folded:
        """The answer for parameter values (q, p), and what the folds say beside it."""
        shape = (len(values), self.rank)
        result = Folded(np.empty(shape), np.empty((len(self.folds), *shape)), np.empty(len(values)))
        for rows in self._blocks(values):
            centre = self.operators.integrate(values[rows], self.times)
            result.centre[rows], squares = self.projected(centre), np.zeros(len(centre))
            for k, fold in enumerate(self.folds):
                found = fold.operators.integrate(values[rows], self.times)
                apart = found @ fold.within.T - centre
                result.apart[k, rows] = self.projected(apart)
                squares += squared_norms(apart, self.weights)
                squares += squared_norms(found @ fold.beyond.T, self.weights)
            with np.errstate(divide="ignore", invalid="ignore"):
                spread = np.sqrt(squares / len(self.folds) / squared_norms(centre, self.weights))
            result.spread[rows] = spread
        return result

    def to_saved(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Arrays, and what JSON holds; :meth:`from_saved` is the inverse."""
        arrays, meta = self.operators.to_saved()
        for index, fold in enumerate(self.folds):
            parts, _ = fold.operators.to_saved()
            parts |= {"within": fold.within, "beyond": fold.beyond}
            arrays |= {f"fold.{index}.{name}": array for name, array in parts.items()}
        arrays |= {"times": self.times, "weights": self.weights, "functions": self.functions}
        return arrays, {"kind": self.kind, "folds": len(self.folds), **meta}

    @classmethod
    def from_saved(cls, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_saved`.

        Raises
        ------
        StorageError
            Content that is missing or makes no sense.
        """
        try:
            folds = []
            for index in range(int(meta["folds"])):
                prefix = f"fold.{index}."
                parts = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
                operators = EvolutionOperators.from_saved(parts, meta)
                folds.append(EvolutionFold(operators, parts["within"], parts["beyond"]))
            operators = EvolutionOperators.from_saved(arrays, meta)
            shared = (arrays[name] for name in ("times", "weights", "functions"))
            return cls(operators, tuple(folds), *shared)
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"the saved evolution cannot be read: {error!r}") from error

    def projected(self, trajectories: Array) -> Array:
        """Coordinates (q, m) of trajectories (q, T, n) of the coordinates of space."""
        dual = (self.functions * self.weights[:, None]).reshape(self.rank, -1)
        return np.asarray(trajectories.reshape(len(trajectories), -1) @ dual.T)

    def _blocks(self, values: Array) -> Iterator[slice]:
        width = max(len(self.times), self.operators.rank**2) * self.operators.rank
        step = max(1, _BLOCK_NUMBERS // width)
        return (slice(start, start + step) for start in range(0, len(values), step))


def squared_norms(trajectories: Array, weights: Array) -> Array:
    """Squared time-weighted norms (q,) of trajectories (q, T, n); infinite where equations part."""
    with np.errstate(over="ignore"):
        return np.asarray((trajectories**2).sum(axis=2) @ weights)
