"""Errors over held-out draws of the surrogate that is chosen, beside Gaussian processes on the same ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from black_box.problems import Problem, data_of, of_model, of_study, smooth
from locum.arrays import Array
from locum.highfidelity import AdvectionDiffusion, SelfHeating, ThermalBlock
from locum.parameters import sobol_design
from locum.surrogates import InferredOptions, InterpolatedOptions, train_best, train_interpolated

HELD_OUT = 200


@dataclass(frozen=True)
class Row:
    """Errors over the held-out draws: largest and root mean square."""

    problem: str
    seed: int
    solves: int
    tolerance: float
    chosen: str
    structure: str
    rank: int
    largest: float
    typical: float
    expected: float  # root mean square by cross-validation
    gaussian_largest: float
    gaussian_typical: float
    training_cpu: float
    limit: float | None = None


class Draws(NamedTuple):
    """A design and held-out draws, with their fields."""

    values: Array
    fields: Array
    held_out: Array
    truth: Array


def drawn(problem: Problem, seed: int, solves: int, held_out: int = HELD_OUT) -> Draws:
    generator = np.random.default_rng(seed)
    values = sobol_design(problem.space, solves, generator)
    others = problem.space.sample(held_out, generator)
    return Draws(values, problem.fields(values), others, problem.fields(others))


def measured(
    problem: Problem, seed: int, cases: Mapping[int, float], limits: Mapping[int, float] | None = None
) -> Iterator[Row]:
    """One row for each number of solves and its tolerance, with one design and one set of held-out draws."""
    draws = drawn(problem, seed, max(cases))
    for solves, tolerance in cases.items():
        yield chosen(problem, seed, draws, solves, tolerance, (limits or {}).get(solves))


def chosen(
    problem: Problem, seed: int, draws: Draws, solves: int, tolerance: float, limit: float | None = None
) -> Row:
    """What is chosen after the first of the draws' solves, beside the Gaussian processes."""
    data = data_of(problem, draws.values[:solves], draws.fields[:solves], tolerance)
    gaussian = train_interpolated(data, InterpolatedOptions()).surrogate
    started = time.process_time()
    best = train_best(data, InterpolatedOptions(), InferredOptions(), gaussian)
    seconds = time.process_time() - started
    statistics = best.inferred["field"] if best.inferred else None
    errors = best.surrogate.field_errors("field", draws.held_out, draws.truth).total
    theirs = gaussian.field_errors("field", draws.held_out, draws.truth).total
    shown = {each.kind: each for each in best.comparison.contenders}[best.comparison.chosen]
    return Row(
        problem.name,
        seed,
        solves,
        tolerance,
        best.comparison.chosen,
        str(statistics.structure) if statistics else best.comparison.contenders[-1].remark,
        statistics.rank if statistics else 0,
        float(errors.max()),
        typical_error(errors),
        shown.root_mean_squares()["field"],
        float(theirs.max()),
        typical_error(theirs),
        seconds,
        limit,
    )


def typical_error(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def block2() -> Iterator[Row]:
    problem = of_model(ThermalBlock(), "temperature")
    for seed in range(1, 5):
        yield from measured(problem, seed, {30: 1e-2, 45: 1e-5}, {30: 1e-2, 45: 1e-5})


def block3() -> Iterator[Row]:
    problem = of_model(ThermalBlock(blocks=3), "temperature")
    for seed in (1, 2):
        yield from measured(problem, seed, {150: 1e-2, 300: 1e-2}, {150: 5e-2, 300: 1e-2})


def advection() -> Iterator[Row]:
    yield from measured(of_model(AdvectionDiffusion(), "concentration"), 1, {40: 1e-2, 100: 1e-2, 200: 1e-2})


def studies() -> Iterator[Row]:
    for seed in range(1, 4):
        yield from measured(of_study("fin"), seed, {40: 2e-3, 80: 2e-3})
        yield from measured(of_model(SelfHeating(), "temperature"), seed, {40: 2e-2, 80: 2e-2})
        yield from measured(of_study("heated_rod"), seed, {40: 5e-3})
    yield from measured(of_study("heat_equation"), 1, {40: 1e-2})


def random() -> Iterator[Row]:
    for seed in range(10):
        yield from measured(smooth(seed), seed, {40: 1e-2})
