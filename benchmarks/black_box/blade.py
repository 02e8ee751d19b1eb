"""The cooled blade, the hard case: transient and nonlinear, its equations inferred in two variables.

How fluids heat up is declared, and the orders of the terms: in the temperature itself, where quadratic terms
stand for what conductivity and heat capacity do with it, and in Kirchhoff's variable, the integral of the
conductivity over the temperature, in which conduction is linear and the rest (heat capacity over
conductivity, films that see the temperature) is not. Errors are of temperatures in either case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from black_box.held_out import Row, typical_error
from locum.arrays import Array
from locum.highfidelity import CooledBlade, Mesh, lumped_mass
from locum.highfidelity.cooled_blade import conduction
from locum.highfidelity.field import FieldDescription
from locum.parameters import sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import (
    Description,
    FieldData,
    InterpolatedOptions,
    TrainingData,
    declared_options,
    train_inferred,
    train_interpolated,
)

SOLVES, BLADE_HELD_OUT = 60, 40
TOLERANCE = 0.015
FILMS = ("film_scale", "film_leading", "film_middle", "film_trailing")
FLUIDS = ("gas_temperature", *["coolant_temperature"] * 3)


@dataclass(frozen=True, eq=False)
class Variable:
    """What is inferred in place of the temperature, and the way back, node by node; terms of the load."""

    name: str
    of_temperature: Callable[[Array], Array]
    to_temperature: Callable[[Array], Array]
    load: Sequence[str]


def kirchhoff() -> Variable:
    """The conductivity's integral, over the conductivity of the coldest row so that it counts in kelvins."""
    material = conduction().material
    temperatures = np.linspace(material.temperatures[0], material.temperatures[-1], 20_000)
    integral = material.evaluate(temperatures).kirchhoff / material.conductivity[0]
    return Variable(
        "Kirchhoff's variable",
        lambda fields: np.interp(fields, temperatures, integral),
        lambda fields: np.interp(fields, integral, temperatures),
        (*loads(), *FILMS),  # the temperature that a film sees is its own best line in this variable
    )


def itself() -> Variable:
    return Variable("temperature", np.asarray, np.asarray, loads())


def blade() -> Iterator[Row]:
    model, generator = CooledBlade(), np.random.default_rng(1)
    space = model.parameters
    draws = sobol_design(space, SOLVES, generator), space.sample(BLADE_HELD_OUT, generator)
    values = np.concatenate(draws)
    runs = [model.simulate(dict(zip(space.names, map(float, row), strict=True))) for row in values]
    fields = np.stack([run["temperature"].values for run in runs])
    mesh, times = Mesh.from_ugrid(runs[0]), runs[0]["time"].values
    product = InnerProduct(lumped_mass(mesh))

    def data_of(known: Array) -> TrainingData:
        shape = FieldDescription("field", ("time", "node"), known.shape[1:], "K")
        description = Description(space, {"field": shape}, {}, mesh, times)
        return TrainingData(
            description, draws[0], {"field": FieldData(lambda: [known], product, TOLERANCE)}, {}
        )

    gaussian = train_interpolated(data_of(fields[:SOLVES]), InterpolatedOptions()).surrogate
    theirs = gaussian.field_errors("field", draws[1], fields[SOLVES:]).total
    for variable in (itself(), kirchhoff()):
        data = data_of(variable.of_temperature(fields[:SOLVES]))
        for products in ((), ("1",)):
            options = declared_options(space, matrix=("1", *FILMS), load=variable.load, products=products)
            started = time.process_time()
            surrogate, statistics = train_inferred(data, options)
            seconds = time.process_time() - started
            predicted = variable.to_temperature(
                surrogate.expand("field", surrogate.coordinates("field", draws[1]))
            )
            basis = gaussian.fields["field"].basis
            errors = basis.norms(predicted - fields[SOLVES:]) / basis.norms(fields[SOLVES:])
            found = statistics["field"]
            yield Row(
                f"cooled_blade, {'quadratic' if products else 'linear'} in {variable.name}, declared",
                1,
                SOLVES,
                TOLERANCE,
                surrogate.kind,
                found.structure,
                found.rank,
                float(errors.max()),
                typical_error(errors),
                typical_error(found.errors),
                float(theirs.max()),
                typical_error(theirs),
                seconds,
            )


def loads() -> list[str]:
    """Films times what flows there, as it heats up."""
    part = "min(time / ramp_time, 1)"
    warm = f"{part} ** 2 * (3 - 2 * {part})"
    return [f"{film} * (300 + ({fluid} - 300) * {warm})" for film, fluid in zip(FILMS, FLUIDS, strict=True)]
