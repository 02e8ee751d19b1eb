"""Split-conformal calibration and the binomial limits that audits need, as pure functions.

With scores S_i = error_i / indicator_i of n simulations drawn independently from the distribution of the
queries and never used for training, the ceil((n + 1) c)-th smallest score covers the score of a new query
with probability in [c, c + 1 / (n + 1)] (Vovk, Gammerman & Shafer 2005; Lei et al. 2018). Given one
calibration set the coverage is a Beta variable around that: :func:`coverage_distribution`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from locum.arrays import Array

_ROUNDING = 1e-9  # 20 * 0.95 must count as 19, whatever the last bit says


def conformal_rank(n: int, coverage: float) -> int:
    """Which of n sorted scores is the quantile, counted from one; above n where n is too small."""
    return math.ceil((n + 1) * coverage - _ROUNDING)


def required_scores(coverage: float) -> int:
    """Smallest number of calibration simulations with a finite quantile: 19 for a coverage of 0.95."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def conformal_quantile(scores: Array, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest score.

    Parameters
    ----------
    scores
        Shape (n,), errors over indicators of independent simulations. A score that is not a number counts as
        infinite.
    coverage
        Wanted probability, in (0, 1).

    Returns
    -------
    float
        Infinite where n is below :func:`required_scores`: no finite figure can be claimed.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, got {coverage}")
    scores = np.where(np.isnan(scores), np.inf, np.asarray(scores, dtype=np.float64))
    rank = conformal_rank(scores.size, coverage)
    if rank > scores.size:
        return math.inf
    return float(np.partition(scores, rank - 1)[rank - 1])


@dataclass(frozen=True)
class CoverageDistribution:
    """The Beta distribution of the coverage that one calibration set really gives.

    Parameters
    ----------
    a, b
        Parameters of the Beta distribution; exact for scores without ties.
    """

    a: float
    b: float

    @property
    def mean(self) -> float:
        """Coverage averaged over calibration sets: at least what was claimed."""
        return self.a / (self.a + self.b)

    def quantile(self, probability: float) -> float:
        """Coverage that a calibration set stays below with this probability."""
        return float(scipy.special.betaincinv(self.a, self.b, probability))


def coverage_distribution(n: int, coverage: float) -> CoverageDistribution:
    """How the true coverage scatters over calibration sets of size n (Vovk 2012).

    Raises
    ------
    ValueError
        When n is below :func:`required_scores`.
    """
    rank = conformal_rank(n, coverage)
    if rank > n:
        raise ValueError(
            f"a coverage of {coverage:g} needs at least {required_scores(coverage)} scores, got {n}"
        )
    return CoverageDistribution(rank, n + 1 - rank)


def expected_share(n: int, audited: int, coverage: float, confidence: float = 0.95) -> tuple[float, float]:
    """Where the observed coverage of an audit lies, at the confidence, if the claim is right.

    The number of covered answers is beta-binomial: the coverage of one calibration set of size ``n`` scatters
    around the claim, and the audit around that. With 100 calibration simulations and 200 audited ones the
    first scatters more than the second, and a binomial interval alone misses a right claim of 95 % in one
    audit out of four.
    """
    distribution = coverage_distribution(n, coverage)
    k = np.arange(audited + 1)
    logarithms = (
        scipy.special.betaln(k + distribution.a, audited - k + distribution.b)
        - scipy.special.betaln(distribution.a, distribution.b)
        - scipy.special.betaln(k + 1, audited - k + 1)
        - math.log(audited + 1)
    )
    cumulated = np.cumsum(np.exp(logarithms))
    tail = (1 - confidence) / 2
    lower, upper = np.searchsorted(cumulated, [tail, 1 - tail])
    return float(lower / audited), float(min(upper, audited) / audited)


def binomial_interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval for a probability of which k successes in n were seen."""
    tail = (1 - confidence) / 2
    lower = float(scipy.special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    upper = float(scipy.special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return lower, upper


def share_lower_limit(k: int, n: int, confidence: float) -> float:
    """One-sided Clopper-Pearson limit: after k successes in n the share is at least this."""
    return float(scipy.special.betaincinv(k, n - k + 1, 1 - confidence)) if k > 0 else 0.0
