"""One round of the adaptive loop, as the catalogue keeps it: what was known when its surrogate was judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from locum.adaptivity.verdict import Spread, Verdict
from locum.surrogates.surrogate import FigureKind


@dataclass(frozen=True)
class Round:
    """One round: training, calibration, sweep.

    Parameters
    ----------
    number
        Counted from zero, the initial design.
    training, calibration
        Simulations that trained and that calibrated its surrogate.
    simulations
        All that the budget counts so far: also those that failed.
    verdict
        What the sweep found.
    held_out
        Output to the spread of its measured errors on the calibration simulations, in the unit of its
        tolerance.
    basis
        95 % quantile of the error that the bases leave in the calibration simulations, the largest over the
        fields, relative to tolerance; zero without fields.
    factors
        Output to the factor that calibration puts on its indicator.
    seconds
        What was done to how long it took, on the clock.
    version
        Number of the surrogate in the registry; None where it was not registered.
    figure_kind
        What its error figures are.
    crossing
        Quantities with a relative tolerance that are zero, or of both signs, in the calibration simulations.
    """

    number: int
    training: int
    calibration: int
    simulations: int
    verdict: Verdict
    held_out: Mapping[str, Spread] = field(default_factory=dict)
    basis: float = 0.0
    factors: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    version: int | None = None
    figure_kind: FigureKind = "indicator"
    crossing: tuple[str, ...] = ()

    @property
    def measured(self) -> float:
        """95 % quantile of the measured errors, the largest over the outputs, relative to tolerance."""
        outputs = self.verdict.outputs
        return max(
            (self.held_out[name].q95 / outputs[name].tolerance for name in self.held_out), default=math.nan
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values for the catalogue; None where a number is infinite."""
        return {
            "number": self.number,
            "training": self.training,
            "calibration": self.calibration,
            "simulations": self.simulations,
            "verdict": self.verdict.to_dict(),
            "held_out": {name: spread.to_dict() for name, spread in self.held_out.items()},
            "basis": self.basis,
            "factors": {
                name: value if math.isfinite(value) else None for name, value in self.factors.items()
            },
            "seconds": dict(self.seconds),
            "version": self.version,
            "figure_kind": self.figure_kind,
            "crossing": list(self.crossing),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        return cls(
            **{
                **data,
                "verdict": Verdict.from_dict(data["verdict"]),
                "held_out": {name: Spread.from_dict(spread) for name, spread in data["held_out"].items()},
                "factors": {
                    name: math.inf if value is None else value for name, value in data["factors"].items()
                },
                "crossing": tuple(data.get("crossing", ())),
            }
        )


def standing(history: Sequence[Round], champion: int | None) -> Round | None:
    """The round that counts: that of the champion, which answers; the newest where it has none.

    A newer candidate that the gate refused says nothing about the answers that users get.
    """
    answering = [entry for entry in history if entry.version is not None and entry.version == champion]
    return answering[-1] if answering else history[-1] if history else None
