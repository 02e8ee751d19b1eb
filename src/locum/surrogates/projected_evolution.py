"""The projected surrogate of a model that evolves in time: its own time steps on a reduced basis.

The same one-step scheme, with a bound of the whole trajectory in the study's norm and of quantities of
interest at the last saved time. A field's coordinates are those of every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from locum.arrays import AnyArray, Array, joined, taken
from locum.exceptions import StorageError
from locum.reduction import StepwiseBasis
from locum.reduction.equations_saved import equations_from_saved, equations_to_saved
from locum.reduction.reduced_evolution import EvolutionModel, EvolutionSummary
from locum.surrogates.equations import EquationSurrogate
from locum.surrogates.remembered import Remembered
from locum.surrogates.saved import Saved
from locum.surrogates.surrogate import Description

_STEPS = ("initial", "times", "load_factors", "mass_norms")  # arrays of the model that are saved as they are


@dataclass(frozen=True, eq=False)
class ProjectedEvolution(EquationSurrogate):
    """Answers by stepping the projected equations through time.

    Parameters
    ----------
    description
        What it is asked and what it answers: one field at the times of the scheme, and quantities that are
        functionals of its last state.
    basis
        Of the field: orthonormal at each time in the model's inner product.
    model
        From parameter values to reduced trajectories and their bound; its outputs are the description's
        quantities, in this order.
    training
        Parameter values of the simulations that made the basis, shape (s, p).
    """

    kind: ClassVar[str] = "projected-evolution"

    description: Description
    basis: StepwiseBasis
    model: EvolutionModel
    training: Array

    def solve(self, values: Array) -> EvolutionSummary:
        """Quantities, and the figures of all errors, for parameter values (q, p)."""
        return self._solved(values)

    @cached_property
    def _solved(self) -> Remembered[EvolutionSummary]:
        return Remembered(self.model.solve)

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest at the last time, shape (q, k)."""
        found = self._solved.known(values)
        return self.model.outputs(values) if found is None else found.outputs.copy()

    def quantity_indicators(self, values: Array) -> Array:
        """Bound or estimate of the error of each quantity, in its unit, shape (q, k)."""
        return self.solve(values).output_errors.copy()

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates of all times, shape (q, m)."""
        return self.basis.scaled(self.model.trajectories(values))

    def _equations_to_saved(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        model = self.model
        content, arrays = equations_to_saved(model)
        content |= {"implicitness": model.implicitness, "symmetric": model.symmetric}
        return content, arrays | joined({"steps": {name: getattr(model, name) for name in _STEPS}})

    @classmethod
    def _from_equations(cls, description: Description, saved: Saved) -> Self:
        content, arrays = saved.content, saved.arrays
        steps = taken(arrays, "steps.")
        model = EvolutionModel(
            *equations_from_saved(content, arrays),
            steps["initial"],
            steps["times"],
            float(content["implicitness"]),
            steps["load_factors"],
            steps["mass_norms"],
            bool(content["symmetric"]),
        )
        basis = StepwiseBasis.from_arrays(taken(arrays, "basis."), content["basis"])
        found = cls(description, basis, model, arrays["training"])
        found._check()
        return found

    def _check(self) -> None:
        """Refuse saved parts that do not fit each other."""
        rank, quantities = self.model.reduced.rank, len(self.description.quantities)
        fits = self.model.initial.shape == (rank,) and len(self.basis.vectors) == rank
        fits = fits and self.model.mass_norms.shape == (quantities,)
        fits = fits and np.array_equal(self.model.times, self.basis.times)
        loads = len(self.model.reduced.vectors) - quantities
        fits = fits and self.model.load_factors.shape == (len(self.model.times), loads)
        fits = fits and bool(np.isfinite(self.model.load_factors).all())
        if not fits or not 0.5 <= self.model.implicitness <= 1.0:
            raise StorageError(
                "the saved projected evolution cannot be read: its parts do not fit each other"
            )
