"""How many simulations does the adaptive loop need, beside a one-shot design that reaches the same error?

The loop is the study's own: its training, calibration, sweep and acquisition, without Prefect. The design is
the scrambled Sobol sequence that the loop starts from, continued to the same number of training simulations
and trained, calibrated and measured alike. Both are held against the same simulations, drawn from the
parameter distribution, that neither has seen. An error is the largest over the outputs with a tolerance,
relative to tolerance: one is just good enough. Limit: the loop needs no more training simulations than the
design until 99 % of them are within tolerance, which is what a study asks for. One BLAS thread.

    python benchmarks/loop_against_design.py [STUDY ...] [--folder FOLDER]

Snapshots are kept in FOLDER, so that what was simulated is not simulated again; left out, in a temporary one.
Rows of studies that are not named stay as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from locum.adaptivity import relative_to_tolerance
from locum.errors import Truth, measured_errors
from locum.execution.candidate import Candidate
from locum.execution.checking import sweep
from locum.execution.choosing import choose_values
from locum.execution.pipeline import Pipeline
from locum.execution.sampling import first_samples
from locum.execution.simulate import Simulator
from locum.execution.training import train, truth_of
from locum.execution.workspace import Workspace, open_workspace
from locum.snapshots import SampleRecord

CONFIGS = Path(__file__).parents[1] / "configs"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Setting:
    """How far a study goes: training simulations, simulations held out, seeds; and another surrogate."""

    study: str
    largest: int
    held_out: int
    seeds: tuple[int, ...]
    surrogate: str | None = None


SETTINGS = {
    "thermal_block_black_box": Setting("thermal_block_black_box", 100, 200, (1, 2)),
    "self_heating": Setting("self_heating", 80, 500, (1, 2, 3), "interpolated"),
    "cooled_blade": Setting("cooled_blade", 100, 150, (1, 2, 3)),
}
BEYOND = (1.25, 1.5)  # designs larger than the loop, to see which of them is as good
CALIBRATION = 40


@dataclass(frozen=True)
class Row:
    """True errors relative to tolerance over the held-out simulations."""

    study: str
    seed: int
    how: str
    training: int
    median: float
    q95: float
    q99: float
    largest: float
    outputs: dict[str, float]


def overrides(setting: Setting, seed: int, folder: Path, initial: int | None = None) -> list[str]:
    """The shipped study with a seed and folder of its own, and a budget that ends at ``largest``."""
    given = [
        f"seed={seed}",
        f"storage.folder={folder}",
        f"methods.calibration.simulations={CALIBRATION}",
        f"budget.simulations={CALIBRATION + math.ceil(max(BEYOND) * setting.largest)}",
    ]
    if setting.surrogate is not None:
        given.insert(0, f"methods.surrogate={setting.surrogate}")
    if initial is None:
        given[-1] = f"budget.simulations={CALIBRATION + setting.largest}"
    else:
        given.append(f"methods.design.initial={initial}")
    return given


def simulate(work: Workspace, records: list[SampleRecord]) -> None:
    """Run planned samples here, one after the other."""
    simulator = Simulator(work.model, work.store)
    for record in records:
        simulator.run(record.to_dict())


def held_out(work: Workspace, n: int) -> Truth:
    """Independent draws that train and calibrate nothing."""
    records = work.plan(work.space.sample(n, work.generator("held out")), "audit", 1)
    simulate(work, [record for record in records if record.outcome == "planned"])
    identities = {record.identity for record in records}
    return truth_of(work, [each for each in work.samples("audit", "done") if each.identity in identities])


def trained(work: Workspace) -> Candidate:
    """Simulate what is planned and train on it."""
    while records := first_samples(work):
        simulate(work, records)
    return train(work)


def row(setting: Setting, seed: int, how: str, candidate: Candidate, truth: Truth) -> Row:
    """Measure a candidate."""
    checked = candidate.checked
    measures = {name: output.measure for name, output in checked.calibration.outputs.items()}
    errors = measured_errors(checked.surrogate, truth, measures).total
    ratio = relative_to_tolerance(errors, checked.decisive)
    found = Row(
        study=setting.study,
        seed=seed,
        how=how,
        training=candidate.version.manifest["training"],
        median=float(np.median(ratio)),
        q95=float(np.quantile(ratio, 0.95)),
        q99=float(np.quantile(ratio, 0.99)),
        largest=float(ratio.max()),
        outputs={
            name: float(np.quantile(errors[name], 0.95)) / value for name, value in checked.decisive.items()
        },
    )
    print(
        f"{found.study:14} seed {seed}  {how:6} {found.training:4} training  median {found.median:.3f}  "
        f"q95 {found.q95:.3f}  q99 {found.q99:.3f}  max {found.largest:.3f}  "
        + "  ".join(f"{name} {value:.2f}" for name, value in found.outputs.items()),
        flush=True,
    )
    return found


def loop(work: Workspace) -> Iterator[Candidate]:
    """The candidates of the adaptive loop, one a round, until the budget is spent.

    As in the flow, each batch is chosen while the one before it still runs and does not train yet.
    """
    pipeline = Pipeline(work)
    while records := first_samples(work):
        simulate(work, records)
    while True:
        candidate = train(work, pipeline.held_back)
        yield candidate
        found = sweep(work, candidate.checked, candidate.version.number)
        while pipeline.has_room:
            records = pipeline.append(choose_values(work, candidate, found, pipeline.held_back))
            if not records:
                break
            simulate(work, records)
        if not pipeline.held_back:
            return
        pipeline.advance()


def compared(setting: Setting, seed: int, folder: Path) -> list[Row]:
    """The loop's rounds, and designs as large as every second of them and beyond."""
    path = CONFIGS / f"{setting.study}.yaml"
    with open_workspace(path, overrides(setting, seed, folder / "loop"), quiet=True) as work:
        truth = held_out(work, setting.held_out)
        rows = [row(setting, seed, "loop", each, truth) for each in loop(work)]
        sizes = [each.training for each in rows[::-2]][::-1]
        sizes += [math.ceil(factor * setting.largest) for factor in BEYOND]
        for size in sizes:
            given = overrides(setting, seed, folder / "design", size)
            with open_workspace(path, given, quiet=True) as design:
                rows.append(row(setting, seed, "design", trained(design), truth))
    return rows


def needed(rows: list[Row], measure: str, error: float) -> float:
    """Simulations after which a loop or a design stays at or below an error; infinite where it never does.

    Between two sizes the logarithm of the error is linear in the logarithm of the size.
    """
    sizes = np.log([each.training for each in rows])
    errors = np.log([getattr(each, measure) for each in rows])
    above = np.flatnonzero(errors > math.log(error))
    if not above.size:
        return float(rows[0].training)
    last = int(above[-1])
    if last == len(rows) - 1:
        return math.inf
    part = (errors[last] - math.log(error)) / (errors[last] - errors[last + 1])
    return float(np.exp(sizes[last] + part * (sizes[last + 1] - sizes[last])))


def report(rows: list[Row]) -> str:
    """Tables: errors side by side, means over seeds; what the last round is worth; what tolerance takes."""
    lines = ["| study | training simulations | seeds | median | | q95 | | q99 | | max | |"]
    lines += ["|---" * 11 + "|", "| | | | loop | design | loop | design | loop | design | loop | design |"]
    for study, size in sorted({(each.study, each.training) for each in rows if each.how == "design"}):
        pair = [
            [each for each in rows if (each.study, each.training, each.how) == (study, size, how)]
            for how in ("loop", "design")
        ]
        if not pair[0]:
            continue
        cells = [
            f"{geometric_mean(each, measure):.3f}"
            for measure in ("median", "q95", "q99", "largest")
            for each in pair
        ]
        lines.append(f"| {study} | {size} | {len(pair[0])} | " + " | ".join(cells) + " |")
    lines += [
        "\nDesign that is as good as the loop's last round:\n",
        "| study | seed | loop | design, for its q95 | for its q99 | for its max |",
        "|---" * 6 + "|",
    ]
    for study, seed in sorted({(each.study, each.seed) for each in rows}):
        last, design = chosen(rows, study, seed, "loop")[-1], chosen(rows, study, seed, "design")
        cells = []
        for measure in ("q95", "q99", "largest"):
            size = needed(design, measure, getattr(last, measure))
            cells.append(f"{size:.0f}" if math.isfinite(size) else f"more than {design[-1].training}")
        lines.append(f"| {study} | {seed} | {last.training} | " + " | ".join(cells) + " |")
    lines += [
        "\nTraining simulations from which on 99 % of the held-out ones are within tolerance:\n",
        "| study | seed | loop | design |",
        "|---" * 4 + "|",
    ]
    for study, seed in sorted({(each.study, each.seed) for each in rows}):
        sizes = [needed(chosen(rows, study, seed, how), "q99", 1.0) for how in ("loop", "design")]
        lines.append(f"| {study} | {seed} | " + " | ".join(f"{size:.0f}" for size in sizes) + " |")
    return "\n".join(lines)


def chosen(rows: list[Row], study: str, seed: int, how: str) -> list[Row]:
    """One loop's rounds, or one study's designs, by size."""
    found = [each for each in rows if (each.study, each.seed, each.how) == (study, seed, how)]
    return sorted(found, key=lambda each: each.training)


def geometric_mean(rows: list[Row], measure: str) -> float:
    """Over seeds."""
    return math.exp(float(np.mean([math.log(getattr(each, measure)) for each in rows])))


def kept(studies: list[str]) -> list[Row]:
    """What the last results say of other studies."""
    results = RESULTS / "loop_against_design.json"
    found = json.loads(results.read_text())["rows"] if results.exists() else []
    return [Row(**each) for each in found if each["study"] not in studies]


def main() -> None:
    parser = argparse.ArgumentParser(description="The adaptive loop against a one-shot design.")
    parser.add_argument("studies", nargs="*", default=list(SETTINGS), metavar="STUDY")
    parser.add_argument("--folder", type=Path, help="where snapshots are kept")
    arguments = parser.parse_args()
    rows = kept(arguments.studies)
    with contextlib.ExitStack() as stack:
        stack.enter_context(threadpool_limits(1))
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for setting in (SETTINGS[name] for name in arguments.studies):
            for seed in setting.seeds:
                rows += compared(setting, seed, folder / f"{setting.study}-{seed}")
    text = report(rows)
    print(text)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    content = {"machine": machine, "calibration": CALIBRATION, "rows": [asdict(each) for each in rows]}
    (RESULTS / "loop_against_design.json").write_text(json.dumps(content, indent=1) + "\n")
    (RESULTS / "loop_against_design.md").write_text(
        "# The adaptive loop against a one-shot design\n\n"
        "`python benchmarks/loop_against_design.py`: true errors on held-out simulations relative to "
        f"tolerance, geometric means over seeds.\n\n{text}\n"
    )


if __name__ == "__main__":
    main()
