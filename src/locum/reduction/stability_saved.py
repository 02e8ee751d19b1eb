"""The saved form of stability constants: arrays and plain values, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from locum.arrays import AnyArray
from locum.exceptions import ModelError, StorageError
from locum.parameters import space_from_dict
from locum.reduction.stability import InterpolatedConstant, MinTheta, StabilityConstant, UniformConstant
from locum.reduction.successive_constraints import SuccessiveConstraints


def stability_to_saved(stability: StabilityConstant) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Plain values and arrays.

    Raises
    ------
    StorageError
        A constant that is a function of the model's own: code cannot be saved.
    """
    if isinstance(stability, UniformConstant):
        return {"kind": "uniform", "value": stability.value, "proved": stability.proved}, {}
    if isinstance(stability, MinTheta):
        parts = None if stability.parts is None else list(stability.parts)
        helping = list(stability.helping)
        content = {"kind": "min_theta", "constant": stability.constant, "parts": parts, "helping": helping}
        return content, {"reference": stability.reference}
    if isinstance(stability, SuccessiveConstraints):
        names = ("boxes", "anchors", "constants", "quotients")
        return {"kind": "successive_constraints"}, {name: getattr(stability, name) for name in names}
    if isinstance(stability, InterpolatedConstant):
        content = {"kind": "interpolated", "space": stability.space.to_dict()}
        return content, {"centres": stability.centres, "constants": stability.constants}
    raise StorageError(
        f"a stability constant of type {type(stability).__name__} is a function and cannot be saved; "
        "interpolate it, or use its smallest value"
    )


def stability_from_saved(content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> StabilityConstant:
    """Inverse of :func:`stability_to_saved`.

    Raises
    ------
    StorageError
        Content that is missing or makes no sense.
    """
    try:
        values = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
        if content["kind"] == "uniform":
            return UniformConstant(float(content["value"]), bool(content["proved"]))
        if content["kind"] == "min_theta":
            parts = None if content["parts"] is None else tuple(content["parts"])
            helping = tuple(content.get("helping", ()))  # early versions left none out
            return MinTheta(values["reference"], float(content["constant"]), parts, helping)
        if content["kind"] == "successive_constraints":
            return SuccessiveConstraints(**values)
        if content["kind"] == "interpolated":
            return InterpolatedConstant(space_from_dict(content["space"]), **values)
    except (KeyError, TypeError, ValueError, ModelError) as error:
        raise StorageError(f"the saved stability constant cannot be read: {error!r}") from error
    raise StorageError(f"the saved stability constant cannot be read: unknown kind {content['kind']!r}")
