"""The saved form of a reduced model with its error figure: arrays and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locum.arrays import AnyArray, prefixed, taken
from locum.exceptions import StorageError
from locum.reduction.certified import CertifiedModel
from locum.reduction.coefficients import coefficients_from_saved, coefficients_to_saved
from locum.reduction.projection import ReducedSystem
from locum.reduction.separation import SeparationError
from locum.reduction.stability_saved import stability_from_saved, stability_to_saved


def certified_to_saved(model: CertifiedModel) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Plain values and arrays.

    Raises
    ------
    StorageError
        Coefficients or a stability constant that are code.
    """
    coefficients, coefficient_arrays = coefficients_to_saved(model.coefficients)
    stability, stability_arrays = stability_to_saved(model.stability)
    error = model.separation_error
    content = {
        "coefficients": coefficients,
        "stability": stability,
        "separation_error": None if error is None else [error.matrix, error.vector],
    }
    arrays = {
        **prefixed(model.reduced.to_arrays(), "reduced."),
        **prefixed(coefficient_arrays, "coefficients."),
        **prefixed(stability_arrays, "stability."),
    }
    return content, arrays


def certified_from_saved(content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> CertifiedModel:
    """Inverse of :func:`certified_to_saved`.

    Raises
    ------
    StorageError
        Content or arrays that are missing or make no sense.
    """
    try:
        error = content["separation_error"]
        return CertifiedModel(
            ReducedSystem.from_arrays(taken(arrays, "reduced.")),
            coefficients_from_saved(content["coefficients"], taken(arrays, "coefficients.")),
            stability_from_saved(content["stability"], taken(arrays, "stability.")),
            None if error is None else SeparationError(*error),
        )
    except (KeyError, TypeError) as error:
        raise StorageError(f"the saved reduced model cannot be read: {error!r}") from error
