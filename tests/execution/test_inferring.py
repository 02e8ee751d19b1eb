"""Inferred surrogates in the closed loop: asked for by a study, or the best of a black box, and refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from locum.errors import expected_share
from locum.exceptions import FitError, StudyError
from locum.execution.checking import check
from locum.execution.choosing import choose_values
from locum.execution.sampling import calibration_to_run, training_to_run
from locum.execution.surrogate_choice import BEST
from locum.execution.training import train
from locum.execution.workspace import open_workspace
from locum.reports.black_box import way_of
from locum.surrogates import InferredSurrogate

STUDY = {
    "name": "rod",
    "seed": 5,
    "model": {"kind": "python", "path": "rod.py:simulate"},
    "parameters": {"left": {"range": [0.3, 3]}, "right": {"range": [0.3, 3]}},
    "accuracy": {"tolerance": 1e-3, "confidence": 0.8, "quantities": {"mean": {"tolerance": 1e-3}}},
    "budget": {"simulations": 60},
    "methods": {"surrogate": "best", "design": {"initial": 16}, "calibration": {"simulations": 10}},
    "execution": {"workers": 1},
    "storage": {"folder": "study"},
}
ROD = '''
import numpy as np


def simulate(left, right, nodes=30):
    """Conduction along a rod of two materials, heated evenly, cold at both ends."""
    conductivity = np.repeat([left, right], nodes // 2 + 1)
    matrix = np.diag(conductivity[:-1] + conductivity[1:])
    matrix -= np.diag(conductivity[1:-1], 1) + np.diag(conductivity[1:-1], -1)
    heat = np.linalg.solve(matrix[:nodes, :nodes], np.full(nodes, 1.0 / nodes))
    return {"coordinates": np.linspace(0.0, 1.0, nodes), "temperature": heat, "mean": heat.mean()}
'''


@pytest.fixture
def rod(tmp_path: Path) -> Callable[..., Path]:
    """Write the study of a rod, with other methods perhaps."""

    def write(**methods) -> Path:
        (tmp_path / "rod.py").write_text(ROD, encoding="utf-8")
        study = STUDY | {"methods": STUDY["methods"] | methods}
        path = tmp_path / "rod.yaml"
        path.write_text(yaml.safe_dump(study), encoding="utf-8")
        return path

    return write


@pytest.fixture
def trained(rod, finish) -> Callable[..., tuple]:
    """Simulate the first design here and train on it; the workspace stays open for what the test asks."""

    def run(ask, **methods):
        with open_workspace(rod(**methods), quiet=True) as work:
            finish(work, training_to_run(work))
            finish(work, calibration_to_run(work))
            return ask(work, train(work))

    return run


def test_the_best_is_taken_compared_and_shown_and_costs_no_simulation(trained) -> None:
    def ask(work, candidate):
        surrogate, manifest = candidate.checked.surrogate, candidate.version.manifest
        assert isinstance(surrogate, InferredSurrogate)
        assert manifest["comparison"]["chosen"] == surrogate.kind
        assert len(work.samples()) == 26
        way = way_of(work, candidate)
        assert (way.kind, way.reason) == (surrogate.kind, f"{BEST}, as methods.surrogate asks")
        assert way.compared_on == 16
        kinds = {each.kind: each for each in way.compared}
        assert kinds[surrogate.kind].chosen and not kinds["interpolated"].chosen
        assert kinds[surrogate.kind].errors["temperature"] < kinds["interpolated"].errors["temperature"]
        found = check(work, candidate)
        chosen = choose_values(work, candidate, found)
        assert chosen.shape[1] == 2 and work.space.inside(chosen).all()
        same = {
            name: replace(field, metric=1e-300 * field.metric) for name, field in surrogate.fields.items()
        }
        flat = replace(candidate.checked, surrogate=replace(surrogate, fields=same))
        assert (choose_values(work, replace(candidate, checked=flat), found) == chosen).all()

    trained(ask)


def test_a_declared_structure_is_used(trained) -> None:
    def ask(work, candidate):
        (entry,) = candidate.version.manifest["statistics"].values()
        assert entry["outcome"].startswith("inferred equations (matrix: left, right; load: 1")
        assert candidate.checked.surrogate.kind == "inferred"
        assert candidate.version.manifest["comparison"] is None

    trained(ask, surrogate="inferred", structure={"matrix": ["left", "right"]})


def test_a_wrong_structure_ends_the_study_with_both_named(trained) -> None:
    with pytest.raises(FitError, match=r"declared terms \(matrix: 1 / left; load: 1\) leave"):
        trained(None, surrogate="hybrid", structure={"matrix": ["1 / left"]})


def test_terms_that_are_none_are_refused_before_anything_runs(rod) -> None:
    path = rod(surrogate="inferred", structure={"matrix": ["left", "middle"]})
    with pytest.raises(StudyError, match="unknown name 'middle'"), open_workspace(path, quiet=True):
        pass


def test_a_study_with_inferred_equations_is_run_reported_and_asked(rod, locum, locum_flow) -> None:
    path = rod()
    run = locum_flow("run", path, "--json", "--quiet")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["decision"] == "within tolerance"
    status = json.loads(locum("status", path, "--json").stdout)
    assert status["error_figure"]["kind"] == "indicator" and status["simulations"]["done"] <= 40
    answer = locum("query", path, "left=1", "right=2")
    assert answer.returncode == 0 and "within tolerance" in answer.stdout
    assert locum("report", path).returncode == 0
    text = (path.parent / "study" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"Relative errors of \d+ training simulations, each predicted without it", text)
    audit = json.loads(locum("audit", path, "-n", 200, "--json", "-q").stdout)
    lower, upper = expected_share(10, 200, 0.8)  # a calibration of ten
    shares = [output["observed"]["share"] for output in audit["outputs"].values()]
    assert len(shares) == 2 and all(lower <= share <= upper for share in shares), shares


def test_left_to_itself_a_black_box_gets_the_best_compared_anew_in_every_round(rod, finish) -> None:
    with open_workspace(rod(surrogate="auto"), quiet=True) as work:
        finish(work, training_to_run(work))
        finish(work, calibration_to_run(work))
        first = train(work)
        finish(work, work.plan(work.space.sample(3, work.generator("more")), "adaptive", 1))
        second = train(work)
        for candidate, simulations in ((first, 16), (second, 19)):
            assert candidate.version.manifest["comparison"]["simulations"] == simulations
            assert candidate.checked.surrogate.kind == "inferred"
            assert len(candidate.checked.surrogate.training) == simulations


def test_whatever_fails_in_the_equations_leaves_the_gaussian_processes(trained, monkeypatch) -> None:
    error = np.linalg.LinAlgError("SVD did not converge")

    def failing(*_, **__):
        raise error

    monkeypatch.setattr("locum.surrogates.comparison.train_inferred", failing)

    def ask(work, candidate):
        assert candidate.checked.surrogate.kind == "interpolated"
        remarks = [each.remark for each in way_of(work, candidate).compared]
        assert remarks[-1] == f"operator inference failed: {error!r}"

    trained(ask, surrogate="auto")
