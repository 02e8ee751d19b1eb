"""How fast is POD, and how exact, beside NumPy, scikit-learn and dask on the same data?

Peers: on 100,000 nodes x 200 snapshots of numerical rank 30, dask's TSQR, NumPy's SVD and scikit-learn's PCA
and randomised SVD. Limit: a transient ensemble of 150 trajectories x 40 times x 4,096 nodes with a sparse
inner product in at most 1.5 CPU seconds: an adaptive loop does it in every round. One BLAS thread.

    python benchmarks/reduction.py
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import scipy
import sklearn
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from locum.reduction import InnerProduct, compressed_ensemble, field_basis, pod

RESULTS = Path(__file__).parent / "results"
RANK = 30
REPETITIONS = 3


@dataclass(frozen=True)
class Row:
    """One line of a table: seconds are medians, ``ratio`` is to the first line's CPU time."""

    case: str
    method: str
    cpu: float
    wall: float
    ratio: float
    rank: int
    orthonormality: float
    error: float


def timed(run: Callable[[], object]) -> tuple[object, float, float]:
    cpu, wall, result = [], [], None
    for _ in range(REPETITIONS):
        start, start_wall = time.process_time(), time.perf_counter()
        result = run()
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - start_wall)
    return result, float(np.median(cpu)), float(np.median(wall))


def low_rank(nodes: int, snapshots: int) -> np.ndarray:
    """Rows of numerical rank 30: singular values from 1 to 1e-4, noise at 1e-8."""
    generator = np.random.default_rng(0)
    left = np.linalg.qr(generator.standard_normal((snapshots, RANK)))[0]
    right = np.linalg.qr(generator.standard_normal((nodes, RANK)))[0]
    noise = generator.standard_normal((snapshots, nodes)) * 1e-8 / np.sqrt(nodes)
    return (left * np.geomspace(1.0, 1e-4, RANK)) @ right.T + noise


def quality(vectors: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """Distance of the vectors from orthonormality, and the relative projection error of the rows."""
    distance = np.abs(vectors @ vectors.T - np.eye(len(vectors))).max()
    left = rows - (rows @ vectors.T) @ vectors
    return float(distance), float(np.linalg.norm(left) / np.linalg.norm(rows))


def gram_once(rows: np.ndarray) -> np.ndarray:
    """The method of snapshots without correction, as in textbooks."""
    values, rotation = np.linalg.eigh(rows @ rows.T)
    return (rotation[:, ::-1][:, :RANK].T @ rows) / np.sqrt(values[::-1][:RANK, None])


def dask_tsqr(rows: np.ndarray) -> np.ndarray:
    tall = da.from_array(rows.T, chunks=(10_000, rows.shape[0]))
    left = da.linalg.svd(tall)[0]
    return np.asarray(left[:, :RANK].compute(scheduler="single-threaded").T)


def peers() -> list[Row]:
    rows = low_rank(100_000, 200)
    case = "100,000 nodes x 200 snapshots, rank 30, Euclidean"
    blocks = np.array_split(rows, 8)
    methods: dict[str, Callable[[], np.ndarray]] = {
        "locum, Gram + CholeskyQR, one pass": lambda: pod(lambda: blocks, rtol=1e-5, max_rank=RANK).vectors,
        "locum, TSQR, one pass": lambda: pod(lambda: blocks, rtol=1e-5, max_rank=RANK, method="tsqr").vectors,
        "NumPy Gram, no correction": lambda: gram_once(rows),
        "scikit-learn randomised SVD": lambda: randomized_svd(rows, RANK, random_state=0)[2],
        "scikit-learn PCA (centred), randomised": lambda: (
            PCA(RANK, svd_solver="randomized", random_state=0).fit(rows).components_
        ),
        "scikit-learn PCA (centred), full": lambda: PCA(RANK, svd_solver="full").fit(rows).components_,
        "dask TSQR": lambda: dask_tsqr(rows),
        "NumPy SVD": lambda: np.linalg.svd(rows, full_matrices=False)[2][:RANK],
    }
    return table(case, methods, rows)


def table(case: str, methods: dict[str, Callable[[], np.ndarray]], rows: np.ndarray) -> list[Row]:
    lines: list[Row] = []
    for name, run in methods.items():
        vectors, cpu, wall = timed(run)
        assert isinstance(vectors, np.ndarray)
        first = lines[0].cpu if lines else cpu
        lines.append(Row(case, name, cpu, wall, cpu / first, len(vectors), *quality(vectors, rows)))
    return lines


def energy_product(side: int) -> InnerProduct:
    """A nine-point stiffness matrix plus a little mass on a square grid."""
    stiffness = sparse.diags_array([-1.0, 2.01, -1.0], offsets=[-1, 0, 1], shape=(side, side))
    mass = sparse.diags_array([1.0, 4.0, 1.0], offsets=[-1, 0, 1], shape=(side, side)) / 6.0
    return InnerProduct(sparse.kron(stiffness, mass) + sparse.kron(mass, stiffness))


def trajectories(count: int, times: np.ndarray, side: int) -> np.ndarray:
    """Heating by a spot, an oscillating field and a front that moves, six parameters."""
    generator = np.random.default_rng(1)
    x, y = (axis.ravel() for axis in np.meshgrid(*2 * [np.linspace(0.0, 1.0, side)]))
    t = times[:, None]
    result = np.empty((count, len(times), side * side))
    for index in range(count):
        a, b, c, d, e, f = generator.uniform(0.2, 1.0, 6)
        spot = np.exp(-((x - a) ** 2 + (y - b) ** 2) / (0.1 + 0.3 * c))
        wave = np.sin(np.pi * x * (1.0 + d)) * np.cos(np.pi * y * e)
        front = 1.0 / (1.0 + np.exp(8.0 * ((x - 0.5) * f + (y - 0.5) * e) - 6.0 * t * f))
        result[index] = (1.0 - np.exp(-3.0 * t * f)) * spot + np.exp(-t / c) * t * wave + 0.5 * front
    return result


def transient() -> list[Row]:
    side, count, new, times = 64, 150, 20, np.linspace(0.0, 1.0, 40)
    ensemble, product, rtol = trajectories(count, times, side), energy_product(side), 1e-3
    shape = (len(times), side * side)
    options = {"shape": shape, "times": times, "inner_product": product, "rtol": rtol}
    case = f"{count} trajectories x {shape[0]} times x {shape[1]:,} nodes, sparse product, rtol {rtol:g}"
    blocks = np.array_split(ensemble, 10)
    earlier = compressed_ensemble(lambda: [ensemble[:-new]], **options)
    basis = field_basis(lambda: blocks, **options)
    coordinates = basis.coordinates(ensemble)
    error = float(np.sqrt((basis.errors(ensemble, coordinates)[1] ** 2).mean()))
    space = basis.space_vectors
    distance = float(np.abs(product.gram(space) - np.eye(len(space))).max())
    methods: dict[str, Callable[[], object]] = {
        "locum, two levels, one pass": lambda: field_basis(lambda: blocks, **options),
        f"locum, {new} new trajectories in a kept ensemble": lambda: earlier.extended(
            lambda: [ensemble[-new:]]
        ).basis(),
        "locum, coordinates of all trajectories": lambda: basis.coordinates(ensemble),
        "locum, errors of all trajectories": lambda: basis.errors(ensemble, coordinates),
    }
    lines: list[Row] = []
    for name, run in methods.items():
        _, cpu, wall = timed(run)
        first = lines[0].cpu if lines else cpu
        lines.append(Row(case, name, cpu, wall, cpu / first, basis.rank, distance, error))
    return [*lines, *transient_peers(case, ensemble, lines)]


def transient_peers(case: str, ensemble: np.ndarray, lines: list[Row]) -> list[Row]:
    """The same data by the shortest way: all slices in memory, Euclidean (no peer takes a product)."""
    slices = ensemble.reshape(-1, ensemble.shape[-1])
    name = "scikit-learn randomised SVD of all slices, 40 modes, Euclidean, first level only"
    rows = table(case, {name: lambda: randomized_svd(slices, 40, random_state=0)[2]}, slices)
    return [replace(row, ratio=row.cpu / lines[0].cpu) for row in rows]


def report(rows: list[Row]) -> str:
    head = "| method | CPU s | wall s | ratio | rank | distance from orthonormality | relative error |"
    lines: list[str] = []
    for case in dict.fromkeys(row.case for row in rows):
        lines += [f"\n{case}\n", head, "|---" * 7 + "|"]
        lines += [
            f"| {row.method} | {row.cpu:.3f} | {row.wall:.3f} | {row.ratio:.2f} | {row.rank} "
            f"| {row.orthonormality:.1e} | {row.error:.2e} |"
            for row in rows
            if row.case == case
        ]
    return "\n".join(lines)


def main() -> None:
    with threadpool_limits(1):
        rows = [*peers(), *transient()]
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "blas_threads": 1,
        "versions": {module.__name__: module.__version__ for module in (np, scipy, sklearn, dask)}
        | {"python": platform.python_version()},
    }
    text = report(rows)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "reduction.json").write_text(
        json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n"
    )
    (RESULTS / "reduction.md").write_text(
        f"# Reduced bases\n\n`python benchmarks/reduction.py` on {machine['cores']} shared cores "
        f"({machine['processor']}), one BLAS thread, medians of {REPETITIONS} runs: ratios count.\n{text}\n"
    )


if __name__ == "__main__":
    main()
