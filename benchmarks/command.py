"""What locum costs a run beside the program itself: folder, templates, process, conditions, reader, removal.

    python benchmarks/command.py

The program of configs/heated_rod.yaml, once by itself in a folder that is ready and once as a model; and the
same with a file of 5 MB beside its template, as a mesh would be. The limit is 0.2 s a run. Processor time is
that of the process that simulates and of the guard that starts programs, without the program's own.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from locum.highfidelity.command.program import _guard
from locum.study import build_model, load_study

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
RESULTS = Path(__file__).parent / "results"
RUNS = 30
POINT = {"source": 5.0, "growth": 1.0}


def processor_seconds(process: int) -> float:
    """Processor time of a process, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def measured(folder: Path, mesh_bytes: int) -> dict[str, float]:
    """Median seconds of the program alone and as a model, and processor seconds a run."""
    case, alone = folder / "heated_rod", folder / "alone"
    shutil.copytree(CONFIGS.parent / "data" / "heated_rod", case)
    (case / "mesh.bin").write_bytes(os.urandom(mesh_bytes))
    overrides = [f"model.templates='{case}'", f"storage.folder='{folder / 'study'}'"]
    model = build_model(load_study(CONFIGS / "heated_rod.yaml", overrides))
    alone.mkdir()
    model.templates.render(alone, POINT | {"relaxation": 1.3, "cores": 1})
    model.simulate(POINT)  # the guard is there from the first run on
    mine = [os.getpid(), _guard(os.getpid()).process.pid]
    by_itself, as_model, processor = [], [], 0.0
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(
            ["awk", "-f", "rod.awk", "input.txt"], cwd=alone, stdout=subprocess.DEVNULL, check=True
        )
        by_itself.append(time.perf_counter() - started)
        before = sum(map(processor_seconds, mine))
        started = time.perf_counter()
        model.simulate(POINT)
        as_model.append(time.perf_counter() - started)
        processor += sum(map(processor_seconds, mine)) - before
    return {
        "program alone": statistics.median(by_itself),
        "as a model": statistics.median(as_model),
        "overhead": statistics.median(as_model) - statistics.median(by_itself),
        "processor time of locum": processor / RUNS,
    }


def main() -> None:
    """Measure, print a table, and keep it."""
    cases = {"one template": 0, "and 5 MB of mesh": 5_000_000}
    found = {}
    for name, nbytes in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measured(Path(folder), nbytes)
    rows = [
        f"| {what} | " + " | ".join(f"{1e3 * found[name][what]:.0f} ms" for name in cases) + " |"
        for what in next(iter(found.values()))
    ]
    table = "\n".join([f"| a run | {' | '.join(cases)} |", "|---|" + "---|" * len(cases), *rows])
    print(table)
    RESULTS.mkdir(exist_ok=True)
    limit = f"The overhead may be 200 ms. Medians of {RUNS} runs, on a machine with other work."
    (RESULTS / "command.md").write_text(f"`python benchmarks/command.py`\n\n{table}\n\n{limit}\n")
    (RESULTS / "command.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
