"""How much sharper does the error figure of an interpolated field get from the model's equations?

Steady advection and diffusion from a moving source: neither affine nor symmetric, and the model hands over
assembled matrices alone. One interpolated surrogate for each size of the Sobol design, and the same
calibration simulations for both indicators: the deviation of the regression, and the residual of the answer.
On 400 fresh simulations, the calibrated figure over the true error: its median and 95 % quantile (one is a
figure that knows the error), and the coverage, of which 95 % is claimed; each the mean over five independent
calibrations of 100 simulations. The peer is the deviation.

    python benchmarks/residual_figure.py [--cells 40]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from locum.arrays import Array
from locum.errors import Tolerance, Truth, calibrate
from locum.highfidelity import AdvectionDiffusion, FieldDescription, Mesh
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
FIELD, TOLERANCE, COVERAGE = "concentration", 0.01, 0.95
DESIGNS, CALIBRATION, CALIBRATIONS, FRESH = (40, 80, 160), 100, 5, 400


@dataclass(frozen=True)
class Row:
    """One surrogate with one indicator; ``figure`` over true error, and how both scatter (log10)."""

    design: int
    indicator: str
    error: float
    factor: float
    median: float
    q95: float
    scatter: float
    covered: float
    microseconds: float


def fields_at(model: AdvectionDiffusion, values: Array) -> Array:
    names = model.parameters.names
    runs = (model.simulate(dict(zip(names, row.tolist(), strict=True))) for row in values)
    return np.stack([run[FIELD].values for run in runs])


def trained(model: AdvectionDiffusion, design: int) -> InterpolatedSurrogate:
    space = model.parameters
    values = sobol_design(space, design, np.random.default_rng(0))
    snapshots = fields_at(model, values)
    mesh = Mesh.from_ugrid(model.simulate(dict(zip(space.names, values[0].tolist(), strict=True))))
    described = Description(space, {FIELD: FieldDescription(FIELD, ("node",), (mesh.nodes,), "")}, {}, mesh)
    field = FieldData(lambda: [snapshots], InnerProduct(model.inner_product(FIELD)), TOLERANCE)
    return train_interpolated(
        TrainingData(described, values, {FIELD: field}, {}), InterpolatedOptions()
    ).surrogate


def measured(
    surrogate: InterpolatedSurrogate, indicator: str, held_out: list[Truth], fresh: Array, errors: Array
) -> Row:
    started = time.perf_counter()
    indicators = surrogate.field_indicator(FIELD, fresh)
    each = (time.perf_counter() - started) / len(fresh)
    calibrated = [
        calibrate(
            surrogate,
            truth,
            coverage=COVERAGE,
            tolerances={FIELD: Tolerance(TOLERANCE)},
            generator=np.random.default_rng(3),
        ).outputs[FIELD]
        for truth in held_out
    ]
    ratios = np.stack([output.figure(indicators) / errors for output in calibrated])
    return Row(
        design=len(surrogate.fields[FIELD].regression.leave_one_out()[0]),
        indicator=indicator,
        error=float(np.median(errors)),
        factor=float(np.mean([output.factor for output in calibrated])),
        median=float(np.median(ratios, axis=1).mean()),
        q95=float(np.quantile(ratios, 0.95, axis=1).mean()),
        scatter=float(np.std(np.log10(ratios), axis=1).mean()),
        covered=float((ratios >= 1).mean()),
        microseconds=1e6 * each,
    )


def report(rows: list[Row], seconds: float) -> str:
    lines = [
        "| design | indicator | error, median | factor | figure over error, median | 95 % quantile "
        "| scatter, decades | covered | microseconds |",
        "|---" * 9 + "|",
    ]
    lines += [
        f"| {r.design} | {r.indicator} | {r.error:.1e} | {r.factor:.2f} | {r.median:.2f} | {r.q95:.2f} "
        f"| {r.scatter:.2f} | {r.covered:.3f} | {r.microseconds:.0f} |"
        for r in rows
    ]
    return "\n".join([*lines, f"\nThe separation of the operators took {seconds:.0f} s, once."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=40)
    options = parser.parse_args()
    model, rows = AdvectionDiffusion(cells=options.cells), []
    with threadpool_limits(1):
        started = time.perf_counter()
        problem = separated_problem(model, rtol=0.01 * TOLERANCE)
        seconds = time.perf_counter() - started
        values, fresh = (
            model.parameters.sample(count, np.random.default_rng(seed))
            for seed, count in ((1, CALIBRATION * CALIBRATIONS), (2, FRESH))
        )
        here, there = fields_at(model, values), fields_at(model, fresh)
        held_out = [
            Truth(values[start::CALIBRATIONS], {FIELD: partial(list, [here[start::CALIBRATIONS]])}, {})
            for start in range(CALIBRATIONS)
        ]
        for design in DESIGNS:
            surrogate = trained(model, design)
            errors = surrogate.field_errors(FIELD, fresh, there).total
            residual = residual_indicator(surrogate.fields[FIELD].basis, problem)
            for name, asked in (
                ("deviation", surrogate),
                ("residual", surrogate.with_residual(FIELD, residual)),
            ):
                rows.append(measured(asked, name, held_out, fresh, errors))
                print(rows[-1], flush=True)
    text = report(rows, seconds)
    print(text)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    content = {"machine": machine, "cells": options.cells, "separation": seconds}
    content |= {"rows": [asdict(row) for row in rows]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "residual_figure.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "residual_figure.md").write_text(
        "# Figures of an interpolated field: deviation and residual\n\n"
        f"`python benchmarks/residual_figure.py --cells {options.cells}` on {machine['cores']} shared cores, "
        f"one BLAS thread: {CALIBRATIONS} calibrations of {CALIBRATION} simulations, {FRESH} fresh ones, "
        f"{COVERAGE:.0%} claimed.\n"
        f"\n{text}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
