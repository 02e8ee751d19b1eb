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
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from locum.arrays import AnyArray, Array, joined, taken
from locum.reduction import SteadyBasis
from locum.reduction.certified import CertifiedModel, CertifiedSolution
from locum.reduction.certified_saved import certified_from_saved, certified_to_saved
from locum.reduction.dual_outputs import DualOutput
from locum.surrogates.equations import EquationSurrogate
from locum.surrogates.remembered import Remembered
from locum.surrogates.saved import Saved
from locum.surrogates.surrogate import Description

_BLOCK = 4096  # queries that are solved at a time


class _Answers(NamedTuple):
    relative: Array  # figure of the field, (q,)
    quantities: Array  # (q, k)
    figures: Array  # of the quantities, (q, k)


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
        return self.model.solve(values)

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, corrected by their duals, shape (q, k)."""
        return self._answers(values).quantities.copy()

    def quantity_indicators(self, values: Array) -> Array:
        """Bound or estimate of the error of each quantity, in its unit, shape (q, k)."""
        return self._answers(values).figures.copy()

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""
        theta, phi = self.model.coefficients(values)
        return self.model.reduced.solve(theta, phi)

    def field_indicator(self, field: str, values: Array) -> Array:
        """Bound or estimate of the field's relative error, shape (q,); infinite where none can be claimed."""
        return self._answers(values).relative.copy()

    def _equations_to_saved(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        model, arrays = certified_to_saved(self.model)
        outputs = {f"output.{name}": output.to_arrays() for name, output in self.outputs.items()}
        return {"model": model}, joined({"model": arrays} | outputs)

    @classmethod
    def _from_equations(cls, description: Description, saved: Saved) -> Self:
        content, arrays = saved.content, saved.arrays
        outputs = {
            name: DualOutput.from_arrays(taken(arrays, f"output.{name}.")) for name in description.quantities
        }
        basis = SteadyBasis.from_arrays(taken(arrays, "basis."), content["basis"])
        model = certified_from_saved(content["model"], taken(arrays, "model."))
        return cls(description, basis, model, outputs, arrays["training"])

    @cached_property
    def _answers(self) -> Remembered[_Answers]:
        return Remembered(self._answer)

    def _answer(self, values: Array) -> _Answers:
        """All but the field, a block at a time: values and figures come together."""
        shape = (len(values), len(self.outputs))
        answers = _Answers(np.empty(len(values)), np.empty(shape), np.empty(shape))
        for first in range(0, len(values), _BLOCK):
            rows = slice(first, first + _BLOCK)
            theta, phi = self.model.coefficients(values[rows])
            solution = self.model.solve(values[rows])
            answers.relative[rows] = solution.relative
            for column, output in enumerate(self.outputs.values()):
                found = output.evaluate(theta, phi, solution, self.model.separation_error)
                answers.quantities[rows, column], answers.figures[rows, column] = found
        return answers
