"""How long does an answer take, beside EZyRB and pyMOR?

Limits: a warm query of all quantities of interest from Python at most 100 microseconds for the values and 200
with error figures; 100,000 queries in one call at most 2 s and 5 s; loading a saved surrogate at most 0.2 s.
Thermal block 2 x 2 with 7,225 nodes, 150 training and 100 calibration simulations, three quantities. EZyRB
(POD + Gaussian processes, on the same snapshots, logarithmic inputs as well) and pyMOR (reduced basis of 20
vectors: it needs the matrices) run where they are installed; locum does not depend on them. Relative H1
errors of fields over 30 held-out points.

    python benchmarks/queries.py
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from locum.errors import CheckedSurrogate, Tolerance, Truth, calibrate, domain_of
from locum.highfidelity import Mesh, ThermalBlock
from locum.highfidelity.field import FieldDescription
from locum.parameters import sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import Description, FieldData, InterpolatedOptions, TrainingData, train_interpolated

RESULTS = Path(__file__).parent / "results"
REPETITIONS, ROUNDS = 500, 8
MODEL = ThermalBlock()
SPACE = MODEL.parameters
CENTRE = 3612  # the node in the middle
TRAINING, CALIBRATION, HELD_OUT = 150, 100, 30


@dataclass(frozen=True)
class Row:
    """One line: wall time of one call, its limit, and the largest relative error of what it returns."""

    what: str
    seconds: float
    limit: float | None = None
    error: float | None = None


def median(run: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """Median time of a call, in the quietest of the rounds: the machine may be shared."""
    rounds = []
    for _ in range(ROUNDS):
        seconds = []
        for _ in range(repetitions):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        rounds.append(float(np.median(seconds)))
    return min(rounds)


def simulated(values: np.ndarray) -> np.ndarray:
    rows = (dict(zip(SPACE.names, map(float, row), strict=True)) for row in values)
    return np.stack([MODEL.simulate(row)["temperature"].values for row in rows])


def quantities(fields: np.ndarray) -> dict[str, np.ndarray]:
    return {"mean": fields.mean(axis=1), "highest": fields.max(axis=1), "centre": fields[:, CENTRE]}


def checked_surrogate(fields: np.ndarray, values: np.ndarray) -> CheckedSurrogate:
    mesh = Mesh.from_ugrid(MODEL.simulate(dict.fromkeys(SPACE.names, 1.0)))
    described = Description(
        space=SPACE,
        fields={"temperature": FieldDescription("temperature", ("node",), (mesh.nodes,), "K")},
        quantities=dict.fromkeys(("mean", "highest", "centre"), "K"),
        mesh=mesh,
    )
    product = InnerProduct(MODEL.inner_product("temperature"))
    data = {"temperature": FieldData(lambda: [fields], product, 0.02)}
    surrogate = train_interpolated(
        TrainingData(described, values, data, quantities(fields)), InterpolatedOptions()
    ).surrogate
    points = SPACE.sample(CALIBRATION, np.random.default_rng(1))
    truth = simulated(points)
    tolerances = {"temperature": Tolerance(0.02), "mean": Tolerance(0.01), "highest": Tolerance(0.01)}
    calibration = calibrate(
        surrogate,
        Truth(points, {"temperature": lambda: [truth]}, quantities(truth)),
        coverage=0.95,
        tolerances=tolerances,
        generator=np.random.default_rng(2),
    )
    return CheckedSurrogate(
        surrogate, calibration, domain_of(surrogate, np.random.default_rng(3)), tolerances
    )


def own(checked: CheckedSurrogate, values: np.ndarray, truth: np.ndarray) -> Iterable[Row]:
    surrogate, names = checked.surrogate, tuple(checked.description.quantities)
    query = dict(zip(SPACE.names, map(float, values[0]), strict=True))
    many = SPACE.sample(100_000, np.random.default_rng(5))

    def figures(parameters: Any) -> None:
        prediction = checked.predict(parameters)
        _ = prediction.quantities, [prediction.error_figures[name].value for name in names]

    def field() -> np.ndarray:
        return surrogate.expand("temperature", surrogate.coordinates("temperature", values[:1]))

    predicted = surrogate.quantity_values(values)
    true = np.stack([quantities(truth)[name] for name in names], axis=1)
    worst = float(np.max(np.abs(predicted / true - 1)))
    field_error = float(surrogate.field_errors("temperature", values, truth).total.max())
    yield Row("one query: quantities", median(lambda: checked.predict(query).quantities), 1e-4, worst)
    yield Row("one query: quantities with error figures", median(lambda: figures(query)), 2e-4, worst)
    yield Row("one query: verdict, field's figure included", median(lambda: checked.predict(query).verdict))
    yield Row("one query: field as an array", median(field), None, field_error)
    yield Row(
        "one query: field as a DataArray", median(lambda: checked.predict(query).field("temperature"), 200)
    )
    yield Row("100,000 queries: quantities", median(lambda: checked.predict(many).quantities, 1), 2.0)
    yield Row("100,000 queries: quantities with error figures", median(lambda: figures(many), 1), 5.0)
    yield Row("100,000 queries: all figures and verdicts", median(lambda: checked.predict(many).verdict, 1))
    with tempfile.TemporaryDirectory() as folder:
        checked.save(Path(folder))
        yield Row("load a saved surrogate", median(lambda: CheckedSurrogate.load(Path(folder)), 5), 0.2)


def ezyrb(training: tuple[np.ndarray, np.ndarray], values: np.ndarray, truth: np.ndarray) -> Iterable[Row]:
    package = importlib.import_module("ezyrb")
    database = package.Database(np.log(training[0]), training[1])
    rom = package.ReducedOrderModel(database, package.POD("svd", rank=20), package.GPR()).fit()
    query = np.log(values[:1])
    answers = rom.predict(np.log(values))
    predicted = np.asarray(getattr(answers, "snapshots_matrix", answers))
    product = InnerProduct(MODEL.inner_product("temperature"))
    error = float(np.max(product.norms(predicted - truth) / product.norms(truth)))
    yield Row("EZyRB, POD + GPR, 20 modes: one field", median(lambda: rom.predict(query), 200), None, error)


def pymor() -> Iterable[Row]:
    problems = importlib.import_module("pymor.analyticalproblems.thermalblock")
    discretizers = importlib.import_module("pymor.discretizers.builtin")
    reductors = importlib.import_module("pymor.reductors.coercive")
    importlib.import_module("pymor.core.logger").set_log_levels({"pymor": "ERROR"})
    full, _ = discretizers.discretize_stationary_cg(
        problems.thermal_block_problem((2, 2)), diameter=np.sqrt(2) / 84
    )
    reductor = reductors.CoerciveRBReductor(full, product=full.h1_0_semi_product, check_orthonormality=False)
    space = full.parameters.space(0.1, 1.0)
    for parameters in space.sample_randomly(20):
        reductor.extend_basis(full.solve(parameters))
    rom = reductor.reduce()
    held_out = space.sample_randomly(HELD_OUT)
    errors = []
    for parameters in held_out:
        true = full.solve(parameters)
        difference = true - reductor.reconstruct(rom.solve(parameters))
        errors.append(full.h1_0_semi_norm(difference)[0] / full.h1_0_semi_norm(true)[0])
    one = held_out[0]
    error = float(max(errors))
    yield Row("pyMOR, 20 vectors: coordinates", median(lambda: rom.solve(one)), None, error)
    yield Row(
        "pyMOR, 20 vectors: one field", median(lambda: reductor.reconstruct(rom.solve(one))), None, error
    )


def peers(training: tuple[np.ndarray, np.ndarray], values: np.ndarray, truth: np.ndarray) -> Iterable[Row]:
    for name, run in (("ezyrb", lambda: ezyrb(training, values, truth)), ("pymor", pymor)):
        if importlib.util.find_spec(name):
            yield from run()
        else:
            print(f"{name} is not installed: left out")


def report(rows: list[Row]) -> str:
    lines = ["| what | time | limit | largest relative error |", "|---|---|---|---|"]
    for row in rows:
        limit = "" if row.limit is None else shown(row.limit)
        error = "" if row.error is None else f"{row.error:.1e}"
        lines.append(f"| {row.what} | {shown(row.seconds)} | {limit} | {error} |")
    return "\n".join(lines)


def shown(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{1e6 * seconds:.0f} µs"
    return f"{1e3 * seconds:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def main() -> None:
    with threadpool_limits(1):
        values = sobol_design(SPACE, TRAINING, np.random.default_rng(0))
        fields = simulated(values)
        held_out = SPACE.sample(HELD_OUT, np.random.default_rng(4))
        truth = simulated(held_out)
        checked = checked_surrogate(fields, values)
        rows = [*own(checked, held_out, truth), *peers((values, fields), held_out, truth)]
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "blas_threads": 1,
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "queries.json").write_text(
        json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n"
    )
    head = (
        f"# Queries\n\n`python benchmarks/queries.py` on {machine['cores']} shared cores "
        f"({machine['processor']}), one BLAS thread, medians of the quietest round.\n\n"
    )
    (RESULTS / "queries.md").write_text(head + report(rows) + "\n")
    print(report(rows))


if __name__ == "__main__":
    main()
