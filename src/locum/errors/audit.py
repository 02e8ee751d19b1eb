"""The audit: what was claimed of answers against what fresh, independent simulations show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.errors.checked import Verdict
from locum.errors.conformal import binomial_interval, expected_share, required_scores


@dataclass(frozen=True)
class Proportion:
    """A probability that was observed.

    Parameters
    ----------
    count, n
        Successes in n.
    interval
        Clopper-Pearson, two-sided.
    """

    count: int
    n: int
    interval: tuple[float, float]

    @property
    def share(self) -> float:
        """Observed share; not a number for n = 0."""
        return self.count / self.n if self.n else math.nan


@dataclass(frozen=True)
class OutputCoverage:
    """How the error figures of one output fared.

    Parameters
    ----------
    claimed
        Coverage as claimed.
    observed
        How often the true error was below the figure.
    expected
        Where the observed share lies, at the confidence, if the claim is right, with the finite calibration
        accounted for; None where its size was not told.
    sharpness
        Median of figure over true error: how much larger than needed. Infinite figures count.
    median_error, largest_error
        Of the true errors.
    """

    claimed: float
    observed: Proportion
    expected: tuple[float, float] | None
    sharpness: float
    median_error: float
    largest_error: float

    @property
    def claim_inside(self) -> bool:
        """Whether the claim lies in the binomial interval of what was observed."""
        lower, upper = self.observed.interval
        return lower <= self.claimed <= upper

    @property
    def claim_refuted(self) -> bool:
        """Whether the observed coverage is significantly *below* the claim; above it is caution, no fault."""
        return self.observed.interval[1] < self.claimed


@dataclass(frozen=True)
class CoverageReport:
    """The result of an audit.

    Parameters
    ----------
    outputs
        Output to coverage.
    confidence
        Of all intervals.
    within
        How many answers were marked within tolerance.
    silent_misses
        How many of *those* had a true error above a tolerance.
    """

    outputs: Mapping[str, OutputCoverage]
    confidence: float
    within: Proportion
    silent_misses: Proportion

    @property
    def claims_inside(self) -> bool:
        """Whether every claim lies in its interval."""
        return all(output.claim_inside for output in self.outputs.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {
            "confidence": self.confidence,
            "within": _plain(self.within),
            "silent_misses": _plain(self.silent_misses),
            "outputs": {
                name: {
                    "claimed": output.claimed,
                    "observed": _plain(output.observed),
                    "expected": None if output.expected is None else list(output.expected),
                    "claim_inside": output.claim_inside,
                    "claim_refuted": output.claim_refuted,
                    "sharpness": _finite(output.sharpness),
                    "median_error": _finite(output.median_error),
                    "largest_error": _finite(output.largest_error),
                }
                for name, output in self.outputs.items()
            },
        }


def audit_report(
    claimed: float | Mapping[str, float],
    errors: Mapping[str, Array],
    figures: Mapping[str, Array],
    tolerances: Mapping[str, float],
    verdicts: AnyArray,
    confidence: float = 0.95,
    calibrated_on: int | None = None,
) -> CoverageReport:
    """Compare claims with true errors.

    Parameters
    ----------
    claimed
        Claimed coverage, for all outputs or by output.
    errors, figures
        Output to true errors and error figures of the same n queries, shape (n,).
    tolerances
        Output to tolerance, in the measure of its errors.
    verdicts
        Verdict on each query, shape (n,).
    confidence
        Of the intervals.
    calibrated_on
        Number of calibration simulations behind the claims.
    """
    outputs = {
        name: _output_coverage(
            claimed if isinstance(claimed, float) else claimed[name],
            errors[name],
            figures[name],
            confidence,
            calibrated_on,
        )
        for name in errors
    }
    n = len(verdicts)
    marked = np.asarray(verdicts) == Verdict.WITHIN.value
    missed = np.zeros(n, dtype=bool)
    for name, tolerance in tolerances.items():
        missed |= ~(errors[name] <= tolerance)
    return CoverageReport(
        outputs=outputs,
        confidence=confidence,
        within=_proportion(int(marked.sum()), n, confidence),
        silent_misses=_proportion(int((marked & missed).sum()), int(marked.sum()), confidence),
    )


def _output_coverage(
    claimed: float, errors: Array, figures: Array, confidence: float, calibrated_on: int | None
) -> OutputCoverage:
    covered = errors <= figures
    expected = None
    if len(errors) and calibrated_on is not None and calibrated_on >= required_scores(claimed):
        expected = expected_share(calibrated_on, len(errors), claimed, confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(errors > 0, figures / errors, np.inf)
    return OutputCoverage(
        claimed=claimed,
        observed=_proportion(int(covered.sum()), len(errors), confidence),
        expected=expected,
        sharpness=_median(ratios),
        median_error=_median(errors),
        largest_error=float(np.max(errors)) if len(errors) else math.nan,
    )


def _proportion(count: int, n: int, confidence: float) -> Proportion:
    return Proportion(count, n, binomial_interval(count, n, confidence) if n else (0.0, 1.0))


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _plain(proportion: Proportion) -> dict[str, Any]:
    return {
        "count": proportion.count,
        "n": proportion.n,
        "share": _finite(proportion.share),
        "interval": list(proportion.interval),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
