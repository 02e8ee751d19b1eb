"""What locum costs beside the solver, with 100 simulations of one second on two workers; start-up times.

    python benchmarks/overhead.py

The simulation sleeps, so that the solver's time is known exactly. Twice: with a Prefect server that was
started before the clock, where all else counts (imports, cluster, storage, training, sweeps, acquisition,
promotion, report); and without one, less the time that an embedded server takes to start alone.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from locum.execution.environment import PREFECT_DEFAULTS
from locum.execution.workspace import Workspace, open_workspace
from locum.snapshots import SampleRecord

RESULTS = Path(__file__).parent / "results"
LOCUM = [sys.executable, "-m", "locum.cli"]
EMBEDDED = """
import time
from locum.execution.prefect_server import reach_server
server, started = reach_server(), time.perf_counter()
server.wait()
print(time.perf_counter() - started)
"""
PASSES = 5  # of scheduling, of which the median counts

MODEL = """
import time
import numpy as np

def simulate(a, b, c):
    time.sleep(1.0)
    x = np.linspace(0, 1, 2000)
    times = np.linspace(0, 1, 20)
    waves = np.sin(3 * a * x + b * times[:, None]) * np.exp(-c * x)
    return {"coordinates": x, "times": times, "wave": 2 + waves, "mean": waves.mean(), "largest": waves.max()}
"""
STUDY = """
name: sleeper
model: {kind: python, path: "model.py:simulate"}
parameters:
  a: {range: [0.5, 2]}
  b: {range: [0, 3]}
  c: {range: [0, 2]}
accuracy: {tolerance: 1.0e-4}
budget: {simulations: 100}
execution: {workers: 2}
"""


@contextmanager
def prefect_server(home: str) -> Iterator[dict[str, str]]:
    """Run a Prefect server; the environment that points to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | PREFECT_DEFAULTS | {"PREFECT_HOME": home}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/api"
        while True:
            try:
                urllib.request.urlopen(f"{url}/health")
                break
            except OSError:
                time.sleep(0.2)
        yield environment | {"PREFECT_API_URL": url}
    finally:
        server.terminate()
        server.wait()


def wall(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds that a command takes."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def scheduled(work: Workspace, records: Sequence[SampleRecord]) -> float:
    """Seconds to run samples that are committed already: nothing is left but scheduling."""
    started = time.perf_counter()
    work.cluster.simulate(records, work.progress)
    return time.perf_counter() - started


def new_study(folder: str, name: str) -> Path:
    """Write the study and its model into a folder of their own."""
    study = Path(folder) / name / "study.yaml"
    study.parent.mkdir()
    study.write_text(STUDY)
    (study.parent / "model.py").write_text(MODEL)
    return study


def solver_seconds(work: Workspace) -> float:
    """Seconds that the simulations take on all workers at once."""
    return sum(record.seconds for record in work.samples(outcome="done")) / work.workers


def main() -> None:
    """Measure, print a table, and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        study, alone = (new_study(folder, name) for name in ("beside", "alone"))
        with prefect_server(folder) as environment:
            wall([*LOCUM, "--help"])
            start = wall([*LOCUM, "--help"])
            run = wall([*LOCUM, "run", str(study), "--quiet"], environment)
            again = wall([*LOCUM, "run", str(study), "--quiet"], environment)
        del environment["PREFECT_API_URL"]
        embedded = [sys.executable, "-c", EMBEDDED]
        server = float(subprocess.run(embedded, env=environment, check=True, capture_output=True).stdout)
        whole = wall([*LOCUM, "run", str(alone), "--quiet"], environment)
        with open_workspace(alone, quiet=True) as work:
            less_server = (whole - server) / solver_seconds(work) - 1
        with open_workspace(study, quiet=True) as work:
            records, solver = work.samples(outcome="done"), solver_seconds(work)
            work.cluster.simulate(records[:10], work.progress)  # both simulation processes are ready
            scheduling = median(scheduled(work, records) for _ in range(PASSES)) / len(records)
            steps = [entry.seconds for entry in work.rounds()]
    training = sum(step["training"] for step in steps)
    rows = [
        ("simulations", f"{len(records)}", ""),
        ("solver, on two workers", f"{solver:.1f} s", ""),
        ("whole run", f"{run:.1f} s", ""),
        ("overhead", f"{run / solver - 1:.1%}", "10 %"),
        (f"of which training in {len(steps)} rounds", f"{training:.1f} s", ""),
        ("whole run with an embedded server", f"{whole:.1f} s", ""),
        ("which takes to start alone", f"{server:.1f} s", ""),
        ("overhead, less that start", f"{less_server:.1%}", "10 %"),
        ("run again, nothing to do", f"{again:.1f} s", ""),
        ("scheduling a sample", f"{1e3 * scheduling:.1f} ms", "5 ms"),
        ("locum --help", f"{start:.2f} s", "0.5 s"),
    ]
    table = "\n".join(
        ["| what | measured | limit |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    )
    print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.md").write_text(f"`python benchmarks/overhead.py`\n\n{table}\n")
    (RESULTS / "overhead.json").write_text(json.dumps({a: b for a, b, _ in rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
