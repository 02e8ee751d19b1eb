"""A black box in a study that is left to itself, and its audit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from black_box.held_out import HELD_OUT
from locum.execution.workspace import open_workspace

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
