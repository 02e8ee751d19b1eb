"""Which kind of surrogate a study gets, and what its model is asked to prove before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from locum.exceptions import ModelError, StudyError
from locum.execution.sampling import first_draws
from locum.execution.surrogate_choice import BEST, foreseen
from locum.execution.workspace import Workspace, open_workspace
from locum.highfidelity import AdvectionDiffusion, CooledBlade, HeatEquation, ThermalBlock
from locum.study import load_study

BLOCKS = Path(__file__).with_name("blocks.py")
STUDY = {
    "name": "block",
    "seed": 5,
    "accuracy": {"tolerance": 0.01},
    "execution": {"workers": 1},
    "storage": {"folder": "study"},
}


@pytest.fixture
def block_study(tmp_path: Path) -> Callable[..., Path]:
    """Write the study of a model of ``blocks.py``."""

    def write(model: str = "ThermalBlock", blocks: int = 2, cells: int = 4, **sections) -> Path:
        options = {"blocks": blocks, "cells": cells}
        given = {"kind": "python", "path": f"{BLOCKS}:{model}", "options": options}
        path = tmp_path / "block.yaml"
        path.write_text(yaml.safe_dump(STUDY | {"model": given} | sections), encoding="utf-8")
        return path

    return write


@pytest.fixture
def settle(finish: Callable[..., None]) -> Callable[..., str]:
    """Open a study, simulate here what its model is checked by, and say which surrogate it gets."""

    def open_and_say(path: Path, *overrides: str, failing: bool = False, residual: bool = True) -> str:
        with open_workspace(path, overrides, quiet=True) as work:
            draws = work.plan(work.space.sample(4, work.generator("calibration")), "calibration")
            finish(work, draws, {record.identity for record in draws} if failing else set())
            assert work.choice.residual == (residual and work.choice.kind == "best")
            return str(work.choice)

    return open_and_say


@pytest.mark.parametrize("model", [ThermalBlock(2, 4), AdvectionDiffusion(cells=4), HeatEquation(2, 4, 3)])
def test_auto_expects_of_operators_that_they_can_be_projected(block_study, model) -> None:
    for kind, reason in (("auto", "because model"), ("projected", "as methods.surrogate asks")):
        choice = foreseen(load_study(block_study(), [f"methods.surrogate={kind}"]), model)
        assert choice.kind == "projected" and choice.reason.startswith(reason)
    asked = foreseen(load_study(block_study(), ["methods.surrogate=interpolated"]), model)
    assert (asked.kind, asked.reason) == ("interpolated", "as methods.surrogate asks")


@pytest.mark.parametrize("surrogate", ["auto", "projected"])
def test_a_limit_of_the_basis_is_no_wish_of_a_projected_surrogate(block_study, surrogate) -> None:
    study = load_study(block_study(), [f"methods.surrogate={surrogate}", "methods.reduction.max_rank=5"])
    with pytest.raises(StudyError, match=r"methods\.reduction\.max_rank: .* cannot be held to 5; leave"):
        foreseen(study, ThermalBlock(2, 4))
    interpolated = load_study(block_study(), ["methods.reduction.max_rank=5"])
    assert foreseen(interpolated, CooledBlade()).kind == "best"


def test_what_a_model_lacks_is_a_reason_for_auto_and_a_refusal_else(block_study) -> None:
    model, lack = CooledBlade(), "hands over no equations"
    choice = foreseen(load_study(block_study()), model)
    assert choice.kind == "best" and choice.reason.startswith(f"because model {model.name} {lack}")
    sentence = rf"methods\.surrogate: no projected surrogate can be made: model {model.name} {lack}"
    with pytest.raises(StudyError, match=sentence):
        foreseen(load_study(block_study(), ["methods.surrogate=projected"]), model)


def test_a_black_box_cannot_be_projected(wave_study, refused, tmp_path) -> None:
    path = wave_study(methods={"surrogate": "projected"})
    assert "methods.surrogate: no projected surrogate can be made" in refused("run", path)
    assert not (tmp_path / "study").exists()


def test_a_quantity_that_is_no_functional_is_interpolated(block_study, settle) -> None:
    reason = "model thermal_block gives quantity 'hottest', which is none of its output_functionals"
    assert settle(block_study("Hottest")) == f"{BEST}, because {reason}"
    with pytest.raises(StudyError, match=reason):
        settle(block_study("Hottest"), "methods.surrogate=projected")


def test_a_model_that_lies_is_refused_and_its_simulations_are_kept(block_study, refused_flow, locum) -> None:
    path = block_study("TwiceAsHot")
    sentence = refused_flow("run", path, "--quiet")
    assert f"{path}: model: thermal_block: affine operators: its own simulation leaves" in sentence
    assert sentence.endswith("methods.surrogate: interpolated, methods.indicator: deviation")
    asked = locum("status", path, "--set", "methods.surrogate=interpolated", "--json")
    assert json.loads(asked.stdout)["simulations"]["done"] == 2


def test_a_model_whose_simulations_fail_is_refused(block_study, settle) -> None:
    with pytest.raises(ModelError, match=r"its operators cannot be checked.*4 failed, most often: no wave"):
        settle(block_study(), failing=True)


def test_assembled_operators_are_projected_where_separation_reaches_the_tolerance(
    block_study, settle
) -> None:
    path = block_study("Assembled")
    assert settle(path).startswith("projected, because model assembled hands over its equations")
    too_fine = settle(path, "accuracy.tolerance=1e-9", residual=False)
    assert too_fine.startswith(f"{BEST}, because model assembled hands over equations that leave an err")
    restless = settle(block_study("Restless", storage={"folder": "restless"}), residual=False)
    assert restless.startswith(f"{BEST}, because model restless hands over equations that ")


def test_auto_does_not_wait_for_equations_longer_than_for_simulations(
    block_study, settle, monkeypatch
) -> None:
    path = block_study("Assembled")
    monkeypatch.setattr("locum.execution.affordability.PATIENCE", 0.0)
    told = rf"{BEST}, because model assembled needs up to 2324 assembled systems, about \d+ s, where 0 s"
    assert re.match(told, settle(path, residual=False))
    with open_workspace(path, ["methods.surrogate=interpolated"], quiet=True) as work:
        assert not work.choice.residual and "needs up to 2324 assembled systems" in work.choice.reason
    assert settle(path, "methods.surrogate=projected").startswith("projected, as methods.surrogate asks")
    # what was found is there
    assert settle(path, "budget.simulations=50").startswith("projected, because model assembled hands over")


def test_equations_that_are_not_known_as_stable_are_interpolated(block_study, settle) -> None:
    lack = "hands over equations whose stability constant is not known to be positive, as at ["
    choice = settle(block_study("Cooling"), residual=False)
    assert choice.startswith(f"{BEST}, because model thermal_block {lack}")


def test_what_was_settled_stays_so(block_study, settle) -> None:
    path = block_study("Hottest")
    with open_workspace(path, quiet=True) as work:
        assert work.samples() == []
    with open_workspace(path, readonly=True) as work:
        assert work.choice == foreseen(work.study, work.model)  # to look at a study never simulates
    said = settle(path)
    for readonly in (True, False):
        with open_workspace(path, readonly=readonly, quiet=True) as work:
            assert str(work.choice) == said


def test_the_check_costs_no_simulation(block_study, settle) -> None:
    path = block_study()
    settle(path)
    with open_workspace(path, quiet=True) as work:
        calibration = work.space.sample(work.numbers.calibration, work.generator("calibration"))
        assert {record.identity for record in work.samples()} <= {work.identity(row) for row in calibration}


def test_failed_draws_are_replaced(block_study, finish) -> None:
    def outcomes(work: Workspace) -> list[str]:
        return [record.outcome for record in work.samples("calibration")]

    with open_workspace(block_study(), quiet=True) as work:
        draws = work.plan(work.space.sample(2, work.generator("calibration")), "calibration")
        finish(work, draws, {draws[0].identity})
        done = first_draws(work, 2)
        assert len(done) == 2 and outcomes(work) == ["failed", "done", "done"]
        assert first_draws(work, 2) == done and outcomes(work) == ["failed", "done", "done"]
