"""The verdict on a surrogate: which share of the parameter distribution has an error figure below tolerance.

The sweep's points are independent draws from that distribution, so the number of them within tolerance is
binomial and its lower confidence limit is exact (Clopper and Pearson 1934).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from locum.arrays import Array
from locum.errors.conformal import share_lower_limit

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Spread:
    """Median, 95 % quantile and maximum; infinite where nothing can be claimed."""

    q50: float
    q95: float
    max: float

    @classmethod
    def of(cls, values: Array) -> Self:
        """Spread of values (q,). Quantiles are values that occur: the next one above, never between two."""
        q50, q95, largest = np.quantile(values, [0.5, 0.95, 1.0], method="higher")
        return cls(float(q50), float(q95), float(largest))

    def to_dict(self) -> dict[str, float | None]:
        """Plain values; None where infinite."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, float | None]) -> Self:
        """Inverse of :meth:`to_dict`."""
        return cls(**{name: math.inf if value is None else value for name, value in data.items()})


@dataclass(frozen=True)
class OutputVerdict:
    """One output: its tolerance, the spread of its error figures, and the share of points below tolerance.

    ``figure`` is in the unit of the tolerance. An infinite tolerance asks for nothing.
    """

    tolerance: float
    figure: Spread
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tolerance = self.tolerance if math.isfinite(self.tolerance) else None
        return {"tolerance": tolerance, "figure": self.figure.to_dict(), "share": self.share}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        tolerance = math.inf if data["tolerance"] is None else data["tolerance"]
        return cls(tolerance, Spread.from_dict(data["figure"]), data["share"])


@dataclass(frozen=True)
class Verdict:
    """What a sweep found.

    Parameters
    ----------
    points
        Size of the sweep, q.
    share, share_lower
        Share of the points within tolerance for every output and inside the domain of validity, and the share
        of the distribution that this proves at ``confidence``.
    share_required, confidence
        As the study asks.
    outside
        Share of the points outside the domain of validity.
    ratio
        Largest figure over the outputs, relative to tolerance: its spread over the sweep.
    level
        The quantile of that ratio inside the domain that has to come down to one: a little above the
        ``share_required`` one, since so many points must prove that share at the confidence.
    outputs
        Each output by name.
    """

    points: int
    share: float
    share_lower: float
    share_required: float
    confidence: float
    outside: float
    ratio: Spread
    level: float
    outputs: Mapping[str, OutputVerdict]

    @property
    def within(self) -> bool:
        """Whether, at the confidence, at least the required share is within tolerance."""
        return self.share_lower >= self.share_required

    def to_dict(self) -> dict[str, Any]:
        """Plain values; None where a figure is infinite."""
        return {
            "points": self.points,
            "share": self.share,
            "share_lower": self.share_lower,
            "share_required": self.share_required,
            "confidence": self.confidence,
            "outside": self.outside,
            "ratio": self.ratio.to_dict(),
            "level": self.level if math.isfinite(self.level) else None,
            "outputs": {name: output.to_dict() for name, output in self.outputs.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        outputs = {name: OutputVerdict.from_dict(output) for name, output in data["outputs"].items()}
        level = math.inf if data["level"] is None else data["level"]
        ratio = Spread.from_dict(data["ratio"])
        return cls(**{**data, "ratio": ratio, "level": level, "outputs": outputs})


def relative_to_tolerance(figures: Mapping[str, Array], tolerances: Mapping[str, float]) -> Array:
    """Largest figure over the outputs relative to tolerance, shape (q,); a figure that is not a number is
    infinite.

    Outputs without a tolerance, or with an infinite one, ask for nothing.
    """
    asked = {
        name: values for name, values in figures.items() if math.isfinite(tolerances.get(name, math.inf))
    }
    ratios = [
        np.where(np.isnan(values), math.inf, values) / tolerances[name] for name, values in asked.items()
    ]
    nothing_asked = np.zeros_like(next(iter(figures.values())))
    return np.asarray(np.max([nothing_asked, *ratios], axis=0))


def assess(
    figures: Mapping[str, Array],
    tolerances: Mapping[str, float],
    in_domain: BoolArray,
    *,
    confidence: float = 0.95,
    share: float = 0.99,
) -> Verdict:
    """Judge a sweep.

    Parameters
    ----------
    figures
        Each output's error figures (q,) at independent draws from the parameter distribution.
    tolerances
        Output's name to tolerance, in the unit of its figures; one that is missing or infinite asks for
        nothing.
    in_domain
        Whether each draw lies in the domain of validity, shape (q,).
    confidence, share
        The claim: at this confidence, at least this share is within tolerance.
    """
    ratio = relative_to_tolerance(figures, tolerances)
    points = ratio.size
    good = int(((ratio <= 1) & in_domain).sum())
    inside = ratio[in_domain]
    spared = inside.size * (points - _points_needed(points, share, confidence)) // points
    outputs = {
        name: OutputVerdict(
            tolerance=tolerances.get(name, math.inf),
            figure=Spread.of(np.where(np.isnan(values), math.inf, values)),
            share=float(np.mean((values <= tolerances.get(name, math.inf)) & in_domain)),
        )
        for name, values in figures.items()
    }
    return Verdict(
        points=points,
        share=good / points,
        share_lower=share_lower_limit(good, points, confidence),
        share_required=share,
        confidence=confidence,
        outside=1 - inside.size / points,
        ratio=Spread.of(ratio),
        level=float(np.sort(inside)[-1 - spared]) if inside.size else math.inf,
        outputs=outputs,
    )


def _points_needed(points: int, share: float, confidence: float) -> int:
    """How many of the points prove the share; all of them where they are too few for that."""
    counts = range(points)
    return bisect.bisect_left(counts, share, key=lambda k: share_lower_limit(k, points, confidence))
