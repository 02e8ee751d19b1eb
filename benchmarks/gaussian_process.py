"""How good and how fast are Gaussian processes for many coordinates, fitted and asked?

Peers, on the same data: one fit a mode (the same code with groups of one), and scikit-learn's regressor in a
loop. Limits: 400 samples x 300 modes in 5 CPU seconds within 10 % of independent fits' error; on the 2 x 2
thermal block a largest error of 2.5e-2 with 100 simulations and 1e-2 with 200; a warm refit of 40 modes and
three quantities in 0.3 CPU seconds; a query in 60 microseconds, 100 with deviations, and 10^5 queries in 1.5
and 4 seconds. One BLAS thread.

    python benchmarks/gaussian_process.py
"""

from __future__ import annotations

import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gpytorch
import numpy as np
import scipy
import sklearn
import torch
from scipy.stats import qmc, spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from locum.highfidelity.thermal_block import ThermalBlock
from locum.parameters import sobol_design
from locum.reduction import InnerProduct, pod
from locum.regression import Predictor, fit_coordinates
from locum.regression.conditioning import Group
from locum.regression.gaussian_process import fit_gaussian_processes
from locum.regression.predictor import predictor

RESULTS = Path(__file__).parent / "results"
CASES = ((100, 20), (200, 100), (400, 300))
LONGEST_LOOP = 100  # modes; scikit-learn's loop takes minutes beyond


@dataclass(frozen=True)
class ModesRow:
    n: int
    modes: int
    method: str
    cpu: float
    error: float  # mean relative field error on 200 new points


@dataclass(frozen=True)
class BlockRow:
    simulations: int
    modes: int
    largest: float
    mean: float
    leave_one_out: float  # root mean square
    rank_correlation: float  # of indicator and error
    standardised_variance: float
    cold_cpu: float
    warm_cpu: float


@dataclass(frozen=True)
class QueryRow:
    case: str
    mean_us: float
    deviation_us: float
    many_mean_s: float
    many_deviation_s: float


def cpu_seconds(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = run()
    return result, time.process_time() - start


def hot_spot(parameters: np.ndarray, cells: int = 40) -> np.ndarray:
    """A spot that moves, turns and widens over a square: its modes decay slowly."""
    x, y = (axis.ravel() for axis in np.meshgrid(*2 * [(np.arange(cells) + 0.5) / cells]))
    a, b, c, d = (column[:, None] for column in parameters.T)
    dx, dy, angle, width = x - 0.35 - 0.3 * a, y - 0.35 - 0.3 * b, np.pi / 3 * c, 0.08 * (1 + d)
    along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
    return np.exp(-((along / (1.6 * width)) ** 2) - (across / width) ** 2)


def scikit_learn_loop(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    kernel = ConstantKernel() * Matern(np.ones(x.shape[1]), nu=2.5) + WhiteKernel(1e-4, (1e-10, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = [GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(x, k) for k in y.T]
    return lambda new: np.stack([fit.predict(new) for fit in fits], axis=1)


def modes() -> list[ModesRow]:
    rows = []
    design = qmc.Sobol(4, scramble=True, rng=np.random.default_rng(0)).random(512)
    new = np.random.default_rng(1).random((200, 4))
    expected = hot_spot(new)
    for n, m in CASES:
        snapshots = hot_spot(design[:n])
        basis = np.linalg.svd(snapshots, full_matrices=False)[2][:m]
        for name, fit in methods(design[:n], snapshots @ basis.T).items():
            mean, cpu = cpu_seconds(fit)
            error = np.linalg.norm(mean(new) @ basis - expected, axis=1) / np.linalg.norm(expected, axis=1)
            rows.append(ModesRow(n, m, name, cpu, float(error.mean())))
            print(rows[-1], flush=True)
    return rows


def methods(x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Callable[[np.ndarray], np.ndarray]]]:
    """Fits by name; those that would take minutes are left out."""
    m = y.shape[1]

    def fitted(**options: Any) -> Callable[[], Callable[[np.ndarray], np.ndarray]]:
        return lambda: fit_gaussian_processes(x, y, **options).value.mean

    matern = {"kernel": "matern-5/2", "degree": 0}
    result = {
        "locum, growing groups": fitted(groups="growing"),
        "locum, one fit a mode": fitted(),
        "locum, growing groups, Matern-5/2": fitted(groups="growing", **matern),
        "locum, one kernel for all modes, Matern-5/2": fitted(groups=[m], **matern),
    }
    if m <= LONGEST_LOOP:
        result["locum, one fit a mode, Matern-5/2"] = fitted(**matern)
        result["scikit-learn loop, Matern-5/2"] = lambda: scikit_learn_loop(x, y)
    return result


def thermal_block() -> list[BlockRow]:
    model = ThermalBlock(2)
    space, product = model.parameters, InnerProduct(model.inner_product("temperature"))

    def solved(values: np.ndarray) -> np.ndarray:
        runs = (model.simulate(dict(zip(space.names, row, strict=True))) for row in values)
        return np.array([run["temperature"].values for run in runs])

    design, held_out = (
        sobol_design(space, 200, np.random.default_rng(0)),
        space.sample(100, np.random.default_rng(7)),
    )
    snapshots, expected = solved(design), solved(held_out)
    norms = product.norms(expected)
    rows = []
    for n in (50, 100, 200):
        basis = pod(lambda n=n: [snapshots[:n]], rtol=1e-4, inner_product=product)
        x, coordinates = space.warp(design[:n]), basis.project(snapshots[:n])
        result, cold = cpu_seconds(lambda x=x, c=coordinates: fit_coordinates(x, c))
        _, warm = cpu_seconds(lambda x=x, c=coordinates, r=result: fit_coordinates(x, c, start=r.value))
        mean, deviation = result.value.mean_and_deviation(space.warp(held_out))
        errors = product.norms(expected - basis.expand(mean)) / norms
        projected = basis.project(expected)
        indicator = np.linalg.norm(deviation, axis=1) / np.linalg.norm(mean, axis=1)
        rows.append(
            BlockRow(
                simulations=n,
                modes=basis.rank,
                largest=float(errors.max()),
                mean=float(errors.mean()),
                leave_one_out=float(np.sqrt(np.mean(result.value.relative_leave_one_out() ** 2))),
                rank_correlation=float(spearmanr(indicator, errors).statistic),
                standardised_variance=float(np.mean(((mean - projected) / deviation) ** 2)),
                cold_cpu=cold,
                warm_cpu=warm,
            )
        )
        print(rows[-1], flush=True)
    return rows


def warm_refit() -> float:
    """CPU seconds to refit 40 modes and three quantities when 120 simulations have become 128."""
    x = qmc.Sobol(4, scramble=True, rng=np.random.default_rng(0)).random(128)
    snapshots = hot_spot(x)
    basis = np.linalg.svd(snapshots, full_matrices=False)[2][:40]
    y, q = snapshots @ basis.T, np.stack([snapshots.mean(1), snapshots[:, 800], snapshots[:, 500]], axis=1)
    field = fit_coordinates(x[:120], y[:120]).value
    quantities = fit_gaussian_processes(x[:120], q[:120]).value
    _, seconds = cpu_seconds(
        lambda: (fit_coordinates(x, y, start=field), fit_gaussian_processes(x, q, start=quantities))
    )
    return seconds


def queries() -> list[QueryRow]:
    generator = np.random.default_rng(0)
    rows = []
    for n, p, groups, m in ((100, 4, 3, 3), (100, 4, 3, 10), (150, 6, 6, 40)):
        x, y = generator.random((n, p)), generator.standard_normal((n, m))
        members = [tuple(part.tolist()) for part in np.array_split(np.arange(m), groups)]
        asked = predictor(x, y, [Group(part, "matern-5/2", 2, np.full(p, 0.7), 1e-6) for part in members])
        one, many = generator.random((1, p)), generator.random((100_000, p))
        case = f"n = {n}, {p} parameters, {groups} groups, {m} outputs"
        _, many_mean = cpu_seconds(lambda asked=asked, many=many: asked.mean(many))
        _, many_both = cpu_seconds(lambda asked=asked, many=many: asked.mean_and_deviation(many))
        rows.append(QueryRow(case, *microseconds(asked, one), many_mean, many_both))
        print(rows[-1], flush=True)
    return rows


def microseconds(asked: Predictor, x: np.ndarray) -> tuple[float, float]:
    medians = []
    for ask in (asked.mean, asked.mean_and_deviation):
        times = []
        for _ in range(2000):
            start = time.perf_counter()
            ask(x)
            times.append(time.perf_counter() - start)
        medians.append(1e6 * float(np.median(times)))
    return medians[0], medians[1]


def report(modes: list[ModesRow], blocks: list[BlockRow], asked: list[QueryRow], refit: float) -> str:
    lines = ["## Many modes: a hot spot that moves, turns and widens\n"]
    lines += ["| n, modes | method | CPU s | mean relative field error |", "|---" * 4 + "|"]
    lines += [f"| {r.n}, {r.modes} | {r.method} | {r.cpu:.2f} | {r.error:.4f} |" for r in modes]
    lines += ["\n## 2 x 2 thermal block, relative error in the energy norm over 100 held-out points\n"]
    lines += [
        "| simulations | modes | max | mean | leave-one-out rms | rank correlation of indicator and error "
    ]
    lines[-1] += "| standardised variance | cold fit, CPU s | warm refit, CPU s |"
    lines += ["|---" * 9 + "|"]
    lines += [
        f"| {r.simulations} | {r.modes} | {r.largest:.1e} | {r.mean:.1e} | {r.leave_one_out:.1e} "
        f"| {r.rank_correlation:.2f} | {r.standardised_variance:.2f} | {r.cold_cpu:.2f} | {r.warm_cpu:.2f} |"
        for r in blocks
    ]
    lines += [
        "\nWarm refit of 40 modes and three quantities, 120 simulations grown to 128: "
        f"{refit:.2f} CPU seconds.\n"
    ]
    lines += ["## Asking\n", "| case | one query, microseconds | with deviations | 10^5 queries, CPU s "]
    lines[-1] += "| with deviations |"
    lines += ["|---" * 5 + "|"]
    lines += [
        f"| {r.case} | {r.mean_us:.0f} | {r.deviation_us:.0f} | {r.many_mean_s:.2f} "
        f"| {r.many_deviation_s:.2f} |"
        for r in asked
    ]
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        asked, blocks, refit, many = queries(), thermal_block(), warm_refit(), modes()
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "blas_threads": 1,
        "versions": {module.__name__: module.__version__ for module in (np, scipy, sklearn, torch, gpytorch)}
        | {"python": platform.python_version()},
    }
    text = report(many, blocks, asked, refit)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    tables = {"modes": many, "thermal_block": blocks, "queries": asked}
    content = {"machine": machine, "warm_refit_cpu": refit}
    content |= {name: [asdict(row) for row in rows] for name, rows in tables.items()}
    (RESULTS / "gaussian_process.json").write_text(json.dumps(content, indent=1) + "\n")
    (RESULTS / "gaussian_process.md").write_text(
        f"# Gaussian processes\n\n`python benchmarks/gaussian_process.py` on {machine['cores']} shared cores "
        f"({machine['processor']}), one BLAS thread: ratios count.\n\n{text}\n"
    )


if __name__ == "__main__":
    main()
