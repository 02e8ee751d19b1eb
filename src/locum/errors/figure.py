"""The error figure: what is said about the error of a prediction, and on what it rests."""

from __future__ import annotations

from dataclasses import dataclass

from locum.arrays import Array
from locum.surrogates import FigureKind

__all__ = ["ErrorFigure", "FigureKind"]


@dataclass(frozen=True, eq=False)
class ErrorFigure:
    """The error figure of one output, for every query.

    Parameters
    ----------
    value
        Shape (q,); infinite where nothing can be claimed.
    kind
        ``bound``: proved; ``estimate``: asymptotically right; ``indicator``: correlated and calibrated.
    norm
        In words: relative or absolute, and in which norm or unit.
    coverage
        Probability with which the true error is below the value; None for a bound.
    calibration
        What the figure rests on, in words.
    """

    value: Array
    kind: FigureKind
    norm: str
    coverage: float | None = None
    calibration: str | None = None

    def __repr__(self) -> str:
        value = f"{self.value[0]:.3g}" if self.value.size == 1 else f"{self.value.size} values"
        claim = "" if self.coverage is None else f", covers {self.coverage:.0%}"
        return f"ErrorFigure({value}, {self.norm}, {self.kind}{claim})"
