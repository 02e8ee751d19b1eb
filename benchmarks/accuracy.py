"""How accurate is a surrogate of the 2 x 2 thermal block, with its solver used as a black box?

From solves to answers as the loop trains it: scrambled Sobol design, reduced basis in the energy norm,
Gaussian processes on the logarithms of the conductivities. Limits: largest relative error in the H1 semi-norm
over 100 held-out points at most 2.5e-2 with 100 solves and 1e-2 with 200. Peers, on the same problem: EZyRB's
POD + GPR with 400 solves 1.0e-1, POD + BoTorch with 200 solves 9.7e-2, and 9.5e-3 where it is given
logarithms. Each seed has its own design and held-out points. One BLAS thread.

    python benchmarks/accuracy.py
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import gpytorch
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from locum.arrays import Array
from locum.errors import Truth, measured_errors
from locum.highfidelity import ThermalBlock
from locum.parameters import sobol_design
from locum.reduction import InnerProduct
from locum.snapshots.layout import Layout
from locum.surrogates import Description, FieldData, InterpolatedOptions, TrainingData, train_interpolated

RESULTS = Path(__file__).parent / "results"
SEEDS = tuple(range(1, 9))
SOLVES = (50, 100, 200)
LIMITS = {100: 2.5e-2, 200: 1e-2}
HELD_OUT = 100
TOLERANCE = 0.01


@dataclass(frozen=True)
class Row:
    """Relative errors over the held-out points; those of the quantity of interest are relative too."""

    seed: int
    solves: int
    rank: int
    largest: float
    mean: float
    projection: float
    mean_temperature: float
    training_cpu: float


@dataclass(frozen=True, eq=False)
class Simulated:
    """Snapshots (n, nodes) and the quantity of interest (n,) at values (n, 4), and what all share."""

    values: Array
    temperature: Array
    mean_temperature: Array
    layout: Layout


def simulated(model: ThermalBlock, values: Array) -> Simulated:
    names = model.parameters.names
    snapshots = [model.simulate(dict(zip(names, map(float, row), strict=True))) for row in values]
    return Simulated(
        values,
        np.array([each["temperature"].values for each in snapshots]),
        np.array([float(each["mean_temperature"]) for each in snapshots]),
        Layout.of(snapshots[0]),
    )


def accuracy(model: ThermalBlock, seed: int, solves: int, design: Simulated, held_out: Simulated) -> Row:
    layout = design.layout
    description = Description(model.parameters, layout.fields, layout.quantities, layout.mesh)
    snapshots = design.temperature[:solves]
    field = FieldData(lambda: [snapshots], InnerProduct(model.inner_product("temperature")), TOLERANCE)
    data = TrainingData(
        description,
        design.values[:solves],
        {"temperature": field},
        {"mean_temperature": design.mean_temperature[:solves]},
    )
    started = time.process_time()
    trained = train_interpolated(data, InterpolatedOptions())
    seconds = time.process_time() - started
    truth = Truth(
        held_out.values,
        {"temperature": lambda: [held_out.temperature]},
        {"mean_temperature": held_out.mean_temperature},
    )
    errors = measured_errors(trained.surrogate, truth)
    return Row(
        seed=seed,
        solves=solves,
        rank=trained.statistics.fields["temperature"].rank,
        largest=float(errors.total["temperature"].max()),
        mean=float(errors.total["temperature"].mean()),
        projection=float(errors.projection["temperature"].max()),
        mean_temperature=float(errors.total["mean_temperature"].max()),
        training_cpu=seconds,
    )


def measured() -> list[Row]:
    model = ThermalBlock()
    rows = []
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        design = simulated(model, sobol_design(model.parameters, max(SOLVES), generator))
        held_out = simulated(model, model.parameters.sample(HELD_OUT, generator))
        for solves in SOLVES:
            rows.append(accuracy(model, seed, solves, design, held_out))
            print(rows[-1], flush=True)
    return rows


def report(rows: list[Row]) -> str:
    lines = [
        "| solves | seed | coordinates | max | mean | max left by the basis | max of the mean temperature "
    ]
    lines[-1] += "| training, CPU s |"
    lines += ["|---" * 8 + "|"]
    lines += [
        f"| {r.solves} | {r.seed} | {r.rank} | {r.largest:.1e} | {r.mean:.1e} | {r.projection:.1e} "
        f"| {r.mean_temperature:.1e} | {r.training_cpu:.1f} |"
        for r in sorted(rows, key=lambda r: (r.solves, r.seed))
    ]
    lines += ["\n| solves | limit | worst seed | median seed | seeds within the limit |", "|---" * 5 + "|"]
    for solves, limit in LIMITS.items():
        largest = [r.largest for r in rows if r.solves == solves]
        kept = sum(value <= limit for value in largest)
        lines.append(
            f"| {solves} | {limit:.1e} | {max(largest):.1e} | {np.median(largest):.1e} "
            f"| {kept} of {len(largest)} |"
        )
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        rows = measured()
    text = report(rows)
    print(text)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {module.__name__: module.__version__ for module in (np, torch, gpytorch)}
        | {"python": platform.python_version()},
    }
    RESULTS.mkdir(exist_ok=True)
    content = {"machine": machine, "tolerance": TOLERANCE, "rows": [asdict(row) for row in rows]}
    (RESULTS / "accuracy.json").write_text(json.dumps(content, indent=1) + "\n")
    (RESULTS / "accuracy.md").write_text(
        "# Accuracy with a black box\n\n`python benchmarks/accuracy.py`: 2 x 2 thermal block, relative "
        f"error in the H1 semi-norm over {HELD_OUT} held-out points for each seed.\n\n{text}\n"
    )


if __name__ == "__main__":
    main()
