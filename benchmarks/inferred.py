"""How much does a black box gain from its structure, beside Gaussian processes on the same simulations?

Fields only, relative errors in the model's norm over 200 held-out draws, designs scrambled Sobol. Limits:
2 x 2 thermal block, structure discovered, largest error 1e-2 with 30 solves and 1e-5 with 45; 3 x 3, 5e-2
with 150 and 1e-2 with 300; on the shipped studies that need no program to be installed and on ten random
smooth models the surrogate that is chosen is never worse than the Gaussian processes by more than 5 % (root
mean square); 1e5 answers with 20 coordinates in 2 s, a fit of 300 simulations, 40 coordinates and 9 matrices
in 60 s; figures that cover what they claim after 25 simulations and 25 for calibration, in the closed loop
too. One BLAS thread; seconds are those of the processor.

    python benchmarks/inferred.py                  # all pieces
    python benchmarks/inferred.py block2 speed     # some: their figures are replaced, others stay
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from black_box.blade import BLADE_HELD_OUT, blade
from black_box.coverage import coverage
from black_box.held_out import HELD_OUT, advection, block2, block3, random, studies
from black_box.loop import loop
from black_box.speed import speed

RESULTS = Path(__file__).parent / "results"

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
    parser.add_argument("pieces", nargs="*", choices=[*PIECES, []], default=[])
    asked = parser.parse_args().pieces or list(PIECES)
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
