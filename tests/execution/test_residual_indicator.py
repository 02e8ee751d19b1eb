"""Interpolated studies of models that hand over their operators: what indicates the error of the field."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from locum.exceptions import ModelError, StudyError
from locum.execution.candidate import Candidate
from locum.execution.checking import check
from locum.execution.promotion import promote
from locum.execution.sampling import calibration_to_run, training_to_run
from locum.execution.status import status_document
from locum.execution.surrogate_choice import foreseen, indicates_by_residual
from locum.execution.training import fit, train
from locum.execution.workspace import open_workspace
from locum.highfidelity import AdvectionDiffusion, CooledBlade, HeatEquation, SelfHeating, ThermalBlock
from locum.reports.study_report import write_study_report
from locum.study import load_study

STUDY = {
    "name": "wind",
    "model": {"kind": "advection_diffusion", "cells": 8},
    "accuracy": {"tolerance": 0.05},
    "budget": {"simulations": 60},
    "methods": {"surrogate": "interpolated"},
    "execution": {"workers": 1},
    "storage": {"folder": "study"},
}


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "wind.yaml"
    path.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    return path


def draw(work, finish) -> None:
    """Simulate here what the model is checked by."""
    finish(work, work.plan(work.space.sample(2, work.generator("calibration")), "calibration"))


def test_a_study_says_what_indicates_its_errors_and_loads_it(study, finish) -> None:
    with open_workspace(study, quiet=True) as work:
        draw(work, finish)
        finish(work, training_to_run(work))
        finish(work, calibration_to_run(work))
        candidate = train(work)
        check(work, candidate)
        promote(work, candidate)
        outputs = status_document(work)["outputs"]
        assert outputs["concentration"]["indicator"] == "residual"
        assert outputs["concentration"]["error_figure"]["kind"] == "indicator"
        assert "indicator, of the residual" in write_study_report(work).read_text(encoding="utf-8")
        values = work.space.sample(20, np.random.default_rng(0))
        loaded = Candidate.load(work.registry.version(1)).checked
        assert (
            loaded.figures(values)["concentration"] == candidate.checked.figures(values)["concentration"]
        ).all()


def test_equations_that_are_of_no_use_are_done_without_unless_asked_for(study, finish, monkeypatch) -> None:
    def unstable(study, model):
        raise ModelError("stability: a constant must be positive")

    monkeypatch.setattr("locum.execution.projecting.problem_of", unstable)
    with open_workspace(study, quiet=True) as work:
        draw(work, finish)
        told = "errors indicated by the deviation of the regression, because model advection_diffusion hands"
        assert told in str(work.choice) and "(stability: a constant must be positive)" in str(work.choice)
        finish(work, training_to_run(work))
        assert fit(work).statistics["concentration"]["indicator"] == "deviation"
    monkeypatch.undo()
    with open_workspace(study, quiet=True) as work:
        assert not work.choice.residual  # it was settled, and is not tried again
    monkeypatch.setattr("locum.execution.projecting.problem_of", unstable)
    asked = ["methods.indicator=residual"]
    with open_workspace(study, asked, quiet=True) as work, pytest.raises(ModelError, match="be positive"):
        fit(work)


@pytest.mark.parametrize(
    ("model", "possible"),
    [
        (ThermalBlock(2, 4), True),
        (AdvectionDiffusion(cells=4), True),
        (HeatEquation(cells=4), False),
        (SelfHeating(cells=4), True),
        (CooledBlade(), False),
    ],
)
def test_the_residual_is_taken_where_it_can_be_had(study, model, possible) -> None:
    assert indicates_by_residual(load_study(study), model, "interpolated") == possible
    assert not indicates_by_residual(load_study(study), model, "projected")
    deviation = load_study(study, ["methods.indicator=deviation"])
    assert not indicates_by_residual(deviation, model, "interpolated")
    asked = load_study(study, ["methods.indicator=residual"])
    if possible:
        assert foreseen(asked, model).kind == "interpolated"
    else:
        with pytest.raises(StudyError, match=r"methods\.indicator: there is no residual: model "):
            foreseen(asked, model)


def test_a_nonlinear_model_has_its_deviations_scaled_by_newton_corrections(tmp_path, finish) -> None:
    path = tmp_path / "slab.yaml"
    model = {"kind": "self_heating", "cells": 20}
    path.write_text(yaml.safe_dump(STUDY | {"name": "slab", "model": model}), encoding="utf-8")
    with open_workspace(path, quiet=True) as work:
        draw(work, finish)
        assert work.choice.residual and "deviation" not in work.choice.reason
        finish(work, training_to_run(work))
        made = fit(work)
        assert made.statistics["temperature"]["indicator"] == "deviation, scaled by Newton corrections"
        assert made.surrogate.fields["temperature"].scale is not None
    with open_workspace(path, ["methods.indicator=deviation"], quiet=True) as work:
        assert fit(work).surrogate.fields["temperature"].scale is None


def test_operators_that_are_not_those_of_the_simulation_are_found_before_the_study(
    study, finish, monkeypatch
) -> None:
    twice = AdvectionDiffusion.inner_product
    monkeypatch.setattr(AdvectionDiffusion, "inner_product", lambda self, field: -twice(self, field))
    with open_workspace(study, quiet=True) as work:
        draw(work, finish)
        with pytest.raises(ModelError, match="the matrix must be positive"):
            _ = work.choice
