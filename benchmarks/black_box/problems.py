"""Black boxes: shipped models and random smooth ones, as a space, fields, and the norm of their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from locum.arrays import Array
from locum.highfidelity import HighFidelityModel, Mesh
from locum.highfidelity.field import FieldDescription
from locum.parameters import Parameter, ParameterSpace
from locum.reduction import InnerProduct
from locum.study import build_model, load_study
from locum.surrogates import Description, FieldData, TrainingData

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True, eq=False)
class Problem:
    """A black box: a space, fields (q, N) of values (q, p), and the norm of their errors."""

    name: str
    space: ParameterSpace
    fields: Callable[[Array], Array]
    product: InnerProduct


def of_model(model: HighFidelityModel, field: str) -> Problem:
    names = model.parameters.names

    def fields(values: Array) -> Array:
        rows = (dict(zip(names, map(float, row), strict=True)) for row in values)
        return np.stack([model.simulate(row)[field].values for row in rows])

    matrix = model.inner_product(field) if hasattr(model, "inner_product") else None
    return Problem(model.name, model.parameters, fields, InnerProduct(matrix))


def fin() -> Problem:
    study = load_study(CONFIGS / "fin.yaml")
    return replace(of_model(build_model(study), "temperature"), name="fin")


def smooth(seed: int) -> Problem:
    """Six modes with random smooth coefficients of two to four parameters, no structure at all."""
    generator = np.random.default_rng(seed)
    dimension = 2 + seed % 3
    space = ParameterSpace(tuple(Parameter(f"x{j}", 0.0, 1.0) for j in range(dimension)))
    directions = generator.normal(0.0, 1.5, (6, dimension))
    offsets, shapes = generator.uniform(-2.0, 2.0, 6), generator.integers(0, 3, 6)
    functions = (np.sin, np.tanh, lambda x: np.exp(-(x**2)))
    points = np.linspace(0.0, 1.0, 60)
    modes = np.stack([np.cos(k * np.pi * points) / 2.0**k for k in range(6)])

    def fields(values: Array) -> Array:
        arguments = values @ directions.T + offsets
        columns = [functions[shapes[k]](arguments[:, k]) for k in range(6)]
        return 1.0 + np.stack(columns, axis=1) @ modes

    return Problem(f"smooth {seed}", space, fields, InnerProduct(np.full(60, 1.0 / 60)))


def data_of(problem: Problem, values: Array, fields: Array, tolerance: float) -> TrainingData:
    nodes = fields.shape[1]
    description = Description(
        problem.space,
        {"field": FieldDescription("field", ("node",), (nodes,), "")},
        {},
        Mesh(np.arange(nodes, dtype=np.float64)[:, None]),
    )
    field = FieldData(lambda: [fields], problem.product, tolerance)
    return TrainingData(description, values, {"field": field}, {})
