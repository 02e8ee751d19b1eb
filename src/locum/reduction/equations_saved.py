"""What all reduced models have in common; and the saved form of linear ones, steady or in time: arrays and
plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from locum.arrays import AnyArray, Array, joined, taken
from locum.reduction.certified import Coefficients
from locum.reduction.coefficients import coefficients_from_saved, coefficients_to_saved
from locum.reduction.projection import ReducedSystem
from locum.reduction.stability import StabilityConstant
from locum.reduction.stability_saved import stability_from_saved, stability_to_saved


class ReducedModel(Protocol):
    """Equations on a reduced basis."""

    @property
    def rank(self) -> int:
        """Number of basis vectors."""
        ...

    @property
    def kind(self) -> Literal["bound", "estimate"]:
        """What its figures are."""
        ...

    def constants(self, values: Array) -> Array:
        """Stability constants of the unreduced equations (q,); not positive where none is known."""
        ...

    def residual_directions(self, values: Array) -> Array:
        """What residuals have in common: coordinates (q, k)."""
        ...


class LinearModel(Protocol):
    """Linear equations on a reduced basis."""

    @property
    def reduced(self) -> ReducedSystem:
        """The projected system."""
        ...

    @property
    def coefficients(self) -> Coefficients:
        """Functions of the parameters."""
        ...

    @property
    def stability(self) -> StabilityConstant:
        """Of the unreduced system."""
        ...


class SavedEquations(NamedTuple):
    """What the saved form of every linear one holds."""

    reduced: ReducedSystem
    coefficients: Coefficients
    stability: StabilityConstant


def equations_to_saved(model: LinearModel) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Plain values and arrays.

    Raises
    ------
    StorageError
        Coefficients or a stability constant that are code.
    """
    coefficients, coefficient_arrays = coefficients_to_saved(model.coefficients)
    stability, stability_arrays = stability_to_saved(model.stability)
    parts = {
        "reduced": model.reduced.to_arrays(),
        "coefficients": coefficient_arrays,
        "stability": stability_arrays,
    }
    return {"coefficients": coefficients, "stability": stability}, joined(parts)


def equations_from_saved(content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> SavedEquations:
    """Inverse of :func:`equations_to_saved`.

    Raises
    ------
    StorageError
        Content or arrays that make no sense.
    KeyError
        Content that is missing.
    """
    return SavedEquations(
        ReducedSystem.from_arrays(taken(arrays, "reduced.")),
        coefficients_from_saved(content["coefficients"], taken(arrays, "coefficients.")),
        stability_from_saved(content["stability"], taken(arrays, "stability.")),
    )
