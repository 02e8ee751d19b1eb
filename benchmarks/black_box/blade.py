"""The cooled blade, the hard case: transient and nonlinear, its equations inferred in two variables.

How fluids heat up is declared, and the orders of the terms: in the temperature itself, where quadratic terms
stand for what conductivity and heat capacity do with it, and in Kirchhoff's variable, the integral of the
conductivity over the temperature, in which conduction is linear and the rest (heat capacity over
conductivity, films that see the temperature) is not. Errors are of temperatures in either case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from black_box.held_out import Row, chosen, drawn, typical_error
from black_box.problems import data_of, of_model
from locum.arrays import Array
from locum.highfidelity import CooledBlade
from locum.highfidelity.cooled_blade import conduction
from locum.surrogates import declared_options, train_inferred
from locum.surrogates.inferred_training import fold_errors

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
    problem = of_model(CooledBlade(), "temperature")
    draws = drawn(problem, 1, SOLVES, BLADE_HELD_OUT)
    undeclared = chosen(problem, 1, draws, SOLVES, TOLERANCE)
    yield undeclared
    for variable in (itself(), kirchhoff()):
        data = data_of(problem, draws.values, variable.of_temperature(draws.fields), TOLERANCE)
        for products in ((), ("1",)):
            options = declared_options(
                problem.space, matrix=("1", *FILMS), load=variable.load, products=products
            )
            started = time.process_time()
            surrogate, statistics = train_inferred(data, options)
            seconds = time.process_time() - started
            predicted = surrogate.expand("field", surrogate.coordinates("field", draws.held_out))
            missed = variable.to_temperature(predicted) - draws.truth
            norms = surrogate.fields["field"].basis.norms
            errors = norms(missed) / norms(draws.truth)
            found = statistics["field"]
            yield replace(
                undeclared,
                problem=f"cooled_blade, {'quadratic' if products else 'linear'} in {variable.name}, declared",
                chosen=surrogate.kind,
                structure=found.structure,
                rank=found.rank,
                largest=float(errors.max()),
                typical=typical_error(errors),
                expected=typical_error(fold_errors(found)),
                training_cpu=seconds,
            )


def loads() -> list[str]:
    """Films times what flows there, as it heats up."""
    part = "min(time / ramp_time, 1)"
    warm = f"{part} ** 2 * (3 - 2 * {part})"
    return [f"{film} * (300 + ({fluid} - 300) * {warm})" for film, fluid in zip(FILMS, FLUIDS, strict=True)]
