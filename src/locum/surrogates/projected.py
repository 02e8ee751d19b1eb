"""The projected surrogate: the model's own equations on a reduced basis, with an error figure of their
residual.

It needs the affine operators of a linear model. What it says of its errors is no raw indicator: where the
stability constant is proved its figures are *bounds*, otherwise *estimates*, and neither needs calibration.
Quantities of interest are linear functionals of the field, corrected by a dual solution where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from locum.arrays import Array
from locum.exceptions import StorageError
from locum.reduction import SteadyBasis
from locum.reduction.certified import CertifiedModel, CertifiedSolution
from locum.reduction.dual_outputs import DualOutput, OutputValues
from locum.reduction.separation import SeparationError
from locum.surrogates.equations import EquationSurrogate, equations_from_saved, equations_to_saved
from locum.surrogates.remembered import Remembered
from locum.surrogates.saved import Saved, joined, taken, write_saved
from locum.surrogates.surrogate import Description


@dataclass(frozen=True, eq=False)
class ProjectedSurrogate(EquationSurrogate):
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

    kind: ClassVar[str] = "projected"

    description: Description
    basis: SteadyBasis
    model: CertifiedModel
    outputs: Mapping[str, DualOutput]
    training: Array

    def solve(self, values: Array) -> CertifiedSolution:
        """Coordinates, and the figures of absolute and relative errors, for parameter values (q, p)."""
        return self._solved(values)

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, corrected by their duals, shape (q, k)."""
        return self._columns([output.value for output in self._evaluated(values)], len(values))

    def quantity_indicators(self, values: Array) -> Array:
        """Bound or estimate of the error of each quantity, in its unit, shape (q, k)."""
        return self._columns([output.figure for output in self._evaluated(values)], len(values))

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""
        return self.solve(values).coordinates.copy()

    def save(self, folder: Path) -> None:
        """Write the saved form: JSON and arrays, no pickle.

        Raises
        ------
        StorageError
            Coefficients or a stability constant that are code, or a folder that cannot be written.
        """
        description, arrays = self.description.to_saved()
        equations, equation_arrays = equations_to_saved(self.model)
        basis_arrays, basis = self.basis.to_arrays()
        parts = {"basis": basis_arrays}
        parts |= {f"output.{name}": output.to_arrays() for name, output in self.outputs.items()}
        error = self.model.separation_error
        content = {
            "description": description,
            "basis": basis,
            **equations,
            "separation_error": None if error is None else [error.matrix, error.vector],
        }
        arrays |= equation_arrays | joined(parts) | {"training": self.training}
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
            description = Description.from_saved(content["description"], arrays)
            error = content["separation_error"]
            equations = equations_from_saved(content, arrays)
            model = CertifiedModel(*equations, None if error is None else SeparationError(*error))
            outputs = {
                name: DualOutput.from_arrays(taken(arrays, f"output.{name}."))
                for name in description.quantities
            }
            basis = SteadyBasis.from_arrays(taken(arrays, "basis."), content["basis"])
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
        solution = self.solve(values)
        return [
            output.evaluate(theta, phi, solution.coordinates, solution.residual_norms, solution.stability)
            for output in self.outputs.values()
        ]

    @staticmethod
    def _columns(columns: list[Array], count: int) -> Array:
        return np.stack(columns, axis=1) if columns else np.empty((count, 0))
