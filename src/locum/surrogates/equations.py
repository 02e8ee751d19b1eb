"""What surrogates share that solve a model's own equations, steady or stepped in time.

What they say of their errors follows from residuals. It is no raw indicator: where the stability constant is
proved their figures are *bounds*, otherwise *estimates*, and neither needs calibration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from locum.arrays import AnyArray, Array, joined
from locum.exceptions import StorageError
from locum.reduction.basis import FieldBasis
from locum.reduction.certified import Solution
from locum.reduction.equations_saved import ReducedModel
from locum.surrogates.prediction import Prediction
from locum.surrogates.saved import Saved, write_saved
from locum.surrogates.surrogate import Description, FieldErrors


class EquationSurrogate(ABC):
    """A surrogate that answers by solving reduced equations.

    Attributes
    ----------
    description
        What it is asked and what it answers: one field, and quantities that are functionals of it.
    basis
        Of the field, orthonormal in the study's norm.
    model
        From parameter values to reduced coordinates and their error figure.
    training
        Parameter values of the simulations that made the basis, shape (s, p).
    """

    description: Description
    basis: FieldBasis
    model: ReducedModel
    training: Array

    @property
    @abstractmethod
    def kind(self) -> str:
        """As in the saved form."""

    @abstractmethod
    def solve(self, values: Array) -> Solution:
        """Figures of the field's error for parameter values (q, p); whoever asks leaves them as they are."""

    @abstractmethod
    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, shape (q, k)."""

    @abstractmethod
    def quantity_indicators(self, values: Array) -> Array:
        """Bound or estimate of the error of each quantity, in its unit, shape (q, k)."""

    @abstractmethod
    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""

    @abstractmethod
    def _equations_to_saved(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Saved form of what is not description, basis or training."""

    @classmethod
    @abstractmethod
    def _from_equations(cls, description: Description, saved: Saved) -> Self:
        """The surrogate of a saved form; a KeyError or TypeError where something is missing."""

    def save(self, folder: Path) -> None:
        """Write the saved form: JSON and arrays, no pickle.

        Raises
        ------
        StorageError
            Coefficients or a stability constant that are code, or a folder that cannot be written.
        """
        description, arrays = self.description.to_saved()
        basis_arrays, basis = self.basis.to_arrays()
        content, equations = self._equations_to_saved()
        arrays |= joined({"basis": basis_arrays}) | equations | {"training": self.training}
        content = {"description": description, "basis": basis, **content}
        write_saved(folder, "surrogate", Saved(self.kind, content, arrays))

    @classmethod
    def from_saved(cls, saved: Saved) -> Self:
        """Inverse of :meth:`save`.

        Raises
        ------
        StorageError
            Content or arrays that are missing or do not fit each other.
        """
        try:
            description = Description.from_saved(saved.content["description"], saved.arrays)
            return cls._from_equations(description, saved)
        except (KeyError, TypeError) as error:
            raise StorageError(f"the saved {saved.kind} surrogate cannot be read: {error!r}") from error

    @property
    def figure_kind(self) -> Literal["bound", "estimate"]:
        """What its error figures are."""
        return self.model.kind

    @property
    def rank(self) -> int:
        """Number of basis vectors."""
        return self.model.rank

    def predict(self, parameters: Any) -> Prediction:
        """Answer for one or a million parameter sets; nothing is computed before it is asked for."""
        return Prediction(self, self.description.space.matrix(parameters))

    def expand(self, field: str, coordinates: Array) -> Array:
        """Coordinates (q, m) to the field, shape (q, ...) with the field's shape."""
        return self.basis.expand(coordinates)

    def field_indicator(self, field: str, values: Array) -> Array:
        """Bound or estimate of the field's relative error, shape (q,); infinite where none can be claimed."""
        return self.solve(values).relative.copy()

    def field_errors(self, field: str, values: Array, snapshots: Array) -> FieldErrors:
        """True errors against snapshots (q, ...), relative in the study's norm."""
        return FieldErrors(*self.basis.errors(snapshots, self.coordinates(field, values)))

    def residual_directions(self, values: Array) -> Array:
        """What the residuals at parameter values (q, p) have in common: coordinates (q, k)."""
        return self.model.residual_directions(values)

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
