"""A study of a model that hands over assembled matrices and nothing else, as users run it: estimates."""

from __future__ import annotations

import json

import pytest
import yaml

from locum.highfidelity import AdvectionDiffusion

STUDY = {
    "name": "wind",
    "seed": 2,
    "model": {"kind": "advection_diffusion", "cells": 8},
    "accuracy": {"tolerance": 0.1, "quantities": {"mean_concentration": {"tolerance": 0.02}}},
    "budget": {"simulations": 60},
    "methods": {"surrogate": "projected", "design": {"initial": 16, "batch": 4}},
    "execution": {"workers": 2},
    "storage": {"folder": "study"},
}
POINT = {"angle": 0.6, "source_x": 0.45, "source_y": 0.6}


def test_a_study_is_run_within_tolerance_with_an_estimate(tmp_path, locum, locum_flow) -> None:
    study = tmp_path / "wind.yaml"
    study.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    run = locum_flow("run", study, "--json", "--quiet")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["decision"] == "within tolerance"
    status = json.loads(locum("status", study, "--json").stdout)
    assert status["error_figure"]["kind"] == "estimate" and status["coverage"]["claimed"] is None
    assert {output["error_figure"]["kind"] for output in status["outputs"].values()} == {"estimate"}
    assert status["simulations"]["done"] <= 10 + 40

    separation = study.parent / "study" / "separation.npz"
    written = separation.stat().st_mtime_ns
    asked = [f"{name}={value}" for name, value in POINT.items()]
    answer = json.loads(locum("query", study, *asked, "--json").stdout)
    mean = answer["outputs"]["mean_concentration"]
    truth = float(AdvectionDiffusion(cells=8).simulate(POINT)["mean_concentration"])
    assert (mean["error_kind"], mean["coverage"], mean["verdict"]) == ("estimate", None, "within tolerance")
    assert mean["value"] == pytest.approx(truth, rel=mean["error_figure"])

    audit = json.loads(locum("audit", study, "-n", 20, "--json", "-q").stdout)
    for output in audit["outputs"].values():  # an estimate claims no more than the study's confidence
        assert output["claimed"] == 0.95 and output["expected"] is None
        assert output["observed"]["share"] >= 0.9
    again = json.loads(locum_flow("run", study, "--json", "--quiet").stdout)
    assert again["simulated"] == {"done": 0, "failed": 0}
    assert separation.stat().st_mtime_ns == written
