"""Calibration: independently drawn simulations turn raw indicators into error figures with stated coverage.

Normalised split conformal (Lei et al. 2018, section 5.2): the score of a calibration simulation is its true
error over the indicator at its parameters, and a quantile of the scores is the factor by which every later
indicator is multiplied. Errors are those of the whole prediction, so what the basis cuts off is in the
figure. The claim is marginal: over queries drawn from the study's distribution, the figure covers the error
with the stated probability. It says nothing of one query alone. Powers of the indicator, chosen on leave-one-
out errors, were tried as normalisation and gained nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.errors.conformal import conformal_quantile, required_scores
from locum.errors.measured import Truth, measured_errors
from locum.errors.tolerance import ErrorMeasure, Tolerance
from locum.surrogates import FigureKind, Surrogate

# Beside a training sample the indicator nearly vanishes while the error of a misjudged smoothness does not:
# below this share of the typical indicator it is not believed.
_FLOOR_SHARE = 0.1
_REFERENCE_POINTS = 512
_UP = 1.0 + 2.0 * np.finfo(np.float64).eps  # more than three roundings take off


@dataclass(frozen=True, eq=False)
class OutputCalibration:
    """How the indicator of one output becomes its error figure.

    Parameters
    ----------
    errors
        True errors of the calibration simulations, shape (n,).
    indicators
        Raw indicators at the same points, in the same measure, shape (n,).
    floor
        Smallest indicator that is believed; positive.
    coverage
        Claimed probability.
    measure
        Whether errors are relative or absolute.
    norm
        The same in words, with norm or unit.
    projection
        For fields, the part of each error that the basis leaves, shape (n,).
    kind
        What the indicator is. A bound or an estimate is a figure already: it is neither scaled nor floored,
        and the simulations only show how it compares with the truth.
    """

    errors: Array
    indicators: Array
    floor: float
    coverage: float
    measure: ErrorMeasure
    norm: str
    projection: Array | None = None
    kind: FigureKind = "indicator"

    @property
    def n(self) -> int:
        """Number of calibration simulations."""
        return len(self.errors)

    @cached_property
    def scores(self) -> Array:
        """Errors over believed indicators, shape (n,); rounded up: times the indicator they cover."""
        return np.asarray(self.errors / np.maximum(self.indicators, self.floor) * _UP)

    @cached_property
    def factor(self) -> float:
        """What indicators are multiplied by; infinite with too few simulations, one for figures."""
        if self.kind != "indicator":
            return 1.0
        return conformal_quantile(self.scores, self.coverage)

    @cached_property
    def summary(self) -> str:
        """What the figure rests on, in words."""
        if self.kind != "indicator":
            held = int(np.sum(self.errors <= self.indicators))
            return f"the model's equations; it held on {held} of {self.n} independent simulations"
        needed = required_scores(self.coverage)
        if self.n < needed:
            return f"too few calibration simulations: {self.n}, where {self.coverage:.4g} needs {needed}"
        return f"split conformal on {self.n} independent simulations"

    def figure(self, indicators: Array) -> Array:
        """Error figures for raw indicators (q,); infinite where the indicator is not a number."""
        if self.kind == "indicator":
            figures = np.asarray(self.factor * np.maximum(indicators, self.floor))
        else:
            figures = np.array(indicators)
        figures[np.isnan(figures)] = np.inf
        return figures


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibrations of all outputs, from the same simulations.

    Parameters
    ----------
    outputs
        Field or quantity to its calibration.
    """

    outputs: Mapping[str, OutputCalibration]

    def to_saved(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain values and arrays for the saved form."""
        content: dict[str, Any] = {}
        arrays: dict[str, AnyArray] = {}
        for name, output in self.outputs.items():
            content[name] = {
                "floor": output.floor,
                "coverage": output.coverage,
                "measure": output.measure,
                "norm": output.norm,
            }
            if output.kind != "indicator":
                content[name]["kind"] = output.kind
            arrays[f"errors.{name}"] = output.errors
            arrays[f"indicators.{name}"] = output.indicators
            if output.projection is not None:
                arrays[f"projection.{name}"] = output.projection
        return content, arrays

    @classmethod
    def from_saved(cls, content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Self:
        """Inverse of :meth:`to_saved`."""
        return cls(
            {
                name: OutputCalibration(
                    errors=arrays[f"errors.{name}"],
                    indicators=arrays[f"indicators.{name}"],
                    projection=arrays.get(f"projection.{name}"),
                    **entry,
                )
                for name, entry in content.items()
            }
        )


def calibrate(
    surrogate: Surrogate,
    truth: Truth,
    *,
    coverage: float,
    tolerances: Mapping[str, Tolerance],
    generator: np.random.Generator,
) -> Calibration:
    """Calibrate every output on simulations that training never saw.

    Parameters
    ----------
    surrogate
        What is calibrated.
    truth
        Simulations drawn independently from the study's distribution: not chosen by an acquisition.
    coverage
        Probability to claim, in (0, 1).
    tolerances
        Says for quantities whether the error is relative (also where it is left out) or absolute.
    generator
        Draws points of the distribution at which the typical indicator, and with it the floor, is found. The
        calibration points themselves would break the exchangeability on which the claim rests.
    """
    description = surrogate.description
    measures = {name: tolerance.error for name, tolerance in tolerances.items()}
    errors = measured_errors(surrogate, truth, measures)
    reference = description.space.sample(_REFERENCE_POINTS, generator)
    outputs: dict[str, OutputCalibration] = {}
    for name in description.fields:
        outputs[name] = OutputCalibration(
            errors=errors.total[name],
            indicators=surrogate.field_indicator(name, truth.values),
            floor=_floor(surrogate.field_indicator(name, reference), 1.0),
            coverage=coverage,
            measure="relative",
            norm="relative, in the study's norm",
            projection=errors.projection[name],
            kind=surrogate.figure_kind,
        )
    here, there = (
        (surrogate.quantity_values(values), surrogate.quantity_indicators(values))
        for values in (truth.values, reference)
    )
    for j, (name, unit) in enumerate(description.quantities.items()):
        measure = measures.get(name, "relative")
        kind = surrogate.figure_kind
        typical = measured_indicator(there[0][:, j], there[1][:, j], measure, kind)
        scale = 1.0 if measure == "relative" else float(np.max(np.abs(there[0][:, j])))
        outputs[name] = OutputCalibration(
            errors=errors.total[name],
            indicators=measured_indicator(here[0][:, j], here[1][:, j], measure, kind),
            floor=_floor(typical, scale),
            coverage=coverage,
            measure=measure,
            norm="relative" if measure == "relative" else f"absolute, in {unit or '1'}",
            kind=kind,
        )
    return Calibration(outputs)


def measured_indicator(
    values: Array, indicators: Array, measure: ErrorMeasure, kind: FigureKind = "indicator"
) -> Array:
    """The indicator of a quantity in the measure of its error.

    A relative error has the true value below it, of which a bound d says that |s| >= |s_N| - d: the error is
    at most d / (|s_N| - d), and nothing can be claimed where that is not positive. A calibrated indicator is
    taken relative to the predicted value: the calibration makes up for the difference.

    Parameters
    ----------
    values, indicators
        Predicted values and the indicators of their errors, in their unit, shape (q,).
    kind
        What the indicators are.

    Returns
    -------
    Array
        Shape (q,); infinite, or not a number where the value is none, where nothing can be claimed.
    """
    if measure == "absolute":
        return indicators + 0 * values
    least = np.abs(values)
    if kind != "indicator":
        least = np.maximum(least - indicators, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(indicators / least)


def _floor(typical: Array, scale: float) -> float:
    """A share of the median indicator, and never below the rounding of the values themselves."""
    finite = typical[np.isfinite(typical)]
    median = float(np.median(finite)) if finite.size else 0.0
    return max(_FLOOR_SHARE * median, math.ulp(scale))
