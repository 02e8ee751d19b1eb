"""How much sharper does the error figure of an interpolated field get from the model's equations?

Steady advection and diffusion from a moving source: neither affine nor symmetric, and the model hands over
assembled matrices alone. And a slab that heats itself: nonlinear, steep in a narrow band, with residual and
Jacobian. One interpolated surrogate for each size of the Sobol design, and the same calibration simulations
for both indicators: the deviation of the regression, and either the residual of the answer or the deviation
as Newton corrections scale it. On 400 fresh simulations, the calibrated figure over the true error: its
median and 95 % quantile (one is a figure that knows the error), and the coverage, of which 95 % is claimed;
each the mean over five independent calibrations of 100 simulations. The peer is the deviation.

    python benchmarks/residual_figure.py
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from locum.arrays import Array
from locum.errors import Tolerance, Truth, calibrate, measured_errors
from locum.errors.newton_corrector import CORRECTIONS, newton_scaled
from locum.highfidelity import (
    AdvectionDiffusion,
    FieldDescription,
    HasInnerProduct,
    Mesh,
    SelfHeating,
    lumped_mass,
)
from locum.parameters import sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import (
    Description,
    FieldData,
    InterpolatedOptions,
    InterpolatedSurrogate,
    TrainingData,
    train_interpolated,
)
from locum.surrogates.residual_indicator import residual_indicator
from locum.surrogates.separated_problem import separated_problem

RESULTS = Path(__file__).parent / "results"
TOLERANCE, COVERAGE = 0.01, 0.95
DESIGNS, CALIBRATION, CALIBRATIONS, FRESH = (40, 80, 160), 100, 5, 400


@dataclass(frozen=True)
class Row:
    """One surrogate with one indicator; ``figure`` over true error, and how both scatter (log10)."""

    model: str
    design: int
    indicator: str
    error: float
    factor: float
    median: float
    q95: float
    scatter: float
    covered: float
    microseconds: float


Indicate = Callable[[InterpolatedSurrogate], InterpolatedSurrogate]


def advection_diffusion(model: AdvectionDiffusion) -> Indicate:
    """The residual of the equations, which are separated once."""
    problem = separated_problem(model, rtol=0.01 * TOLERANCE)
    field = model.solution_field
    return lambda surrogate: surrogate.with_residual(
        field, residual_indicator(surrogate.fields[field].basis, problem)
    )


def self_heating(model: SelfHeating) -> Indicate:
    """The deviation, scaled by Newton corrections of this surrogate."""
    return lambda surrogate: newton_scaled(surrogate, model, np.random.default_rng(4))


def fields_at(model: Any, values: Array) -> Array:
    names = model.parameters.names
    runs = (model.simulate(dict(zip(names, row.tolist(), strict=True))) for row in values)
    return np.stack([run[model.solution_field].values for run in runs])


def trained(model: Any, design: int) -> InterpolatedSurrogate:
    space, name = model.parameters, model.solution_field
    values = sobol_design(space, design, np.random.default_rng(0))
    snapshots = fields_at(model, values)
    mesh = Mesh.from_ugrid(model.simulate(dict(zip(space.names, values[0].tolist(), strict=True))))
    described = Description(space, {name: FieldDescription(name, ("node",), (mesh.nodes,), "")}, {}, mesh)
    product = model.inner_product(name) if isinstance(model, HasInnerProduct) else lumped_mass(mesh)
    data = FieldData(lambda: [snapshots], InnerProduct(product), TOLERANCE)
    return train_interpolated(
        TrainingData(described, values, {name: data}, {}), InterpolatedOptions()
    ).surrogate


def measured(
    model: Any, surrogate: InterpolatedSurrogate, indicator: str, held_out: list[Truth], fresh: Truth
) -> Row:
    (field,) = fresh.fields
    errors = measured_errors(surrogate, fresh).total[field]
    started = time.process_time()
    indicators = surrogate.field_indicator(field, fresh.values)
    each = (time.process_time() - started) / len(indicators)
    calibrated = [
        calibrate(
            surrogate,
            truth,
            coverage=COVERAGE,
            tolerances={field: Tolerance(TOLERANCE)},
            generator=np.random.default_rng(3),
        ).outputs[field]
        for truth in held_out
    ]
    ratios = np.stack([output.figure(indicators) / errors for output in calibrated])
    return Row(
        model=model.name,
        design=len(surrogate.fields[field].regression.leave_one_out()[0]),
        indicator=indicator,
        error=float(np.median(errors)),
        factor=float(np.mean([output.factor for output in calibrated])),
        median=float(np.median(ratios, axis=1).mean()),
        q95=float(np.quantile(ratios, 0.95, axis=1).mean()),
        scatter=float(np.std(np.log10(ratios), axis=1).mean()),
        covered=float((ratios >= 1).mean()),
        microseconds=1e6 * each,
    )


def compared(model: Any, indicator: str, indicating: Callable[[Any], Indicate]) -> tuple[list[Row], str]:
    """Both indicators on all designs, and what the equations took."""
    started = time.process_time()
    indicate = indicating(model)
    before, each = time.process_time() - started, []
    values, fresh = (
        model.parameters.sample(count, np.random.default_rng(seed))
        for seed, count in ((1, CALIBRATION * CALIBRATIONS), (2, FRESH))
    )
    here, there = fields_at(model, values), fields_at(model, fresh)

    def truth(values: Array, fields: Array) -> Truth:
        return Truth(values, {model.solution_field: partial(list, [fields])}, {})

    held_out = [
        truth(values[first::CALIBRATIONS], here[first::CALIBRATIONS]) for first in range(CALIBRATIONS)
    ]
    rows = []
    for design in DESIGNS:
        surrogate = trained(model, design)
        started = time.process_time()
        indicated = indicate(surrogate)
        each.append(time.process_time() - started)
        for name, asked in (("deviation", surrogate), (indicator, indicated)):
            rows.append(measured(model, asked, name, held_out, truth(fresh, there)))
            print(rows[-1], flush=True)
    return (
        rows,
        f"{model.name}: the equations took {before:.1f} s once, and {max(each):.1f} s for a surrogate.",
    )


def report(rows: list[Row], seconds: list[str]) -> str:
    lines = [
        "| model | design | indicator | error, median | factor | figure over error, median | 95 % quantile "
        "| scatter, decades | covered | CPU microseconds |",
        "|---" * 10 + "|",
    ]
    lines += [
        f"| {r.model} | {r.design} | {r.indicator} | {r.error:.1e} | {r.factor:.2f} | {r.median:.2f} "
        f"| {r.q95:.2f} | {r.scatter:.2f} | {r.covered:.3f} | {r.microseconds:.0f} |"
        for r in rows
    ]
    return "\n".join([*lines, "", *seconds, f"Newton corrections are {CORRECTIONS} for a surrogate."])


def main() -> None:
    rows: list[Row] = []
    seconds = []
    with threadpool_limits(1):
        for model, indicator, indicating in (
            (AdvectionDiffusion(cells=40), "residual", advection_diffusion),
            (SelfHeating(), "Newton corrections", self_heating),
        ):
            found, took = compared(model, indicator, indicating)
            rows += found
            seconds.append(took)
    text = report(rows, seconds)
    print(text)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    content = {"machine": machine, "seconds": seconds, "rows": [asdict(row) for row in rows]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "residual_figure.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "residual_figure.md").write_text(
        "# Figures of an interpolated field: deviation, residual and Newton corrections\n\n"
        f"`python benchmarks/residual_figure.py` on {machine['cores']} shared cores, "
        f"one BLAS thread: {CALIBRATIONS} calibrations of {CALIBRATION} simulations, {FRESH} fresh ones, "
        f"{COVERAGE:.0%} claimed.\n"
        f"\n{text}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
