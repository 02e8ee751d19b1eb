"""From the move of a slider to the picture, in a real browser, for a field with 20,000 nodes.

A thermal block on 141 x 141 nodes is simulated a few times, trained, and explored in Debian's chromium, which
draws without a graphics card. The clock is the browser's: from the key that moves the slider to the first
frame after the field was drawn anew.

    python benchmarks/dashboard.py
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from playwright.sync_api import sync_playwright

RESULTS = Path(__file__).resolve().parent / "results"
BLOCK = {
    "name": "block",
    "model": {"kind": "thermal_block", "blocks": 2, "cells": 140},
    "accuracy": {"tolerance": 0.01},
    "budget": {"simulations": 40},
    "methods": {
        "surrogate": "interpolated",
        "indicator": "deviation",
        "calibration": {"simulations": 19},
        "design": {"initial": 12},
    },
    "execution": {"workers": 1},
    "storage": {"folder": "block"},
}
WATCH = """
window.seen = {}
document.addEventListener("keydown", () => { window.seen = { key: performance.now() } }, true)
document.addEventListener("drawn", () => requestAnimationFrame(() => {
  if (window.seen.key && !window.seen.frame) window.seen.frame = performance.now()
}))
"""


def trained_study(folder: Path) -> Path:
    """The study with one version of its surrogate."""
    from locum.execution import checking, promotion, sampling, training
    from locum.execution.workspace import open_workspace
    from locum.snapshots import Cost

    path = folder / "block.yaml"
    path.write_text(yaml.safe_dump(BLOCK, sort_keys=False))
    with open_workspace(path, quiet=True) as work:
        for record in sampling.first_samples(work):
            work.store.save(record, work.model.simulate(record.parameters), Cost(seconds=0.1))
        candidate = training.train(work)
        checking.check(work, candidate)
        promotion.promote(work, candidate)
    return path


def moves(study: Path, count: int) -> list[float]:
    """Milliseconds from each move of a slider to its picture."""
    command = [sys.executable, "-m", "locum.cli", "dashboard", str(study), "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dashboard,
        sync_playwright() as playwright,
    ):
        assert dashboard.stdout is not None
        address = dashboard.stdout.readline().split()[2]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH)
        page.goto(f"{address}studies/block/explore")
        page.locator("canvas").wait_for()
        slider, found = page.get_by_role("slider").first, []
        for key in ["ArrowRight"] * (count // 2) + ["ArrowLeft"] * (count // 2):
            slider.press(key)
            page.wait_for_function("window.seen.frame")
            found.append(float(page.evaluate("window.seen.frame - window.seen.key")))
        browser.close()
        dashboard.terminate()
    return found


def report(found: dict[str, Any]) -> str:
    return (
        "# Dashboard\n\n"
        f"`python benchmarks/dashboard.py` on {found['cores']} shared cores, browser included;\n"
        f"load average at the end: {found['load_average']:.1f}. {found['nodes']:,} nodes, "
        f"{found['moves']} moves of a slider.\n\n"
        "| from a move to its picture | ms | limit |\n|---|---|---|\n"
        f"| median | {found['median']:.0f} | 100 |\n"
        f"| 90 % quantile | {found['q90']:.0f} | |\n"
        f"| longest | {found['longest']:.0f} | |\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="From the move of a slider to the picture.")
    parser.add_argument("--moves", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        seconds = moves(trained_study(Path(scratch)), arguments.moves)[5:]  # the first ones warm up
    found = {
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "nodes": 141 * 141,
        "moves": len(seconds),
        "median": float(np.median(seconds)),
        "q90": float(np.quantile(seconds, 0.9)),
        "longest": max(seconds),
    }
    print(json.dumps(found, indent=2))
    (RESULTS / "dashboard.json").write_text(json.dumps(found, indent=2) + "\n")
    (RESULTS / "dashboard.md").write_text(report(found))


if __name__ == "__main__":
    main()
