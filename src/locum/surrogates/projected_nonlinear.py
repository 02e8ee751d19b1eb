"""The projected surrogate of nonlinear steady equations: their reduced residual is solved by Newton's method.

What it says of its errors are *estimates*. Quantities of interest are linear functionals of the field; the
figure of each is the field's, times the norm of the functional.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from locum.arrays import AnyArray, Array, joined, taken
from locum.exceptions import StorageError
from locum.reduction import SteadyBasis
from locum.reduction.certified import CertifiedSolution
from locum.reduction.nonlinear import NonlinearModel, nonlinear_from_saved, nonlinear_to_saved
from locum.surrogates.equations import EquationSurrogate
from locum.surrogates.remembered import Remembered
from locum.surrogates.saved import Saved
from locum.surrogates.surrogate import Description


@dataclass(frozen=True, eq=False)
class ProjectedNonlinear(EquationSurrogate):
    """Answers by solving the reduced nonlinear equations.

    Parameters
    ----------
    description
        What it is asked and what it answers: one field, and quantities that are functionals of it.
    basis
        Of the field, orthonormal in the model's inner product.
    model
        From parameter values to reduced coordinates and their error figure.
    functionals
        Of the coordinates, in the description's order, shape (k, n).
    functional_norms
        ||l||_{X^-1} of each, shape (k,).
    training
        Parameter values of the simulations that made the basis, shape (s, p).
    """

    kind: ClassVar[str] = "projected-nonlinear"

    description: Description
    basis: SteadyBasis
    model: NonlinearModel
    functionals: Array
    functional_norms: Array
    training: Array

    def solve(self, values: Array) -> CertifiedSolution:
        """Coordinates, and the figures of absolute and relative errors, for parameter values (q, p)."""
        return self._solved(values)

    @cached_property
    def _solved(self) -> Remembered[CertifiedSolution]:
        return Remembered(self.model.solve)

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, shape (q, k)."""
        return np.asarray(self.solve(values).coordinates @ self.functionals.T)

    def quantity_indicators(self, values: Array) -> Array:
        """Estimate of the error of each quantity, in its unit, shape (q, k)."""
        return np.outer(self.solve(values).absolute, self.functional_norms)

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, n)."""
        return self.solve(values).coordinates.copy()

    def _equations_to_saved(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        model, arrays = nonlinear_to_saved(self.model)
        outputs = {"functionals": self.functionals, "norms": self.functional_norms}
        return {"model": model}, joined({"model": arrays, "outputs": outputs})

    @classmethod
    def _from_equations(cls, description: Description, saved: Saved) -> Self:
        content, arrays = saved.content, saved.arrays
        basis = SteadyBasis.from_arrays(taken(arrays, "basis."), content["basis"])
        model = nonlinear_from_saved(content["model"], taken(arrays, "model."))
        functionals, norms = arrays["outputs.functionals"], arrays["outputs.norms"]
        count = len(description.quantities)
        if basis.rank != model.rank or functionals.shape != (count, model.rank) or norms.shape != (count,):
            raise StorageError(
                "the saved projected nonlinear surrogate cannot be read: its parts do not fit each other"
            )
        return cls(description, basis, model, functionals, norms, arrays["training"])
