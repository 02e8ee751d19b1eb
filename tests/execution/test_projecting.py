"""Projected surrogates in the closed loop: a small study, run as users run it; choosing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from locum.exceptions import ModelError
from locum.execution.checking import check
from locum.execution.choosing import choose_values
from locum.execution.sampling import calibration_to_run, training_to_run
from locum.execution.training import train
from locum.execution.workspace import Workspace, open_workspace
from locum.highfidelity import HeatEquation, ThermalBlock
from locum.study import load_study
from locum.surrogates import InterpolatedSurrogate, ProjectedSurrogate

STUDY = {
    "name": "block",
    "seed": 5,
    "model": {"kind": "thermal_block", "blocks": 2, "cells": 8},
    "accuracy": {"tolerance": 1e-3, "quantities": {"mean_temperature": {"tolerance": 1e-4}}},
    "budget": {"simulations": 60},
    "execution": {"workers": 2},
    "storage": {"folder": "study"},
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "block.yaml"
    path.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, finish: Callable[..., None]) -> Path:
    """Folder of the study after its first design, its independent simulations and its first training."""
    folder = tmp_path_factory.mktemp("begun")
    path = folder / "block.yaml"
    path.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    with open_workspace(path, quiet=True) as work:
        finish(work, work.plan(work.space.sample(2, work.generator("calibration")), "calibration"))
        finish(work, training_to_run(work))
        finish(work, calibration_to_run(work))
        train(work)
    return folder


@pytest.fixture
def begun(trained: Path, study: Path) -> Iterator[Workspace]:
    """The same, in the test's folder."""
    shutil.copytree(trained, study.parent, dirs_exist_ok=True)
    with open_workspace(study, quiet=True) as work:
        yield work


def test_a_study_is_run_within_tolerance_with_a_bound(study, locum, locum_flow) -> None:
    run = locum_flow("run", study, "--json", "--quiet")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["decision"] == "within tolerance"
    status = json.loads(locum("status", study, "--json").stdout)
    assert status["verdict"] == "within tolerance"
    assert status["simulations"]["done"] <= 10 + 24
    assert status["error_figure"]["kind"] == "bound" and status["coverage"]["claimed"] is None
    assert {output["error_figure"]["kind"] for output in status["outputs"].values()} == {"bound"}
    assert "indicator" not in locum("status", study).stdout
    values = {11: 0.2, 12: 0.9, 21: 0.4, 22: 0.3}
    point = {f"conductivity_{place}": value for place, value in values.items()}
    asked = [f"{name}={value}" for name, value in point.items()]
    answer = json.loads(locum("query", study, *asked, "--json").stdout)
    mean = answer["outputs"]["mean_temperature"]
    truth = float(ThermalBlock(2, 8).simulate(point)["mean_temperature"])
    assert (mean["error_kind"], mean["coverage"], mean["verdict"]) == ("bound", None, "within tolerance")
    assert abs(mean["value"] - truth) <= mean["error_figure"] * abs(truth) + 1e-13
    report = (study.parent / "study" / "report.html").read_text(encoding="utf-8")
    assert "indicator" not in report and "Coverage claimed" not in report and "Seen to hold" in report
    assert "The surrogate is projected, because model thermal_block hands over its equations." in report
    assert "the black box would need" in report
    assert status["surrogate"]["kind"] == "projected"
    audit = json.loads(locum("audit", study, "-n", 5, "--json", "-q").stdout)
    for output in audit["outputs"].values():  # a bound claims to hold always
        assert (output["claimed"], output["observed"]["share"], output["expected"]) == (1.0, 1.0, None)


def test_another_kind_of_surrogate_uses_the_simulations_again(begun: Workspace, study: Path) -> None:
    methods = "methods={surrogate: interpolated, design: {initial: 6}, calibration: {simulations: 10}}"
    asked = load_study(study, [methods, "accuracy.confidence=0.8"])
    work = replace(begun, study=asked)
    assert work.choice.kind == "interpolated"
    assert not training_to_run(work) and not calibration_to_run(work)
    assert isinstance(train(work).checked.surrogate, InterpolatedSurrogate)


def test_a_study_in_time_is_run_within_tolerance_with_a_bound(tmp_path, locum, locum_flow) -> None:
    model = {"kind": "heat_equation", "cells": 8, "steps": 5}
    quantities = {"final_mean_temperature": {"tolerance": 0.05}}
    sections = {
        "model": model,
        "accuracy": {"tolerance": 0.2, "quantities": quantities},
        "methods": {"surrogate": "projected", "calibration": {"simulations": 4}},
    }
    study = tmp_path / "heat.yaml"
    study.write_text(yaml.safe_dump(STUDY | {"name": "heat"} | sections), encoding="utf-8")
    run = locum_flow("run", study, "--json", "--quiet")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["decision"] == "within tolerance"
    status = json.loads(locum("status", study, "--json").stdout)
    assert status["verdict"] == "within tolerance" and status["simulations"]["done"] <= 30
    assert {output["error_figure"]["kind"] for output in status["outputs"].values()} == {"bound"}
    point = {f"conductivity_{place}": 0.3 for place in (11, 12, 21, 22)}
    asked = [f"{name}={value}" for name, value in point.items()]
    mean = json.loads(locum("query", study, *asked, "--json").stdout)["outputs"]["final_mean_temperature"]
    truth = float(HeatEquation(2, 8, 5).simulate(point)["final_mean_temperature"])
    assert mean["error_kind"] == "bound"
    assert abs(mean["value"] - truth) <= mean["error_figure"] * abs(truth) + 1e-13
    audit = json.loads(locum("audit", study, "-n", 4, "--json", "-q").stdout)
    assert {output["observed"]["share"] for output in audit["outputs"].values()} == {1.0}
    again = locum_flow("run", study, "--json", "--quiet")
    assert again.returncode == 0, again.stderr
    after = json.loads(locum("status", study, "--json").stdout)
    assert (after["champion"], after["simulations"]) == (status["champion"], status["simulations"])


def test_the_next_simulations_teach_what_those_that_run_do_not(begun: Workspace) -> None:
    candidate = train(begun)
    surrogate = candidate.checked.surrogate
    assert isinstance(surrogate, ProjectedSurrogate) and surrogate.rank == 6
    found = check(begun, candidate)
    first = choose_values(begun, candidate, found)
    assert first.shape == (2, 4)
    assert all(row.tolist() in found.values.tolist() for row in first)
    planned = begun.plan(first, "adaptive", 1)
    running = {record.identity for record in planned}
    second = choose_values(begun, candidate, found, running)
    assert not set(map(tuple, first)) & set(map(tuple, second))


def test_a_batch_is_no_larger_than_the_budget_allows(begun: Workspace, study: Path) -> None:
    candidate = train(begun)
    found = check(begun, candidate)
    for budget, size in ((17, 1), (16, 0)):
        work = replace(begun, study=load_study(study, [f"budget.simulations={budget}"]))
        assert choose_values(work, candidate, found).shape == (size, 4)


def test_simulations_held_back_do_not_train(begun: Workspace) -> None:
    held_back = {begun.samples("design")[0].identity}
    with pytest.raises(ModelError, match="at least 6"):
        train(begun, held_back)


def test_a_figure_is_of_its_samples_alone(begun: Workspace) -> None:
    candidate = train(begun)
    errors = candidate.checked.calibration.outputs["temperature"]
    assert errors.kind == "bound" and errors.n == 10 and (errors.errors <= errors.indicators).all()
    assert candidate.version.manifest["statistics"]["temperature"]["rank"] == 6
    assert train(begun).version.number == candidate.version.number


def test_the_figures_of_a_study_fall_with_its_simulations(begun: Workspace, finish) -> None:
    before = check(begun, candidate := train(begun))
    finish(begun, begun.plan(choose_values(begun, candidate, before), "adaptive", 1))
    after = check(begun, train(begun))
    assert np.median(after.figures["temperature"]) < np.median(before.figures["temperature"])
