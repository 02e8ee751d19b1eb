"""Do the shipped studies end within tolerance, and is the coverage that they claim observed?

Each study is run to its end and then audited, by the commands that a user types, in a folder of its own:

    locum run STUDY --set seed=SEED
    locum audit STUDY -n 200 --set seed=SEED

An audit simulates 200 fresh draws from the parameter distribution, fewer where a simulation is a program that
takes ten seconds. Limits: the claimed coverage (95 % unless the study says otherwise) lies in the binomial
interval of what the audit observes, and the share of silent misses (answers marked within tolerance that are
not) stays below 5 %. One audit may miss a right claim: given its calibration simulations, the coverage of one
surrogate is a Beta variable around the claim, so with n of them and 200 audited answers a right claim lies in
the interval in 80 % (n = 100) or 88 % (n = 199) of the audits. What all seeds of a study observe together
tells more.

    python benchmarks/coverage.py [STUDY ...] [-n FRESH]
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locum.errors import binomial_interval

CONFIGS = Path(__file__).parents[1] / "configs"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Plan:
    """Seeds that a study is run with, and fresh simulations that audit each."""

    seeds: tuple[int, ...] = (1,)
    audited: int = 200


PLANS = {
    "thermal_block_black_box": Plan((1, 2, 3)),
    "self_heating": Plan((1, 2, 3)),
    "fin": Plan((1, 2, 3)),
    "cooled_blade": Plan(),
    "calculix_blade": Plan(audited=100),
    "openfoam_airfoil": Plan(audited=40),
}


@dataclass(frozen=True)
class Run:
    """How one run of a study ended, and how many of its answers an audit found wrong."""

    study: str
    seed: int
    decision: str
    training: int
    calibration: int
    seconds: float
    audited: int
    within: int
    silent_misses: int


@dataclass(frozen=True)
class Row:
    """One output of one audit; ``sharpness`` is the median of error figure over true error."""

    study: str
    seed: int
    output: str
    claim: float
    covered: int
    audited: int
    lower: float
    upper: float
    inside: bool
    sharpness: float


def locum(*arguments: str) -> dict[str, Any]:
    """What a command of locum prints with ``--json``."""
    command = [str(Path(sys.executable).with_name("locum")), *arguments, "--json", "--quiet"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def audited(study: str, seed: int, n: int, folder: Path) -> tuple[Run, list[Row]]:
    path = str(CONFIGS / f"{study}.yaml")
    options = ("--set", f"seed={seed}", "--set", f"storage.folder={folder}")
    if study == "self_heating":  # as a black box: its indicators are calibrated, its simulations cost nothing
        options += ("--set", "methods={surrogate: interpolated, calibration: {simulations: 199}}")
    started = time.perf_counter()
    summary = locum("run", path, *options)
    seconds = time.perf_counter() - started
    audit = locum("audit", path, "-n", str(n), *options)
    calibration = summary["status"]["coverage"]["calibration"]
    run = Run(
        study=study,
        seed=seed,
        decision=summary["decision"],
        training=summary["status"]["simulations"]["done"] - calibration,
        calibration=calibration,
        seconds=seconds,
        audited=audit["simulations"] - audit["failed"],
        within=audit["within"]["count"],
        silent_misses=audit["silent_misses"]["count"],
    )
    rows = [
        Row(
            study=study,
            seed=seed,
            output=name,
            claim=output["claimed"],
            covered=output["observed"]["count"],
            audited=output["observed"]["n"],
            lower=output["observed"]["interval"][0],
            upper=output["observed"]["interval"][1],
            inside=output["claim_inside"],
            sharpness=output["sharpness"],
        )
        for name, output in audit["outputs"].items()
    ]
    print(run, *rows, sep="\n", flush=True)
    return run, rows


def report(runs: list[Run], rows: list[Row]) -> str:
    lines = [
        "| study | seed | ended | training | calibration | run, s | marked within | silent misses |",
        "|---" * 8 + "|",
    ]
    lines += [
        f"| {r.study} | {r.seed} | {r.decision} | {r.training} | {r.calibration} | {r.seconds:.0f} "
        f"| {r.within} of {r.audited} | {r.silent_misses} |"
        for r in runs
    ]
    lines += [
        "\n| study | seed | output | claim | observed | interval | inside | figure over error, median |",
        "|---" * 8 + "|",
    ]
    lines += [
        f"| {r.study} | {r.seed} | {r.output} | {r.claim:g} | {r.covered / r.audited:.3f} "
        f"| {r.lower:.3f} to {r.upper:.3f} | {'yes' if r.inside else 'no'} | {r.sharpness:.1f} |"
        for r in rows
    ]
    lines += [
        "\nAll seeds together:\n",
        "| study | output | audits | claim inside | observed | interval | silent misses |",
        "|---" * 7 + "|",
    ]
    for study, output in dict.fromkeys((r.study, r.output) for r in rows):
        mine = [r for r in rows if (r.study, r.output) == (study, output)]
        covered, n = sum(r.covered for r in mine), sum(r.audited for r in mine)
        lower, upper = binomial_interval(covered, n)
        marked = sum(r.within for r in runs if r.study == study)
        missed = sum(r.silent_misses for r in runs if r.study == study)
        lines.append(
            f"| {study} | {output} | {len(mine)} | {sum(r.inside for r in mine)} | {covered / n:.3f} "
            f"| {lower:.3f} to {upper:.3f} | {missed} of {marked} |"
        )
    return "\n".join(lines)


def kept(what: str, kind: type[Any], studies: list[str]) -> list[Any]:
    """What is known of the studies that are not run now."""
    path = RESULTS / "coverage.json"
    known = json.loads(path.read_text())[what] if path.exists() else []
    return [kind(**each) for each in known if each["study"] not in studies]


def main() -> None:
    parser = argparse.ArgumentParser(description="Claimed against observed coverage of the shipped studies.")
    parser.add_argument("studies", nargs="*", default=list(PLANS), metavar="STUDY")
    parser.add_argument("-n", type=int, help="fresh simulations of an audit, other than planned")
    asked = parser.parse_args()
    studies, runs, rows = asked.studies, list[Run](), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        for study in studies:
            plan = PLANS[study]
            for seed in plan.seeds:
                run, outputs = audited(study, seed, asked.n or plan.audited, Path(folder) / f"{study}-{seed}")
                runs.append(run)
                rows += outputs
    runs, rows = [*kept("runs", Run, studies), *runs], [*kept("rows", Row, studies), *rows]
    text = report(runs, rows)
    print(text)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    content = {
        "machine": machine,
        "runs": [asdict(each) for each in runs],
        "rows": [asdict(each) for each in rows],
    }
    (RESULTS / "coverage.json").write_text(json.dumps(content, indent=1) + "\n")
    (RESULTS / "coverage.md").write_text(
        f"# Claimed and observed coverage\n\n`python benchmarks/coverage.py` on {machine['cores']} shared "
        f"cores: these shipped studies run to their ends, then audited with fresh simulations.\n\n"
        f"{text}\n"
    )


if __name__ == "__main__":
    main()
