"""The inferred surrogate: reduced equations found from snapshots, and where they help Gaussian processes on
what those leave.

It asks nothing of the high-fidelity model but its snapshots. Where the equations carry everything its kind is
``inferred``; with a correction on at least one field it is ``hybrid``. The raw indicator of a field is the
spread of the models that were fitted without a part of the simulations each, and the deviation of the
correction. A quantity of interest is a linear functional of the coordinates where cross-validation finds that
this is better than a Gaussian process of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from locum.arrays import Array, taken
from locum.exceptions import StorageError
from locum.inference.evolution_model import EvolutionModel
from locum.inference.steady import SteadyModel
from locum.reduction import FieldBasis, field_basis_from_arrays
from locum.regression import (
    CoordinatePredictor,
    QuantityPredictor,
    coordinate_predictor_from_arrays,
    quantity_predictor_from_arrays,
)
from locum.surrogates.interpolated import warped_in_reach
from locum.surrogates.prediction import Prediction
from locum.surrogates.remembered import Remembered
from locum.surrogates.saved import Saved, packed, write_saved
from locum.surrogates.surrogate import Description, FieldErrors, FigureKind

_BLOCK_NUMBERS = 1 << 19  # coordinates held at a time beside the answer


class _Indicators(NamedTuple):
    fields: Mapping[str, Array]  # each (q,)
    quantities: Array  # (q, k)


class Doubts(NamedTuple):
    """How far the answers of a field may be off."""

    relative: Array  # indicator of the field, (q,)
    apart: Array  # coordinates of the folds less those of the answer, (K, q, n)
    deviation: Array  # of the correction, (q, n)

    def of(self, functional: Functional) -> Array:
        """Indicator of a quantity, in its unit, shape (q,)."""
        squares = np.mean((self.apart @ functional.weights) ** 2, axis=0) + functional.misfit**2
        return np.asarray(np.sqrt(squares + self.deviation**2 @ functional.weights**2))


@dataclass(frozen=True, eq=False)
class InferredField:
    """Basis, equations and correction of one field.

    Parameters
    ----------
    basis
        Of the field, n coordinates.
    model
        From parameter values to coordinates.
    correction
        Gaussian processes on what the model leaves of the coordinates, or None.
    metric
        Relative change of the field over each warped parameter's range, shape (p,).
    surprise
        K-fold error of each training sample over what the spread leads to expect, shape (s,).
    """

    basis: FieldBasis
    model: SteadyModel | EvolutionModel
    correction: CoordinatePredictor | None
    metric: Array
    surprise: Array

    def doubts(self, values: Array, warped: Array) -> Doubts:
        """Of the answers for parameter values (q, p), and the same warped."""
        centre, apart, spread = self.model.folded(values)
        deviation = np.zeros_like(centre)
        if self.correction is not None:
            mean, deviation = self.correction.mean_and_deviation(warped)
            centre = centre + mean
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.linalg.norm(deviation, axis=1) / np.linalg.norm(centre, axis=1)
        relative = np.sqrt(spread**2 + share**2 + self.basis.truncation_error**2)
        return Doubts(relative, apart, deviation)


@dataclass(frozen=True, eq=False)
class Functional:
    """A quantity as a linear functional of a field's coordinates.

    Parameters
    ----------
    field
        Name of the field.
    weights
        Of its coordinates, shape (n,).
    constant
        Added to them.
    misfit
        Root-mean-square K-fold error, in the quantity's unit, with the coordinates known.
    """

    field: str
    weights: Array
    constant: float
    misfit: float


@dataclass(frozen=True, eq=False)
class InferredSurrogate:
    """Answers by solving inferred equations.

    Parameters
    ----------
    description
        What it is asked and what it answers.
    fields
        By name.
    regression
        Gaussian processes of the quantities, columns in the description's order; None where there are none.
    functionals
        Of the quantities that are linear functionals of a field instead.
    training
        Parameter values of the training samples, shape (s, p).
    """

    kinds: ClassVar[tuple[str, ...]] = ("inferred", "hybrid")
    figure_kind: ClassVar[FigureKind] = "indicator"

    description: Description
    fields: Mapping[str, InferredField]
    regression: QuantityPredictor | None
    functionals: Mapping[str, Functional]
    training: Array

    @property
    def kind(self) -> Literal["inferred", "hybrid"]:
        """``hybrid`` with a correction on some field."""
        corrected = any(field.correction is not None for field in self.fields.values())
        return "hybrid" if corrected else "inferred"

    def predict(self, parameters: Any) -> Prediction:
        """Answer for one or a million parameter sets; nothing is computed before it is asked for."""
        return Prediction(self, self.description.space.matrix(parameters))

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""
        part = self.fields[field]
        found = part.model.coordinates(values)
        if part.correction is not None:
            found += part.correction.mean(self._warped(values))
        return found

    def expand(self, field: str, coordinates: Array) -> Array:
        """Coordinates (q, m) to the field, shape (q, ...) with the field's shape."""
        return self.fields[field].basis.expand(coordinates)

    def field_indicator(self, field: str, values: Array) -> Array:
        """Spread of the folds, deviation of the correction and truncation, relative to the norm, (q,)."""
        return self._indicators(values).fields[field].copy()

    def field_errors(self, field: str, values: Array, snapshots: Array) -> FieldErrors:
        """True errors against snapshots (q, ...), relative in the study's norm."""
        total, projection = self.fields[field].basis.errors(snapshots, self.coordinates(field, values))
        return FieldErrors(total, projection)

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, shape (q, k)."""
        result = np.empty((len(values), len(self.description.quantities)))
        for rows in self._blocks(values):
            if self.regression is not None:
                result[rows] = self.regression.mean(self._warped(values[rows]))
            for column, functional in self._functionals():
                found = self.coordinates(functional.field, values[rows])
                result[rows, column] = found @ functional.weights + functional.constant
        return result

    def quantity_indicators(self, values: Array) -> Array:
        """Deviation of each quantity's regression, or spread and misfit of its functional, shape (q, k)."""
        return self._indicators(values).quantities.copy()

    def distance(self, values: Array) -> Array:
        """Distance (q,) to the nearest training sample, in relative changes of the fields."""
        metric = self.inverse_lengthscales(self.description.outputs)
        known = self.description.space.warp(self.training) * metric
        asked = self._warped(values) * metric
        result = np.empty(len(values))
        for rows in self._blocks(values, width=len(known)):
            squared = np.einsum("np,np->n", known, known) - 2.0 * (asked[rows] @ known.T)
            squared += np.einsum("qp,qp->q", asked[rows], asked[rows])[:, None]
            result[rows] = np.sqrt(np.maximum(squared.min(axis=1), 0.0))
        return result

    def inverse_lengthscales(self, outputs: Collection[str]) -> Array:
        """Relative change of the fields over each parameter's range, the largest, shape (p,)."""
        return np.asarray(np.max([field.metric for field in self._asked(outputs)], axis=0))

    def surprise(self, outputs: Collection[str]) -> Array:
        """K-fold error of each training sample over what the spread leads to expect, shape (s,)."""
        return np.asarray(np.max([field.surprise for field in self._asked(outputs)], axis=0))

    def conditioned_on(self, values: Array) -> Self:
        """The same: what a running simulation will teach, no spread can know."""
        return self

    def save(self, folder: Path) -> None:
        """Write the saved form: JSON and arrays, no pickle."""
        description, arrays = self.description.to_saved()
        arrays["training"] = self.training
        content: dict[str, Any] = {"description": description, "fields": {}, "functionals": {}}
        for name, field in self.fields.items():
            prefix = f"field.{name}."
            arrays |= {f"{prefix}metric": field.metric, f"{prefix}surprise": field.surprise}
            content["fields"][name] = {
                "basis": packed(arrays, f"{prefix}basis.", field.basis.to_arrays()),
                "model": packed(arrays, f"{prefix}model.", field.model.to_saved()),
                "correction": None
                if field.correction is None
                else packed(arrays, f"{prefix}correction.", field.correction.to_arrays()),
            }
        content["regression"] = (
            None if self.regression is None else packed(arrays, "regression.", self.regression.to_arrays())
        )
        for name, functional in self.functionals.items():
            arrays[f"functional.{name}"] = functional.weights
            content["functionals"][name] = {
                "field": functional.field,
                "constant": functional.constant,
                "misfit": functional.misfit,
            }
        write_saved(folder, "surrogate", Saved(self.kind, content, arrays))

    @classmethod
    def from_saved(cls, saved: Saved) -> Self:
        """Inverse of :meth:`save`.

        Raises
        ------
        StorageError
            Content or arrays that are missing or do not fit each other.
        """
        content, arrays = saved.content, saved.arrays
        try:
            fields = {
                name: _field_from_saved(taken(arrays, f"field.{name}."), entry)
                for name, entry in content["fields"].items()
            }
            functionals = {
                name: Functional(weights=arrays[f"functional.{name}"], **entry)
                for name, entry in content["functionals"].items()
            }
            regression = content["regression"]
            return cls(
                Description.from_saved(content["description"], arrays),
                fields,
                None
                if regression is None
                else quantity_predictor_from_arrays(taken(arrays, "regression."), regression),
                functionals,
                arrays["training"],
            )
        except (KeyError, TypeError) as error:
            raise StorageError(f"the saved inferred surrogate cannot be read: {error!r}") from error

    @cached_property
    def _indicators(self) -> Remembered[_Indicators]:
        return Remembered(self._indicated)

    def _indicated(self, values: Array) -> _Indicators:
        """All raw indicators, a block at a time: a field and its functionals ask the same folds."""
        found = _Indicators(
            {name: np.empty(len(values)) for name in self.fields},
            np.empty((len(values), len(self.description.quantities))),
        )
        for rows in self._blocks(values):
            warped = self._warped(values[rows])
            doubts = {name: field.doubts(values[rows], warped) for name, field in self.fields.items()}
            for name, doubt in doubts.items():
                found.fields[name][rows] = doubt.relative
            if self.regression is not None:
                found.quantities[rows] = self.regression.deviation(warped)
            for column, functional in self._functionals():
                found.quantities[rows, column] = doubts[functional.field].of(functional)
        return found

    def _functionals(self) -> Iterator[tuple[int, Functional]]:
        for column, name in enumerate(self.description.quantities):
            if name in self.functionals:
                yield column, self.functionals[name]

    def _asked(self, outputs: Collection[str]) -> list[InferredField]:
        """The fields among the outputs; all of them where only quantities are asked."""
        return [field for name, field in self.fields.items() if name in outputs] or list(self.fields.values())

    def _warped(self, values: Array) -> Array:
        return warped_in_reach(self.description.space, values)

    def _blocks(self, values: Array, width: int | None = None) -> Iterator[slice]:
        width = width or max((field.basis.rank for field in self.fields.values()), default=1)
        step = max(1, _BLOCK_NUMBERS // max(1, width))
        return (slice(start, start + step) for start in range(0, len(values), step))


def _field_from_saved(arrays: Mapping[str, Array], entry: Mapping[str, Any]) -> InferredField:
    correction = entry["correction"]
    return InferredField(
        field_basis_from_arrays(taken(arrays, "basis."), entry["basis"]),
        _model_from_saved(taken(arrays, "model."), entry["model"]),
        None
        if correction is None
        else coordinate_predictor_from_arrays(taken(arrays, "correction."), correction),
        arrays["metric"],
        arrays["surprise"],
    )


def _model_from_saved(arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> SteadyModel | EvolutionModel:
    if meta["kind"] == SteadyModel.kind:
        return SteadyModel.from_saved(arrays, meta)
    if meta["kind"] == EvolutionModel.kind:
        return EvolutionModel.from_saved(arrays, meta)
    raise StorageError(f"the saved inferred model cannot be read: unknown kind {meta['kind']!r}")
