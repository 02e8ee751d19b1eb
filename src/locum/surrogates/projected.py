"""The projected surrogate: the model's own equations on a reduced basis, with an error figure of their
residual.

It needs the affine operators of a linear model. What it says of its errors is no raw indicator: where the
stability constant is proved its figures are *bounds*, otherwise *estimates*, and neither needs calibration.
Quantities of interest are linear functionals of the field, corrected by a dual solution where there is one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.reduction import SteadyBasis
from locum.reduction.certified import CertifiedModel, CertifiedSolution
from locum.reduction.coefficients import coefficients_from_saved, coefficients_to_saved
from locum.reduction.dual_outputs import DualOutput, OutputValues
from locum.reduction.projection import ReducedSystem
from locum.reduction.separation import SeparationError
from locum.reduction.stability_saved import stability_from_saved, stability_to_saved
from locum.surrogates.prediction import Prediction
from locum.surrogates.remembered import Remembered
from locum.surrogates.saved import Saved, write_saved
from locum.surrogates.surrogate import Description, FieldErrors, SurrogateKind


@dataclass(frozen=True, eq=False)
class ProjectedSurrogate:
    """Answers by solving the projected equations.

    Parameters
    ----------
    description
        What it is asked and what it answers: one field, and quantities that are functionals of it.
    basis
        Of the field, orthonormal in the model's inner product.
    model
        From parameter values to reduced coordinates and their error figure.
    outputs
        Quantity to its functional and dual system, in the description's order.
    training
        Parameter values of the simulations that made the basis, shape (s, p).
    """

    kind: ClassVar[SurrogateKind] = "projected"

    description: Description
    basis: SteadyBasis
    model: CertifiedModel
    outputs: Mapping[str, DualOutput]
    training: Array

    @property
    def figure_kind(self) -> Literal["bound", "estimate"]:
        """What its error figures are."""
        return self.model.kind

    def predict(self, parameters: Any) -> Prediction:
        """Answer for one or a million parameter sets; nothing is computed before it is asked for."""
        return Prediction(self, self.description.space.matrix(parameters))

    def solve(self, values: Array) -> CertifiedSolution:
        """Coordinates, and the figures of absolute and relative errors, for parameter values (q, p)."""
        return self.model.solve(values)

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, corrected by their duals, shape (q, k)."""
        return self._columns([output.value for output in self._evaluated(values)], len(values))

    def quantity_indicators(self, values: Array) -> Array:
        """Bound or estimate of the error of each quantity, in its unit, shape (q, k)."""
        return self._columns([output.figure for output in self._evaluated(values)], len(values))

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""
        return self._solved(values).coordinates.copy()

    def expand(self, field: str, coordinates: Array) -> Array:
        """Coordinates (q, m) to the field, shape (q, ...) with the field's shape."""
        return self.basis.expand(coordinates)

    def field_indicator(self, field: str, values: Array) -> Array:
        """Bound or estimate of the field's relative error, shape (q,); infinite where none can be claimed."""
        return self._solved(values).relative.copy()

    def field_errors(self, field: str, values: Array, snapshots: Array) -> FieldErrors:
        """True errors against snapshots (q, ...), relative in the model's norm."""
        total, projection = self.basis.errors(snapshots, self.coordinates(field, values))
        return FieldErrors(total, projection)

    def distance(self, values: Array) -> Array:
        """Zeros (q,): the figure holds wherever the equations do, near a training sample or far from all."""
        return np.zeros(len(values))

    def inverse_lengthscales(self, outputs: Collection[str]) -> Array:
        """Ones (p,): no regression has found any scale."""
        return np.ones(self.description.space.dimension)

    def surprise(self, outputs: Collection[str]) -> Array:
        """Ones (s,): nothing is expected of training samples but what the equations say."""
        return np.ones(len(self.training))

    def conditioned_on(self, values: Array) -> Self:
        """The same: which simulations teach most beside these, :mod:`locum.adaptivity.greedy` finds."""
        return self

    def save(self, folder: Path) -> None:
        """Write the saved form: JSON and arrays, no pickle.

        Raises
        ------
        StorageError
            Coefficients or a stability constant that are code, or a folder that cannot be written.
        """
        description, arrays = self.description.to_saved()
        basis_arrays, basis = self.basis.to_arrays()
        coefficients, coefficient_arrays = coefficients_to_saved(self.model.coefficients)
        stability, stability_arrays = stability_to_saved(self.model.stability)
        parts: dict[str, Mapping[str, AnyArray]] = {
            "basis": basis_arrays,
            "reduced": self.model.reduced.to_arrays(),
            "coefficients": coefficient_arrays,
            "stability": stability_arrays,
        }
        parts |= {f"output.{name}": output.to_arrays() for name, output in self.outputs.items()}
        for part, found in parts.items():
            arrays |= {f"{part}.{name}": array for name, array in found.items()}
        error = self.model.separation_error
        content = {
            "description": description,
            "basis": basis,
            "coefficients": coefficients,
            "stability": stability,
            "separation_error": None if error is None else [error.matrix, error.vector],
        }
        write_saved(folder, "surrogate", Saved(self.kind, content, arrays | {"training": self.training}))

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
            description = Description.from_saved(content["description"], arrays)
            error = content["separation_error"]
            model = CertifiedModel(
                ReducedSystem.from_arrays(_taken(arrays, "reduced.")),
                coefficients_from_saved(content["coefficients"], _taken(arrays, "coefficients.")),
                stability_from_saved(content["stability"], _taken(arrays, "stability.")),
                None if error is None else SeparationError(*error),
            )
            outputs = {
                name: DualOutput.from_arrays(_taken(arrays, f"output.{name}."))
                for name in description.quantities
            }
            basis = SteadyBasis.from_arrays(_taken(arrays, "basis."), content["basis"])
            return cls(description, basis, model, outputs, arrays["training"])
        except (KeyError, TypeError) as error:
            raise StorageError(f"the saved projected surrogate cannot be read: {error!r}") from error

    @cached_property
    def _solved(self) -> Remembered[CertifiedSolution]:
        return Remembered(self.model.solve)

    @cached_property
    def _evaluated(self) -> Remembered[list[OutputValues]]:
        return Remembered(self._evaluate)

    def _evaluate(self, values: Array) -> list[OutputValues]:
        theta, phi = self.model.coefficients(values)
        solution = self._solved(values)
        return [
            output.evaluate(theta, phi, solution.coordinates, solution.residual_norms, solution.stability)
            for output in self.outputs.values()
        ]

    @staticmethod
    def _columns(columns: list[Array], count: int) -> Array:
        return np.stack(columns, axis=1) if columns else np.empty((count, 0))

    @cached_property
    def rank(self) -> int:
        """Number of basis vectors."""
        return self.model.reduced.rank


def _taken(arrays: Mapping[str, AnyArray], prefix: str) -> dict[str, AnyArray]:
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
