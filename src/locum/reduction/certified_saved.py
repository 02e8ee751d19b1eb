"""The saved form of a steady reduced model with its error figure: arrays and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locum.arrays import AnyArray
from locum.exceptions import StorageError
from locum.reduction.certified import CertifiedModel
from locum.reduction.equations_saved import equations_from_saved, equations_to_saved
from locum.reduction.separation import SeparationError


def certified_to_saved(model: CertifiedModel) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Plain values and arrays.

    Raises
    ------
    StorageError
        Coefficients or a stability constant that are code.
    """
    content, arrays = equations_to_saved(model)
    error = model.separation_error
    return content | {"separation_error": None if error is None else [error.matrix, error.vector]}, arrays


def certified_from_saved(content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> CertifiedModel:
    """Inverse of :func:`certified_to_saved`.

    Raises
    ------
    StorageError
        Content or arrays that are missing or make no sense.
    """
    try:
        equations, error = equations_from_saved(content, arrays), content["separation_error"]
        return CertifiedModel(*equations, None if error is None else SeparationError(*error))
    except (KeyError, TypeError) as error:
        raise StorageError(f"the saved reduced model cannot be read: {error!r}") from error
