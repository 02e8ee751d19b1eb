"""The domain of validity: where the surrogate has seen enough to be believed.

A query is inside when every parameter lies in its range and the nearest training sample is not much farther
than it is for queries drawn from the study's distribution, in the metric of the regression. The second test
sees holes, as failed simulations leave them; inside a well sampled box it holds nearly everywhere. A convex
hull would call almost every point of a box with ten parameters an outsider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.parameters import Parameter, ParameterSpace
from locum.surrogates import Surrogate

Mask = np.ndarray[Any, np.dtype[np.bool_]]

# Twice the distance that nine draws in ten stay below: designs in one to nine parameters leave fewer than two
# draws in a thousand beyond it, and a hole of up to a tenth of the box does not move it.
_DISTANCE_FACTOR = 2.0
_TYPICAL_SHARE = 0.9
_REFERENCE_POINTS = 1024


@dataclass(frozen=True)
class Domain:
    """Ranges of the parameters and the largest distance to the training samples.

    Parameters
    ----------
    space
        The ranges.
    distance_limit
        In the metric of the surrogate's ``distance``.
    """

    space: ParameterSpace
    distance_limit: float

    def contains(self, values: Array, distances: Array) -> Mask:
        """Whether each of the queries (q, p), at these distances (q,), lies inside; shape (q,)."""
        return np.asarray(self.space.inside(values) & (distances <= self.distance_limit))

    def reasons(self, values: Array, distances: Array) -> tuple[str, ...]:
        """Why each query lies outside, in words; empty where it lies inside."""
        reasons = [""] * len(values)
        for i in np.flatnonzero(~self.contains(values, distances)):
            reasons[i] = self._reason(values[i], float(distances[i]))
        return tuple(reasons)

    def _reason(self, values: Array, distance: float) -> str:
        if not self.space.inside(values):
            return "; ".join(
                _beyond(parameter, float(value))
                for parameter, value in zip(self.space.parameters, values, strict=True)
                if not parameter.lower <= value <= parameter.upper
            )
        return (
            f"no training sample near: the nearest is at distance {distance:.3g}, "
            f"and the surrogate is trusted up to {self.distance_limit:.3g}"
        )


def _beyond(parameter: Parameter, value: float) -> str:
    side, end = ("above", parameter.upper) if value > parameter.upper else ("below", parameter.lower)
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"{parameter.name} = {value:g}{unit} is {side} {end:g}{unit}"


def domain_of(surrogate: Surrogate, generator: np.random.Generator) -> Domain:
    """The domain that follows from where the surrogate was trained.

    Parameters
    ----------
    surrogate
        With its space and training samples.
    generator
        Draws the queries that show what distance is usual.
    """
    space = surrogate.description.space
    distances = surrogate.distance(space.sample(_REFERENCE_POINTS, generator))
    return Domain(space, _DISTANCE_FACTOR * float(np.quantile(distances, _TYPICAL_SHARE)))
