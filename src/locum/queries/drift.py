"""Drift: whether queries come from the parameter distribution over which the claims of a study hold.

For each parameter the distribution function of the queries is compared with that of the study (Kolmogorov and
Smirnov). With many queries every small difference is significant, so drift also needs a distance that
matters.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from locum.arrays import Array
from locum.parameters import ParameterSpace

SIGNIFICANCE = 0.01
DISTANCE = 0.1
_GRID = 4097


@dataclass(frozen=True)
class Drift:
    """How the queries of one parameter differ from the study's distribution.

    Parameters
    ----------
    distance
        Largest difference of the distribution functions, from 0 to 1.
    probability
        With which so large a distance occurs by chance, for all parameters together (Bonferroni).
    outside
        Share of queries outside the range.
    queries
        How many were looked at.
    """

    distance: float
    probability: float
    outside: float
    queries: int

    @property
    def drifted(self) -> bool:
        """Whether queries come from elsewhere: significantly, and by a distance that matters."""
        return self.probability < SIGNIFICANCE and self.distance > DISTANCE

    def to_dict(self) -> dict[str, float | int | bool]:
        """Plain values."""
        return {**asdict(self), "drifted": self.drifted}


def drift(space: ParameterSpace, values: Array) -> dict[str, Drift]:
    """Compare queries with the parameter distribution.

    Parameters
    ----------
    space
        The parameters with their distributions.
    values
        Parameter values of queries, shape (q, p).

    Returns
    -------
    dict
        Parameter to its drift; empty without queries.
    """
    if not len(values):
        return {}
    from scipy.stats import kstwo

    n = len(values)
    probabilities = np.linspace(0.0, 1.0, _GRID)
    found = {}
    for j, parameter in enumerate(space.parameters):
        quantiles = parameter.density.quantile(probabilities, parameter.lower, parameter.upper)
        expected = np.interp(np.sort(values[:, j]), quantiles, probabilities)
        steps = np.arange(n + 1) / n
        distance = float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))
        chance = min(1.0, space.dimension * float(kstwo.sf(distance, n)))
        outside = float(np.mean((values[:, j] < parameter.lower) | (values[:, j] > parameter.upper)))
        found[parameter.name] = Drift(distance, chance, outside, n)
    return found
