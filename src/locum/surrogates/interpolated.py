"""The interpolated surrogate: a reduced basis a field, Gaussian processes from parameters to coordinates.

It asks nothing of the high-fidelity model but its snapshots. Quantities of interest are regressed directly: a
maximum over a field is smoother in the parameters than what a truncated field would give, and needs no field.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from locum.arrays import Array, taken
from locum.parameters import ParameterSpace
from locum.reduction import FieldBasis, field_basis_from_arrays
from locum.regression import (
    CoordinatePredictor,
    QuantityPredictor,
    coordinate_predictor_from_arrays,
    quantity_predictor_from_arrays,
)
from locum.regression.threads import one_blas_thread
from locum.surrogates.deviation_scale import DeviationScale
from locum.surrogates.prediction import Prediction
from locum.surrogates.residual_indicator import ResidualIndicator
from locum.surrogates.saved import Saved, packed, write_saved
from locum.surrogates.surrogate import Description, FieldErrors, FigureKind

_BLOCK_NUMBERS = 1 << 19  # coordinates or quantities held at a time beside the answer
# Beyond this many ranges outside the box an answer means nothing; held there it is at least a number.
_FARTHEST = 10.0
_SMALLEST = 1e-300  # deviation that is still divided by


@dataclass(frozen=True, eq=False)
class InterpolatedField:
    """Basis and regression of one field.

    Parameters
    ----------
    basis, regression
        From parameters to coordinates, and on to the field.
    residual
        Indicates the field's error by the model's equations, where they are linear and known; else the
        deviation of the regression does.
    scale
        What that deviation is multiplied by, where the model's equations have told.
    """

    basis: FieldBasis
    regression: CoordinatePredictor
    residual: ResidualIndicator | None = None
    scale: DeviationScale | None = None


@dataclass(frozen=True, eq=False)
class InterpolatedSurrogate:
    """Answers by interpolation in the training samples.

    Parameters
    ----------
    description
        What it is asked and what it answers.
    fields
        Basis and regression by field.
    regression
        Of the quantities, columns in the description's order; None where there are none.
    """

    kind: ClassVar[str] = "interpolated"
    figure_kind: ClassVar[FigureKind] = "indicator"

    description: Description
    fields: Mapping[str, InterpolatedField]
    regression: QuantityPredictor | None

    @cached_property
    def _space(self) -> ParameterSpace:
        return self.description.space

    def _warped(self, values: Array) -> Array:
        return warped_in_reach(self._space, values)

    def predict(self, parameters: Any) -> Prediction:
        """Answer for one or a million parameter sets; nothing is computed before it is asked for."""
        return Prediction(self, self._space.matrix(parameters))

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, shape (q, k)."""
        return self._in_blocks(values, lambda regression, warped: regression.mean(warped))

    def quantity_indicators(self, values: Array) -> Array:
        """Standard deviation of each quantity of interest, shape (q, k)."""
        return self._in_blocks(values, lambda regression, warped: regression.deviation(warped))

    def _in_blocks(self, values: Array, ask: Callable[[QuantityPredictor, Array], Array]) -> Array:
        """Ask the regression of the quantities for (q, k), a block of queries at a time."""
        if self.regression is None:
            return np.empty((len(values), 0))
        if len(values) == 1:
            return ask(self.regression, self._warped(values))
        result = np.empty((len(values), len(self.description.quantities)))
        with _one_blas_thread(len(values)):
            for rows in _blocks(len(values)):
                result[rows] = ask(self.regression, self._warped(values[rows]))
        return result

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""
        return self.fields[field].regression.mean(self._warped(values))

    def expand(self, field: str, coordinates: Array) -> Array:
        """Coordinates (q, m) to the field, shape (q, ...) with the field's shape."""
        return self.fields[field].basis.expand(coordinates)

    def field_indicator(self, field: str, values: Array) -> Array:
        """Residual of the model's equations where they are known, else the deviation of the regression, (q,).

        That is the root of the summed variances of coordinates and truncation, scaled where errors are known
        to be larger or smaller. All are relative to the field's norm.
        """
        if (residual := self.fields[field].residual) is not None:
            return self._residuals(field, residual, values)
        basis, regression = self.fields[field].basis, self.fields[field].regression
        scale = self.fields[field].scale
        result = np.empty(len(values))
        with _one_blas_thread(len(values)), np.errstate(divide="ignore", invalid="ignore"):
            for rows in _blocks(len(values), basis.rank):
                warped = self._warped(values[rows])
                mean, deviation = regression.mean_and_deviation(warped)
                energy = np.einsum("qm,qm->q", mean, mean)
                variance = np.einsum("qm,qm->q", deviation, deviation)
                relative = np.where(variance > 0, variance / energy, 0.0)  # also of a field that is zero
                result[rows] = np.sqrt(relative + basis.truncation_error**2)
                if scale is not None:
                    result[rows] *= scale(warped)
        return result

    def _residuals(self, field: str, residual: ResidualIndicator, values: Array) -> Array:
        result = np.empty(len(values))
        with _one_blas_thread(len(values)):
            for rows in _blocks(len(values), residual.model.reduced.rank):
                result[rows] = residual(values[rows], self.coordinates(field, values[rows]))
        return result

    def field_errors(self, field: str, values: Array, snapshots: Array) -> FieldErrors:
        """True errors against snapshots (q, ...), relative in the study's norm."""
        total, projection = self.fields[field].basis.errors(snapshots, self.coordinates(field, values))
        return FieldErrors(total, projection)

    def distance(self, values: Array) -> Array:
        """Distance (q,) to the nearest training sample in lengthscales, the largest over all regressions."""
        result = np.empty(len(values))
        for rows in _blocks(len(values)):
            warped = self._warped(values[rows])
            result[rows] = np.max([each.distance(warped) for each in self._regressions], axis=0)
        return result

    def inverse_lengthscales(self, outputs: Collection[str]) -> Array:
        """Scale of each warped parameter, shape (p,): the finest over the regressions of these outputs."""
        return np.asarray(
            np.max([each.inverse_lengthscales for each in self._regressions_of(outputs)], axis=0)
        )

    def surprise(self, outputs: Collection[str]) -> Array:
        """Leave-one-out error of each training sample over its expected deviation, shape (n,).

        The largest over these outputs.
        """
        ratios = []
        for regression in self._regressions_of(outputs):
            error, deviation = regression.leave_one_out()
            ratios.append(np.linalg.norm(error, axis=1) / np.linalg.norm(deviation, axis=1).clip(_SMALLEST))
        return np.asarray(np.max(ratios, axis=0))

    def _regressions_of(self, outputs: Collection[str]) -> list[CoordinatePredictor]:
        """One for each output."""
        fields = [field.regression for name, field in self.fields.items() if name in outputs]
        if self.regression is None:
            return fields
        asked = [j for j, name in enumerate(self.description.quantities) if name in outputs]
        return [*fields, *map(self.regression.column, asked)]

    @property
    def _regressions(self) -> list[CoordinatePredictor | QuantityPredictor]:
        fields: list[CoordinatePredictor | QuantityPredictor] = [
            field.regression for field in self.fields.values()
        ]
        return fields if self.regression is None else [*fields, self.regression]

    def conditioned_on(self, values: Array) -> Self:
        """A surrogate whose deviations know that these points are being simulated; same answers.

        A residual knows nothing of them: it is that of the answer.
        """
        warped = self._warped(values)
        return replace(
            self,
            fields={
                name: replace(field, regression=field.regression.conditioned_on(warped))
                for name, field in self.fields.items()
            },
            regression=None if self.regression is None else self.regression.conditioned_on(warped),
        )

    def with_residual(self, field: str, residual: ResidualIndicator) -> Self:
        """The same answers, with another indicator of one field's error."""
        return replace(self, fields={**self.fields, field: replace(self.fields[field], residual=residual)})

    def with_scale(self, field: str, scale: DeviationScale) -> Self:
        """The same answers, with a scaled deviation as indicator of one field's error."""
        return replace(self, fields={**self.fields, field: replace(self.fields[field], scale=scale)})

    def save(self, folder: Path) -> None:
        """Write the saved form: JSON and arrays, no pickle."""
        description, arrays = self.description.to_saved()
        content: dict[str, Any] = {"description": description, "fields": {}, "regression": None}
        for name, field in self.fields.items():
            content["fields"][name] = {
                "basis": packed(arrays, f"field.{name}.basis.", field.basis.to_arrays()),
                "regression": packed(arrays, f"field.{name}.regression.", field.regression.to_arrays()),
            }
            for part in ("residual", "scale"):
                if (indicating := getattr(field, part)) is not None:
                    saved = packed(arrays, f"field.{name}.{part}.", indicating.to_arrays())
                    content["fields"][name][part] = saved
        if self.regression is not None:
            content["regression"] = packed(arrays, "regression.", self.regression.to_arrays())
        write_saved(folder, "surrogate", Saved(self.kind, content, arrays))

    @classmethod
    def from_saved(cls, saved: Saved) -> Self:
        """Inverse of :meth:`save`."""
        content, arrays = saved.content, saved.arrays
        return cls(
            Description.from_saved(content["description"], arrays),
            {
                name: InterpolatedField(
                    field_basis_from_arrays(taken(arrays, f"field.{name}.basis."), field["basis"]),
                    coordinate_predictor_from_arrays(
                        taken(arrays, f"field.{name}.regression."), field["regression"]
                    ),
                    ResidualIndicator.from_arrays(taken(arrays, f"field.{name}.residual."), field["residual"])
                    if "residual" in field
                    else None,
                    DeviationScale.from_arrays(taken(arrays, f"field.{name}.scale."), field["scale"])
                    if "scale" in field
                    else None,
                )
                for name, field in content["fields"].items()
            },
            None
            if content["regression"] is None
            else quantity_predictor_from_arrays(taken(arrays, "regression."), content["regression"]),
        )


def warped_in_reach(space: ParameterSpace, values: Array) -> Array:
    """Values (q, p) warped to the unit cube, and held where a regression still answers a number."""
    return np.minimum(np.maximum(space.warp(values), -_FARTHEST), 1.0 + _FARTHEST)


def _blocks(queries: int, width: int = 8) -> Iterator[slice]:
    """Slices of as many queries as may be held at a time with ``width`` numbers each."""
    rows = max(1, _BLOCK_NUMBERS // max(1, width))
    return (slice(start, start + rows) for start in range(0, queries, rows))


def _one_blas_thread(queries: int) -> AbstractContextManager[None]:
    """One BLAS thread for many small products: several that spin on busy cores take ten times as long."""
    return one_blas_thread() if queries > 1 else nullcontext()
