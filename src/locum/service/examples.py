"""Examples in the OpenAPI document: requests that work as they stand, for each surrogate that is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from locum.parameters import ParameterSpace


def add_examples(document: dict[str, Any], spaces: Mapping[str, ParameterSpace]) -> None:
    """Put examples to the bodies that name parameters, and to the names of surrogates."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "name" and parameter["in"] == "path":
                    parameter["examples"] = {name: {"value": name} for name in spaces}
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            properties = content.get("schema", {}).get("properties", {})
            for wanted, example in (("if_over_tolerance", _prediction), ("inputs", _inference)):
                if wanted in properties:
                    content["examples"] = {name: {"value": example(space)} for name, space in spaces.items()}


def _middle(space: ParameterSpace) -> dict[str, float]:
    middle = space.unwarp(np.full(space.dimension, 0.5))
    return {name: float(f"{value:.4g}") for name, value in zip(space.names, middle, strict=True)}


def _prediction(space: ParameterSpace) -> dict[str, Any]:
    return {"parameters": _middle(space)}


def _inference(space: ParameterSpace) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
            for name, value in _middle(space).items()
        ]
    }
