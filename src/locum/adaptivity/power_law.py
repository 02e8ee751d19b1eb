"""Errors that fall with a power of the number of simulations: the rate, how sure it is, how far it leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

REACH = 100
"""An extrapolation says nothing of more than so many times the simulations that it rests on."""
_CERTAINTY = 0.9


@dataclass(frozen=True)
class PowerLaw:
    """error ~ n^-rate, by least squares on logarithms.

    Parameters
    ----------
    rate
        The fitted rate.
    deviation
        Its standard error.
    freedom
        Degrees of freedom: points less two.
    """

    rate: float
    deviation: float
    freedom: int

    def limit(self, certainty: float) -> float:
        """One-sided limit on the rate, by Student's t: upper above one half, lower below."""
        return self.rate + float(stdtrit(self.freedom, certainty)) * self.deviation


def fitted_power_law(sizes: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    """Fit errors (k,) at sizes (k,), three of each or more."""
    doublings = np.log2(np.asarray(sizes, dtype=np.float64))
    logarithms = np.log2(np.clip(np.asarray(errors, dtype=np.float64), 1e-12, 1e12))
    spread = doublings - doublings.mean()
    squares = max(float(spread @ spread), 1e-12)
    slope = float(spread @ logarithms) / squares
    residuals = logarithms - logarithms.mean() - slope * spread
    freedom = len(doublings) - 2
    return PowerLaw(-slope, math.sqrt(float(residuals @ residuals) / freedom / squares), freedom)


@dataclass(frozen=True)
class Extrapolation:
    """Where a power law reaches a tolerance.

    Parameters
    ----------
    rate
        The fitted rate.
    samples
        Simulations; None where errors do not surely fall with their number.
    beyond
        Whether more are needed: ``samples`` is then as far as the extrapolation goes.
    """

    rate: float
    samples: int | None
    beyond: bool = False


def extrapolated_samples(
    errors: Sequence[float], sizes: Sequence[int], tolerance: float
) -> Extrapolation | None:
    """How many simulations an error needs to fall to a tolerance, if it goes on as it did.

    The law is anchored at the last error. Errors surely fall if the rate is positive with 90 % confidence.

    Parameters
    ----------
    errors
        At each size, the last one the largest; finite.
    sizes
        Numbers of simulations, increasing.
    tolerance
        To be reached.

    Returns
    -------
    Extrapolation or None
        None with fewer than three sizes.
    """
    if len(sizes) < 3:
        return None
    law = fitted_power_law(sizes, errors)
    if errors[-1] <= tolerance:
        return Extrapolation(law.rate, sizes[-1])
    if law.limit(1 - _CERTAINTY) <= 0:
        return Extrapolation(law.rate, None)
    exponent = math.log(errors[-1] / tolerance) / law.rate
    if exponent > math.log(REACH):
        return Extrapolation(law.rate, REACH * sizes[-1], beyond=True)
    return Extrapolation(law.rate, math.ceil(sizes[-1] * math.exp(exponent)))
