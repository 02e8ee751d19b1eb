"""What do the matrices buy, and how fast, against pyMOR in the same run?

Thermal block of k x k conductivities on pyMOR's own matrices, the same training set and basis size for both:
CPU seconds of the greedy search offline, 100,000 parameters in one call against a loop over ``rom.solve``,
and one warm answer with its bound at 20 basis functions. One BLAS thread. Limits: greedy at most half of
pyMOR's time, one call at least 20 times faster than the loop, one answer at most 100 microseconds. With
``--solves``, how many solves the greedy search of each needs until the true relative error over 100 fresh
parameters is 1e-4, for 3 x 3 conductivities and five training sets of 200 parameters, and in how many CPU
seconds: in the mean no more than pyMOR's. Single sets scatter by two or three either way, whatever chooses:
beside them stands the search by the true error, which no bound can do better than but by chance, and draws in
a random order. Two more of locum: by the absolute figure, as pyMOR searches, and by its own over 2,000
parameters, since its searches assess a training set at once.

And how far the bound is to be trusted: its effectivity over 1,000 random parameters (at least 1 to 1e-6, in
the median at most 3), by what factor the residual norm online differs from the true one down to relative
1e-11 (at most 2), and the largest difference of the reduced solutions on one basis (at most 1e-10).

    python benchmarks/projected.py [--blocks 2] [--rank 20] [--training 500] [--solves]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from locum.adaptivity.greedy import GreedyResult, relative_figure, weak_greedy
from locum.arrays import Array
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import CertifiedModel, Solution
from locum.reduction.projection import Projection
from locum.reduction.stability import MinTheta

RESULTS = Path(__file__).parent / "results"
MANY = 100_000
CELLS = 60
SEEDS = range(5)
TRAINING, RICHER = 200, 2000  # parameters of the searches that are compared by their solves
RANDOM = 1000  # parameters at which the bound is compared with the error
BELIEVED = 1e-11  # relative residuals below are rounding


def absolute_figure(solution: Solution) -> Array:
    return solution.absolute


@dataclass(frozen=True)
class Times:
    """CPU seconds offline, seconds for many parameters, microseconds for one."""

    offline: float
    many: float
    many_with_bound: float
    one_with_bound: float
    largest_error: float


@dataclass(frozen=True)
class Trust:
    """Least, median and largest effectivity; how far residual norms are off, and down to where; agreement."""

    effectivity: tuple[float, float, float]
    residual_factor: float
    least_residual: float
    difference: float


@dataclass(frozen=True, eq=False)
class Problem:
    """pyMOR's model, its matrices without essential rows, and parameters for training and testing."""

    fom: Any
    free: Any
    system: AffineSystem
    training: Array
    fresh: Array
    truth: Array

    def errors(self, rows: Array) -> Array:
        product = self.system.inner_product
        return np.asarray(product.norms(rows - self.truth) / product.norms(self.truth))


def coefficients(values: Array) -> tuple[Array, Array]:
    return values, np.ones((len(values), 1))


def posed(
    pymor: Any, blocks: int, training: int, fresh: int = 50, cells: int = CELLS, seed: int = 0
) -> Problem:
    fom, _ = pymor.discretize_stationary_cg(pymor.thermal_block_problem((blocks, blocks)), diameter=1 / cells)
    product = fom.h1_0_semi_product.matrix.tocsr()
    free = np.flatnonzero(np.diff(product.indptr) > 1)
    parts = [part.matrix.tocsr()[free][:, free] for part in fom.operator.operators]
    matrices = tuple(part for part in parts if abs(part).sum() > 0)
    load = fom.rhs.as_vector().to_numpy().reshape(1, -1)[:, free]
    system = AffineSystem(matrices, load, InnerProduct(product[free][:, free]))
    generator = np.random.default_rng(seed)
    train, asked = (generator.uniform(0.1, 1.0, (n, blocks**2)) for n in (training, fresh))
    return Problem(fom, free, system, train, asked, system.solve(*coefficients(asked)))


def searched(problem: Problem, rank: int) -> GreedyResult:
    """What the greedy search of locum finds."""
    return weak_greedy(
        Projection.start(problem.system),
        coefficients,
        MinTheta(np.ones(problem.training.shape[1])),
        problem.training,
        lambda values: problem.system.solve(*coefficients(values)),
        tolerance=0.0,
        budget=rank,
    )


def bounded_model(problem: Problem, projection: Projection) -> CertifiedModel:
    return CertifiedModel(projection.reduced, coefficients, MinTheta(np.ones(problem.training.shape[1])))


def of_locum(problem: Problem, rank: int) -> Times:
    start = time.process_time()
    result = searched(problem, rank)
    offline = time.process_time() - start
    model = bounded_model(problem, result.projection)
    many = np.random.default_rng(1).uniform(0.1, 1.0, (MANY, problem.training.shape[1]))
    plain = seconds(lambda: model.reduced.solve(*coefficients(many)))
    bounded = seconds(lambda: model.solve(many).relative)
    one = best(lambda: model.solve(many[:1]).relative)
    rows = result.projection.expand(model.solve(problem.fresh).coordinates)
    return Times(offline, plain, bounded, 1e6 * one, float(problem.errors(rows).max()))


def trust(pymor: Any, problem: Problem, rank: int) -> Trust:
    """Bound and error at random parameters, residuals as the basis grows, and both on pyMOR's basis."""
    theirs = greedy_of_pymor(pymor, problem, rank)
    basis = theirs[0].bases["RB"].to_numpy().T[:, problem.free]
    own = Projection.start(problem.system).extended(basis)
    rows = own.expand(own.reduced.solve(*coefficients(problem.fresh)))
    solved = (theirs[1]["rom"].solve(problem.fom.parameters.parse(value)) for value in problem.fresh)
    full = np.stack([theirs[0].reconstruct(each).to_numpy().ravel()[problem.free] for each in solved])
    difference = np.abs(rows - full).max(axis=1) / np.abs(full).max(axis=1)
    factor, least = residual_factor(problem, searched(problem, 2 * rank).projection)
    projection = searched(problem, rank).projection
    values = np.random.default_rng(2).uniform(0.1, 1.0, (RANDOM, problem.training.shape[1]))
    solution = bounded_model(problem, projection).solve(values)
    truth = problem.system.solve(*coefficients(values))
    errors = problem.system.inner_product.norms(truth - projection.expand(solution.coordinates))
    ratios = solution.absolute / errors
    spread = (float(ratios.min()), float(np.median(ratios)), float(ratios.max()))
    return Trust(spread, factor, least, float(difference.max()))


def residual_factor(problem: Problem, projection: Projection) -> tuple[float, float]:
    """The largest factor between residual norms online and true ones, and the least of those compared."""
    system, (theta, phi) = problem.system, coefficients(problem.fresh)
    scale, factors, least = system.dual_norm(system.vectors)[0], [1.0], 1.0
    for rank in range(1, projection.rank + 1):
        part = Projection.start(system).extended(projection.basis[:rank])
        found = part.reduced.solve(theta, phi)
        online = part.reduced.residual_norms(theta, phi, found) / scale
        assembled = [system.assembled(*each) for each in zip(theta, phi, strict=True)]
        residuals = [right - a @ row for (a, right), row in zip(assembled, part.expand(found), strict=True)]
        true = system.dual_norm(np.stack(residuals)) / scale
        believed = true > BELIEVED
        if believed.any():
            ratio = online[believed] / true[believed]
            factors += [float(ratio.max()), float(1.0 / ratio.min())]
            least = min(least, float(true[believed].min()))
    return max(factors), least


def greedy_of_pymor(pymor: Any, problem: Problem, rank: int) -> tuple[Any, Any]:
    """Its reductor, and what its greedy search returns."""
    fom = problem.fom
    reductor = pymor.CoerciveRBReductor(
        fom,
        product=fom.h1_0_semi_product,
        coercivity_estimator=pymor.ExpressionParameterFunctional("min(diffusion)", fom.parameters),
    )
    parameters = [fom.parameters.parse(value) for value in problem.training]
    return reductor, pymor.rb_greedy(fom, reductor, parameters, max_extensions=rank)


def of_pymor(pymor: Any, problem: Problem, rank: int) -> Times:
    fom = problem.fom
    start = time.process_time()
    reductor, found = greedy_of_pymor(pymor, problem, rank)
    rom, offline = found["rom"], time.process_time() - start
    share = [
        fom.parameters.parse(value)
        for value in np.random.default_rng(1)
        .uniform(0.1, 1.0, (1000, 1))
        .repeat(problem.training.shape[1], axis=1)
    ]
    plain = seconds(lambda: [rom.solve(mu) for mu in share]) * MANY / len(share)
    bounded = seconds(lambda: [(rom.solve(mu), rom.estimate_error(mu)) for mu in share]) * MANY / len(share)
    one = best(lambda: (rom.solve(share[0]), rom.estimate_error(share[0])))
    solutions = [reductor.reconstruct(rom.solve(fom.parameters.parse(value))) for value in problem.fresh]
    rows = np.stack([solution.to_numpy().reshape(-1)[problem.free] for solution in solutions])
    return Times(offline, plain, bounded, 1e6 * one, float(problem.errors(rows).max()))


@dataclass(frozen=True)
class Search:
    """Solves that a greedy search needs, and CPU seconds of all its steps."""

    solves: int
    seconds: float


def searches(pymor: Any, seed: int, blocks: int = 3, budget: int = 70) -> dict[str, Search]:
    """The same matrices for all, and for all but the richer one the same training set."""
    problem = posed(pymor, blocks, training=TRAINING, fresh=100, cells=18, seed=seed)
    richer = np.random.default_rng([seed, RICHER]).uniform(0.1, 1.0, (RICHER, blocks**2))
    start = time.process_time()
    theirs = greedy_of_pymor(pymor, problem, budget)[1]["max_err_mus"]
    took = time.process_time() - start
    found = {"pymor": Search(solves(problem, np.stack([mu["diffusion"] for mu in theirs])), took)}
    for name, training, figure in (
        ("absolute", problem.training, absolute_figure),
        ("relative", problem.training, relative_figure),
        ("richer", richer, relative_figure),
    ):
        start = time.process_time()
        chosen = weak_greedy(
            Projection.start(problem.system),
            coefficients,
            MinTheta(np.ones(blocks**2)),
            training,
            lambda values: problem.system.solve(*coefficients(values)),
            tolerance=0.0,
            budget=budget,
            figure=figure,
        ).chosen
        took = time.process_time() - start
        found[name] = Search(solves(problem, chosen), took)
    for name, order in (("true error", by_true_error(problem, budget)), ("random", slice(None))):
        found[name] = Search(solves(problem, problem.training[order]), 0.0)
    return found


def by_true_error(problem: Problem, budget: int) -> list[int]:
    """Numbers of training parameters, each where the reduced solution is farthest from the truth."""
    product, chosen, projection = problem.system.inner_product, [], Projection.start(problem.system)
    truth = problem.system.solve(*coefficients(problem.training))
    for _ in range(budget):
        rows = projection.expand(projection.reduced.solve(*coefficients(problem.training)))
        chosen.append(int((product.norms(rows - truth) / product.norms(truth)).argmax()))
        projection = projection.extended(truth[chosen[-1:]])
    return chosen


def solves(problem: Problem, chosen: Array, limit: float = 1e-4) -> int:
    """How many of the chosen parameters (s, p) make a basis that is within the limit at fresh ones."""
    projection = Projection.start(problem.system)
    for snapshot in problem.system.solve(*coefficients(chosen)):
        projection = projection.extended(snapshot[None])
        rows = projection.expand(projection.reduced.solve(*coefficients(problem.fresh)))
        if problem.errors(rows).max() <= limit:
            break
    return projection.rank


def seconds(call: Any) -> float:
    """Shortest of three."""
    return min(_timed(call) for _ in range(3))


def best(call: Any, repeats: int = 500) -> float:
    return min(_timed(call) for _ in range(repeats))


def _timed(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--rank", type=int, default=20)
    parser.add_argument("--training", type=int, default=500)
    parser.add_argument("--solves", action="store_true")
    options = parser.parse_args()
    try:
        pymor = importlib.import_module("pymor.basic")
    except ImportError:
        print("projected: skipped, because pyMOR is not installed (pip install pymor)")
        return
    pymor.set_log_levels({"pymor": "ERROR"})
    with threadpool_limits(1):
        problem = posed(pymor, options.blocks, options.training)
        ours, theirs = of_locum(problem, options.rank), of_pymor(pymor, problem, options.rank)
        trusted = trust(pymor, problem, options.rank)
    for name, times in (("locum", ours), ("pyMOR", theirs)):
        print(
            f"{name}: offline {times.offline:.2f} s CPU, {MANY} parameters {times.many:.2f} s "
            f"({times.many_with_bound:.2f} s with bound), one with bound {times.one_with_bound:.0f} us, "
            f"largest error {times.largest_error:.1e}"
        )
    print(f"offline {theirs.offline / ours.offline:.1f} x, many {theirs.many / ours.many:.1f} x faster")
    found = [searches(pymor, seed) for seed in SEEDS] if options.solves else []
    print(f"{trusted}\nsearches: {found}")
    write(options, ours, theirs, trusted, found)


def solves_table(found: list[dict[str, Search]]) -> list[str]:
    """Solves by seed and their means, and the CPU seconds of a search."""
    if not found:
        return []
    heads = {
        "pymor": "pyMOR",
        "relative": "locum",
        "absolute": "by the absolute figure",
        "richer": f"over {RICHER} parameters",
        "true error": "by the true error",
        "random": "in random order",
    }
    counts = {name: [search[name].solves for search in found] for name in heads}
    taken = {name: np.mean([search[name].seconds for search in found]) for name in heads}
    rows = [
        (f"solves, seed {seed}", column) for seed, column in enumerate(zip(*counts.values(), strict=True))
    ]
    rows += [("solves, mean", [f"{np.mean(each):.1f}" for each in counts.values()])]
    rows += [("CPU s of a search, mean", [f"{each:.1f}" if each else "" for each in taken.values()])]
    return [
        "",
        f"Solves until the largest relative error of 100 fresh parameters is 1e-4, 3 x 3 conductivities, "
        f"{TRAINING} training parameters:",
        "",
        f"| | {' | '.join(heads.values())} |",
        "|---" * (len(heads) + 1) + "|",
        *(f"| {what} | {' | '.join(map(str, cells))} |" for what, cells in rows),
    ]


def write(
    options: argparse.Namespace, ours: Times, theirs: Times, trusted: Trust, found: list[dict[str, Search]]
) -> None:
    name = f"projected-{options.blocks}x{options.blocks}"
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "pymor": version("pymor")},
    }
    document = {"machine": machine, "options": vars(options), "locum": asdict(ours), "pymor": asdict(theirs)}
    document["trust"] = asdict(trusted)
    rows = [
        ("greedy search offline, CPU s", ours.offline, theirs.offline),
        (f"{MANY} parameters, s", ours.many, theirs.many),
        ("the same with error bounds, s", ours.many_with_bound, theirs.many_with_bound),
        ("one answer with its bound, microseconds", ours.one_with_bound, theirs.one_with_bound),
    ]
    least, median, largest = trusted.effectivity
    error = f"{ours.largest_error:.1e} | {theirs.largest_error:.1e}"
    lines = ["| | locum | pyMOR | pyMOR over locum |", "|---" * 4 + "|"]
    lines += [f"| {what} | {mine:.3g} | {its:.3g} | {its / mine:.1f} |" for what, mine, its in rows]
    lines += [
        f"| largest relative error, 50 parameters | {error} | |",
        f"| bound over error, {RANDOM} parameters: least, median, largest | "
        f"{least:.4f}, {median:.2f}, {largest:.2f} | | |",
        f"| residual norm online and true, down to {trusted.least_residual:.0e}: largest factor | "
        f"{trusted.residual_factor:.3f} | | |",
        f"| largest difference of the reduced solutions on one basis | {trusted.difference:.0e} | | |",
    ]
    lines += solves_table(found)
    counted = [{name: asdict(each) for name, each in search.items()} for search in found]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(
        json.dumps(document | {"searches": counted}, indent=1) + "\n", encoding="utf-8"
    )
    (RESULTS / f"{name}.md").write_text(
        f"# Projected surrogates beside pyMOR, {options.blocks} x {options.blocks} conductivities\n\n"
        f"`python benchmarks/projected.py --blocks {options.blocks} --solves` on {machine['cores']} shared "
        f"cores, one BLAS thread, {options.rank} basis functions, {options.training} training parameters."
        "\n\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
