"""Small studies that tests run, as fixtures: files to change and to run, and folders of finished runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import Finished, finished, in_fresh_interpreter

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "configs"

WAVE = {
    "name": "wave",
    "seed": 3,
    "model": {"kind": "python", "path": "wave.py:simulate", "version": "1"},
    "parameters": {"x": {"range": [0, 1], "unit": "m"}, "y": {"range": [0, 1]}},
    "accuracy": {"tolerance": 0.002, "confidence": 0.8, "share": 0.9},
    "budget": {"simulations": 24},
    "methods": {
        "surrogate": "interpolated",  # which takes some rounds
        "design": {"initial": 8, "batch": 4},
        "calibration": {"simulations": 6},
    },
    "execution": {"workers": 1},
    "storage": {"folder": "study"},
}

PROGRAM = {
    "kind": "command",
    "templates": "case",
    "command": "sh program.sh",
    "reader": {"kind": "csv", "path": "wave.csv"},
    "settings": {"relaxation": 1.0},
    "quantities": {
        "top": {"field": "height", "near": [0.5]},
        "residual": {"file": "stdout.txt", "pattern": r"residual = (\S+)"},
    },
    "units": {"coordinates": "m", "height": "m"},
    "success": [
        {"exit_status": [0], "failures": {201: "refused"}},
        {"file": "stdout.txt", "excludes": "DIVERGED", "failure": "diverged"},
        {"file": "stdout.txt", "pattern": r"residual = (\S+)", "at_most": 1e-6},
    ],
    "retries": [{"on": "diverged", "set": {"relaxation": "relaxation / 2"}}],
}


@pytest.fixture
def fin_study(tmp_path: Path) -> Callable[..., Path]:
    """Write the study of the five-minute tour into an empty folder; milliseconds a simulation.

    Sections are merged in: ``fin_study(accuracy={"tolerance": 1e-6}, seed=2)``. Returns the study file.
    """

    def write(**sections: Any) -> Path:
        study = yaml.safe_load((CONFIGS / "fin.yaml").read_text(encoding="utf-8"))
        small = {"storage": {"folder": "study"}, "execution": {"workers": 1}}
        for name, section in (small | sections).items():
            study[name] = study.get(name, {}) | section if isinstance(section, dict) else section
        shutil.copy(CONFIGS / "fin.py", tmp_path)
        path = tmp_path / "fin.yaml"
        path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        return path

    return write


def write_wave(folder: Path, base: dict[str, Any] = WAVE, **sections: Any) -> Path:
    """Write the study of ``wave.py`` into a folder; sections are merged in, or left out where None."""
    study = dict(base)
    for name, section in sections.items():
        merged = isinstance(section, dict) and isinstance(study.get(name), dict)
        study[name] = study[name] | section if merged else section
    shutil.copy(HERE / "wave.py", folder)
    path = folder / "wave.yaml"
    given = {name: section for name, section in study.items() if section is not None}
    path.write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def wave_study(tmp_path: Path) -> Callable[..., Path]:
    """Write the smallest study into the test's folder: 14 simulations of microseconds.

    Sections are merged in, or left out where they are None. Returns the study file.
    """
    return partial(write_wave, tmp_path)


def write_program(folder: Path, does: str = "tidy", **sections: Any) -> Path:
    """Write the same study with ``program.sh`` for a model, which misbehaves as ``does`` says."""
    case = folder / "case"
    case.mkdir(exist_ok=True)
    shutil.copy(HERE / "program.sh", case)
    (case / "input.sh.j2").write_text(
        f"x={{{{ x }}}} y={{{{ y }}}} relaxation={{{{ relaxation }}}}\ndoes={does}\n"
    )
    return write_wave(folder, WAVE | {"model": PROGRAM}, **sections)


@pytest.fixture
def program_study(tmp_path: Path) -> Callable[..., Path]:
    """As ``wave_study``, of a program: ``program_study(does="hang", execution={"timeout": 1})``."""
    return partial(write_program, tmp_path)


@pytest.fixture(scope="session")
def first_run(made_once: Callable[..., tuple[Path, Any]]) -> tuple[Path, Finished]:
    """Folder of the smallest study, run with a fresh interpreter and Prefect home; and what the run said."""

    def run(folder: Path) -> dict[str, Any]:
        home = str(folder.with_name("first_home"))
        return vars(in_fresh_interpreter("locum.cli", "run", write_wave(folder), PREFECT_HOME=home))

    folder, said = made_once("first_run", run)
    return folder, Finished(**said)


@pytest.fixture(scope="session")
def fin_run(
    made_once: Callable[..., tuple[Path, Any]], programs: Path, prefect_server: str
) -> tuple[Path, Finished]:
    """Folder in which ``configs/fin.yaml`` was run as it is shipped, and what the run said."""

    def run(folder: Path) -> dict[str, Any]:
        for path in CONFIGS.glob("fin.*"):
            (folder / "configs").mkdir(exist_ok=True)
            shutil.copy(path, folder / "configs")
        command = (programs / "locum", "run", "configs/fin.yaml", "--quiet", "--json")
        return vars(finished(command, folder, {"PREFECT_API_URL": prefect_server}))

    folder, said = made_once("fin_run", run)
    return folder, Finished(**said)


@pytest.fixture
def finished_study(first_run: tuple[Path, Finished], tmp_path: Path) -> Path:
    """Copy the finished study into the test's folder; returns the study file."""
    shutil.copytree(first_run[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "wave.yaml"
