"""Studies of models that hand over residual and Jacobian: projected, or told why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from locum.exceptions import ModelError, StudyError
from locum.execution.surrogate_choice import BEST
from locum.execution.workspace import open_workspace
from locum.highfidelity import SelfHeating

CURVED = Path(__file__).parents[1] / "curved.py"
STUDY = {
    "name": "nonlinear",
    "seed": 2,
    "budget": {"simulations": 60},
    "execution": {"workers": 1},
    "storage": {"folder": "study"},
}


@pytest.fixture
def study(tmp_path):
    """Write the study of a model of ``curved.py``, or of another."""

    def write(name="Curved", model=None, tolerance=0.01, **options):
        given = model or {"kind": "python", "path": f"{CURVED}:{name}", "options": options}
        path = tmp_path / "study.yaml"
        sections = {"model": given, "accuracy": {"tolerance": tolerance}}
        path.write_text(yaml.safe_dump(STUDY | sections), encoding="utf-8")
        return path

    return write


@pytest.fixture
def settle(finish):
    """Open a study, simulate here what its model is checked by, and say which surrogate it gets."""

    def open_and_say(path, *overrides):
        with open_workspace(path, overrides, quiet=True) as work:
            count = work.study.resolved(work.space.dimension, kind="projected").calibration
            finish(work, work.plan(work.space.sample(count, work.generator("calibration")), "calibration"))
            return str(work.choice), work.choice.residual

    return open_and_say


def test_a_study_is_run_within_tolerance_with_an_estimate(study, locum, locum_flow) -> None:
    path = study(model={"kind": "self_heating", "cells": 20}, tolerance=0.02)
    run = locum_flow("run", path, "--json", "--quiet")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["decision"] == "within tolerance"
    status = json.loads(locum("status", path, "--json").stdout)
    assert status["surrogate"]["kind"] == "projected" and status["simulations"]["done"] <= 40
    assert {output["error_figure"]["kind"] for output in status["outputs"].values()} == {"estimate"}
    point = {"reaction_rate": 1.1, "activation": 0.3}
    given = [f"{name}={value}" for name, value in point.items()]
    document = json.loads(locum("query", path, *given, "--json").stdout)
    assert document["verdict"] == "within tolerance"
    answer = document["outputs"]["highest_temperature"]
    truth = float(SelfHeating(20).simulate(point)["highest_temperature"])
    assert answer["error_kind"] == "estimate"
    assert answer["error_figure"] < 0.02 and answer["value"] == pytest.approx(truth, rel=0.02)
    report = (path.parent / "study" / "report.html").read_text(encoding="utf-8")
    assert "The surrogate is projected, because model self_heating hands over its equations." in report
    audit = json.loads(locum("audit", path, "-n", 20, "--json", "-q").stdout)
    assert all(output["observed"]["share"] >= 0.9 for output in audit["outputs"].values())


def test_polynomial_equations_are_projected_and_steep_ones_are_not(study, settle) -> None:
    assert settle(study(shape="cube"))[0].startswith("projected, because model curved hands over its equ")
    steep = study(shape="front", strength=60.0, cells=30)
    said, residual = settle(steep, "storage.folder=steep")
    assert said.startswith(f"{BEST}, because model curved hands over equations that ")
    assert residual  # Newton corrections scale the deviation
    with pytest.raises(StudyError, match=r"methods\.surrogate: no projected surrogate can be made"):
        settle(steep, "storage.folder=steep", "methods.surrogate=projected")


def test_auto_does_not_wait_for_residuals_longer_than_for_simulations(study, settle, monkeypatch) -> None:
    monkeypatch.setattr("locum.execution.affordability.PATIENCE", 0.0)
    said, residual = settle(study())
    assert f"{BEST}, because model curved needs up to 25000 residuals, about " in said and not residual


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Halved", "the Jacobian is not the derivative of the residual"),
        ("Elsewhere", "residual and simulation differ"),
    ],
)
def test_a_model_that_lies_is_refused(study, settle, name, told) -> None:
    with pytest.raises(ModelError, match=told):
        settle(study(name))


def test_a_singular_jacobian_ends_the_run_with_a_sentence_and_loses_nothing(
    study, refused_flow, locum
) -> None:
    path = study("Floating")
    assert "curved: the Jacobian is singular at parameters drawn from its space" in refused_flow(
        "run", path, "--quiet"
    )
    asked = locum("status", path, "--set", "methods.surrogate=interpolated", "--json")
    assert json.loads(asked.stdout)["simulations"]["done"] == 10
