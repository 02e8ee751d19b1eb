"""Black boxes: shipped models and random smooth ones, as a space, fields, and the norm of their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from locum.arrays import Array
from locum.highfidelity import HasInnerProduct, HighFidelityModel, Mesh, lumped_mass
from locum.highfidelity.field import FieldDescription
from locum.parameters import Parameter, ParameterSpace
from locum.reduction import InnerProduct
from locum.study import build_model, load_study
from locum.surrogates import Description, FieldData, TrainingData

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True, eq=False)
class Problem:
    """A black box: a space, fields (q, N) of values (q, p), and the norm of their errors; with the times of
    transient ones (q, T, N).
    """

    name: str
    space: ParameterSpace
    fields: Callable[[Array], Array]
    product: InnerProduct
    times: Array | None = None


def of_model(model: HighFidelityModel, field: str) -> Problem:
    names = model.parameters.names

    def fields(values: Array) -> Array:
        rows = (dict(zip(names, map(float, row), strict=True)) for row in values)
        return np.stack([model.simulate(row)[field].values for row in rows])

    centre = model.parameters.unwarp(np.full((1, model.parameters.dimension), 0.5))[0]
    run = model.simulate(dict(zip(names, map(float, centre), strict=True)))
    own = model.inner_product(field) if isinstance(model, HasInnerProduct) else None
    norm = lumped_mass(Mesh.from_ugrid(run)) if own is None else own
    times = run["time"].values if "time" in run[field].dims else None
    return Problem(model.name, model.parameters, fields, InnerProduct(norm), times)


def of_study(name: str, field: str = "temperature") -> Problem:
    """A study that is shipped."""
    return replace(of_model(build_model(load_study(CONFIGS / f"{name}.yaml")), field), name=name)


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
    shape = fields.shape[1:]
    description = Description(
        problem.space,
        {"field": FieldDescription("field", ("time", "node")[-len(shape) :], shape, "")},
        {},
        Mesh(np.arange(shape[-1], dtype=np.float64)[:, None]),
        problem.times,
    )
    field = FieldData(lambda: [fields], problem.product, tolerance)
    return TrainingData(description, values, {"field": field}, {})
