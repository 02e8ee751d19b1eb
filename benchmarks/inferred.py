"""How much does a black box gain from its structure, beside Gaussian processes on the same simulations?

Fields only, relative errors in the model's norm over 200 held-out draws, designs scrambled Sobol. Limits:
2 x 2 thermal block, structure discovered, largest error 1e-2 with 30 solves and 1e-5 with 45; 3 x 3, 5e-2
with 150 and 1e-2 with 300; on the steady studies that are shipped and on ten random smooth models the
surrogate that is chosen is never worse than the Gaussian processes by more than 5 % (root mean square); 1e5
answers with 20 coordinates in 2 s, a fit of 300 simulations, 40 coordinates and 9 matrices in 60 s; figures
that cover what they claim after 25 simulations and 25 for calibration, in the closed loop too. One BLAS
thread.

    python benchmarks/inferred.py                  # all pieces
    python benchmarks/inferred.py block2 speed     # some: their figures are replaced, others stay
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from locum.arrays import Array
from locum.errors import Tolerance, Truth, calibrate
from locum.execution.workspace import open_workspace
from locum.highfidelity import (
    AdvectionDiffusion,
    CooledBlade,
    HighFidelityModel,
    Mesh,
    SelfHeating,
    ThermalBlock,
    lumped_mass,
)
from locum.highfidelity.field import FieldDescription
from locum.inference.least_squares import AffineData, Gauge, fit_operators
from locum.inference.operators import InferredOperators
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.reduction import InnerProduct
from locum.study import build_model, load_study
from locum.surrogates import (
    Description,
    FieldData,
    InferredOptions,
    InterpolatedOptions,
    TrainingData,
    declared_options,
    train_best,
    train_inferred,
    train_interpolated,
)

HERE = Path(__file__).parent
RESULTS = HERE / "results"
HELD_OUT = 200
BLADE_HELD_OUT = 40


@dataclass(frozen=True, eq=False)
class Problem:
    """A black box: a space, fields (q, N) of values (q, p), and the norm of their errors."""

    name: str
    space: ParameterSpace
    fields: Callable[[Array], Array]
    product: InnerProduct


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


def of_model(model: HighFidelityModel, field: str) -> Problem:
    names = model.parameters.names

    def fields(values: Array) -> Array:
        rows = (dict(zip(names, map(float, row), strict=True)) for row in values)
        return np.stack([model.simulate(row)[field].values for row in rows])

    matrix = model.inner_product(field) if hasattr(model, "inner_product") else None
    return Problem(model.name, model.parameters, fields, InnerProduct(matrix))


def fin() -> Problem:
    study = load_study(HERE.parent / "configs" / "fin.yaml")
    return replace(of_model(build_model(study), "temperature"), name="fin")


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
    nodes = fields.shape[1]
    description = Description(
        problem.space,
        {"field": FieldDescription("field", ("node",), (nodes,), "")},
        {},
        Mesh(np.arange(nodes, dtype=np.float64)[:, None]),
    )
    field = FieldData(lambda: [fields], problem.product, tolerance)
    return TrainingData(description, values, {"field": field}, {})


def measured(
    problem: Problem, seed: int, cases: Mapping[int, float], limits: Mapping[int, float] | None = None
) -> Iterator[Row]:
    """One row for each number of solves and its tolerance, with one design and one set of held-out draws."""
    generator = np.random.default_rng(seed)
    values = sobol_design(problem.space, max(cases), generator)
    held_out = problem.space.sample(HELD_OUT, generator)
    fields, truth = problem.fields(values), problem.fields(held_out)
    for solves, tolerance in cases.items():
        data = data_of(problem, values[:solves], fields[:solves], tolerance)
        gaussian = train_interpolated(data, InterpolatedOptions()).surrogate
        started = time.process_time()
        best = train_best(data, InterpolatedOptions(), InferredOptions(), gaussian)
        seconds = time.process_time() - started
        statistics = best.inferred["field"] if best.inferred else None
        errors = best.surrogate.field_errors("field", held_out, truth).total
        theirs = gaussian.field_errors("field", held_out, truth).total
        shown = {each.kind: each for each in best.comparison.contenders}[best.comparison.chosen]
        yield Row(
            problem.name,
            seed,
            solves,
            tolerance,
            best.comparison.chosen,
            str(statistics.structure) if statistics else best.comparison.contenders[-1].remark,
            statistics.rank if statistics else 0,
            float(errors.max()),
            _typical(errors),
            shown.root_mean_squares()["field"],
            float(theirs.max()),
            _typical(theirs),
            seconds,
            (limits or {}).get(solves),
        )


def _typical(errors: Array) -> float:
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
        yield from measured(fin(), seed, {40: 2e-3, 80: 2e-3})
        yield from measured(of_model(SelfHeating(), "temperature"), seed, {40: 2e-2, 80: 2e-2})


def random() -> Iterator[Row]:
    for seed in range(10):
        yield from measured(smooth(seed), seed, {40: 1e-2})


def blade() -> Iterator[Row]:
    """The hard case, transient and nonlinear: how fluids heat up is declared, and the orders of the terms.

    No transform of the state is made: quadratic terms stand for the conductivity's and the heat capacity's
    dependence on the temperature.
    """
    model, solves, held_out = CooledBlade(), 60, BLADE_HELD_OUT
    space, generator = model.parameters, np.random.default_rng(1)
    values = np.concatenate([sobol_design(space, solves, generator), space.sample(held_out, generator)])
    names = space.names
    runs = [model.simulate(dict(zip(names, map(float, row), strict=True))) for row in values]
    fields = np.stack([run["temperature"].values for run in runs])
    mesh = Mesh.from_ugrid(runs[0])
    shape = FieldDescription("temperature", ("time", "node"), fields.shape[1:], "K")
    description = Description(space, {"field": shape}, {}, mesh, runs[0]["time"].values)
    known, truth = fields[:solves], fields[solves:]
    field = FieldData(lambda: [known], InnerProduct(lumped_mass(mesh)), 0.015)
    data = TrainingData(description, values[:solves], {"field": field}, {})
    gaussian = train_interpolated(data, InterpolatedOptions()).surrogate
    theirs = gaussian.field_errors("field", values[solves:], truth).total
    films = ("film_scale", *(f"film_{channel}" for channel in ("leading", "middle", "trailing")))
    part = "min(time / ramp_time, 1)"
    running = ("gas_temperature", *["coolant_temperature"] * 3)
    load = [
        f"{film} * (300 + ({fluid} - 300) * {part} ** 2 * (3 - 2 * {part}))"
        for film, fluid in zip(films, running, strict=True)
    ]
    for products in ((), ("1",)):
        options = declared_options(space, matrix=("1", *films), load=load, products=products)
        started = time.process_time()
        surrogate, statistics = train_inferred(data, options)
        seconds = time.process_time() - started
        errors = surrogate.field_errors("field", values[solves:], truth).total
        found = statistics["field"]
        yield Row(
            f"cooled_blade, {'quadratic' if products else 'linear'}, declared",
            1,
            solves,
            0.015,
            surrogate.kind,
            found.structure,
            found.rank,
            float(errors.max()),
            _typical(errors),
            _typical(found.errors),
            float(theirs.max()),
            _typical(theirs),
            seconds,
        )


def speed() -> dict[str, float]:
    """Seconds of 1e5 answers with 20 coordinates and 4 matrices, and of one large fit."""
    generator = np.random.default_rng(0)
    parts = generator.standard_normal((9, 40, 40))
    operators = InferredOperators(parts @ parts.transpose(0, 2, 1), generator.standard_normal((1, 40)))
    small = InferredOperators(operators.matrices[:4, :20, :20], operators.vectors[:, :20])
    theta = generator.uniform(0.1, 1.0, (100_000, 9))
    ones = np.ones((len(theta), 1))
    started = time.perf_counter()
    small.solve(theta[:, :4], ones)
    found = {"answers": time.perf_counter() - started}
    data = AffineData(theta[:300], ones[:300], operators.solve(theta[:300], ones[:300]))
    for name, symmetric in (("general fit", False), ("symmetric fit", True)):
        started = time.perf_counter()
        fit_operators(data, Gauge(np.ones(9), symmetric), [1e-2, 1e-3, 1e-4])
        found[name] = time.perf_counter() - started
    return found


def coverage() -> dict[str, float]:
    """Studies of 25 simulations and 25 that calibrate: how often the 95 % figure covers 200 other errors."""
    problem = of_model(ThermalBlock(cells=24), "temperature")
    covered = []
    for seed in range(1, 13):
        generator = np.random.default_rng(seed)
        values = sobol_design(problem.space, 25, generator)
        others = problem.space.sample(25 + HELD_OUT, generator)
        data = data_of(problem, values, problem.fields(values), 1e-2)
        surrogate = train_inferred(data, InferredOptions()).surrogate
        truth = problem.fields(others)
        known = Truth(others[:25], {"field": lambda truth=truth: [truth[:25]]}, {})
        calibration = calibrate(
            surrogate, known, coverage=0.95, tolerances={"field": Tolerance(1e-2)}, generator=generator
        ).outputs["field"]
        figures = calibration.figure(surrogate.field_indicator("field", others[25:]))
        errors = surrogate.field_errors("field", others[25:], truth[25:]).total
        covered.append(float(np.mean(errors <= figures)))
    return {"claimed": 0.95, "mean": float(np.mean(covered)), "least": min(covered), "studies": len(covered)}


SOLVER = """
from locum.highfidelity import ThermalBlock

MODEL = ThermalBlock(blocks=2, cells=16)


def simulate(a, b, c, d):
    run = MODEL.simulate(dict(zip(MODEL.parameters.names, (a, b, c, d))))
    field = run["temperature"].values
    points = np.linspace(0.0, 1.0, int(len(field) ** 0.5))
    points = np.stack(np.meshgrid(points, points), axis=-1).reshape(-1, 2)
    return {"coordinates": points, "temperature": field, "mean": field.mean()}
"""
STUDY = """
name: block
model: {kind: python, path: "solver.py:simulate"}
parameters:
  a: {range: [0.1, 1], scale: log}
  b: {range: [0.1, 1], scale: log}
  c: {range: [0.1, 1], scale: log}
  d: {range: [0.1, 1], scale: log}
accuracy: {tolerance: 0.002, quantities: {mean: {tolerance: 0.002}}}
budget: {simulations: 120}
methods: {design: {initial: 25}, calibration: {simulations: 25}}
execution: {workers: 1}
"""


def loop() -> dict[str, Any]:
    """A study that is left to itself, 25 simulations first and 25 for calibration, and its audit."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.yaml"
        study.write_text(STUDY)
        (Path(folder) / "solver.py").write_text("import numpy as np\n" + SOLVER)
        done = {}
        for words in (["run"], ["audit", "-n", str(HELD_OUT)]):
            command = [sys.executable, "-m", "locum.cli", words[0], str(study), *words[1:], "--json", "-q"]
            ran = subprocess.run(command, check=False, capture_output=True, text=True)
            done[words[0]] = json.loads(ran.stdout)
        with open_workspace(study, readonly=True, quiet=True) as work:
            manifest = work.registry.versions()[-1].manifest
    return {
        "decision": done["run"]["decision"],
        "chosen": manifest["comparison"]["chosen"],
        "training": manifest["training"],
        "calibration": manifest["calibration"],
        "covered": {name: each["observed"]["share"] for name, each in done["audit"]["outputs"].items()},
        "silent misses": done["audit"]["silent_misses"]["share"],
    }


PIECES: dict[str, Callable[[], Any]] = {
    "block2": block2,
    "block3": block3,
    "advection": advection,
    "studies": studies,
    "random": random,
    "blade": blade,
    "speed": speed,
    "coverage": coverage,
    "loop": loop,
}
FIGURES = ("speed", "coverage", "loop")  # pieces that are a few figures and no rows


def report(pieces: Mapping[str, Any]) -> str:
    rows = [row for name, found in pieces.items() if name not in FIGURES for row in found["rows"]]
    lines = []
    if rows:
        lines = [
            "| problem | seed | solves | chosen | coordinates | max | rms | expected rms | limit of max "
            "| Gaussian max | rms | CPU s |",
            "|---" * 12 + "|",
        ]
    for r in rows:
        limit = "" if r["limit"] is None else f"{r['limit']:.0e}"
        lines.append(
            f"| {r['problem']} | {r['seed']} | {r['solves']} | {r['chosen']} | {r['rank']} "
            f"| {r['largest']:.1e} | {r['typical']:.1e} | {r['expected']:.1e} | {limit} "
            f"| {r['gaussian_largest']:.1e} | {r['gaussian_typical']:.1e} | {r['training_cpu']:.0f} |"
        )
    if rows:
        asked = [r["typical"] / r["gaussian_typical"] for r in rows if "declared" not in r["problem"]]
        lines.append(
            f"\nLargest ratio of the chosen to the Gaussian root mean square: {max(asked, default=1):.2f}."
        )
    if "speed" in pieces:
        parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in pieces["speed"]["figures"].items())
        lines.append(f"\nSpeed: {parts}.")
    if "coverage" in pieces:
        found = pieces["coverage"]["figures"]
        lines.append(
            f"\nCoverage of {found['claimed']:.0%} figures, 25 simulations and 25 for calibration: mean "
            f"{found['mean']:.1%}, least {found['least']:.1%} of {found['studies']:.0f} studies."
        )
    if "loop" in pieces:
        found = pieces["loop"]["figures"]
        covered = ", ".join(f"{name} {share:.1%}" for name, share in found["covered"].items())
        lines.append(
            f"\nA study left to itself ({found['training']} simulations train and {found['calibration']} "
            f"calibrate; {found['decision']}; {found['chosen']} chosen), audited at {HELD_OUT} fresh draws: "
            f"95% figures cover {covered}; silent misses {found['silent misses']:.1%}."
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pieces", nargs="*", choices=[*PIECES, []], default=list(PIECES))
    asked = parser.parse_args().pieces
    path = RESULTS / "inferred.json"
    content = json.loads(path.read_text()) if path.exists() else {"pieces": {}}
    for name in asked:
        with threadpool_limits(1):
            found = PIECES[name]()
            content["pieces"][name] = (
                {"figures": found} if name in FIGURES else {"rows": [asdict(row) for row in found]}
            )
        content["machine"] = {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "versions": {"numpy": np.__version__, "python": platform.python_version()},
        }
        content["pieces"] = {key: content["pieces"][key] for key in PIECES if key in content["pieces"]}
        text = report(content["pieces"])
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")
        (RESULTS / "inferred.md").write_text(
            f"# Operators inferred from a black box\n\n`python benchmarks/inferred.py`: relative errors over "
            f"{HELD_OUT} held-out draws ({BLADE_HELD_OUT} of the cooled blade), beside Gaussian processes on "
            f"the same simulations.\n\n{text}\n"
        )
        print(f"{name}\n{report({name: content['pieces'][name]})}", flush=True)


if __name__ == "__main__":
    main()
