"""Which samples are planned, which calibrate, which train: whatever fails, nothing serves two purposes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.exceptions import ModelError, StudyError
from locum.execution.sampling import (
    calibration_samples,
    first_samples,
    require_enough,
    retry_failures,
    training_samples,
)
from locum.execution.workspace import Workspace
from locum.study import load_study


def identities(records) -> list[str]:
    return [record.identity for record in records]


def test_the_first_samples_are_planned_once(work, finish) -> None:
    first = first_samples(work)
    assert [record.purpose for record in first] == ["design"] * 8 + ["calibration"] * 6
    assert identities(first_samples(work)) == identities(first)
    finish(work, first[:5])
    assert identities(first_samples(work)) == identities(first[5:])
    finish(work, first[5:])
    assert first_samples(work) == []
    assert len(work.samples()) == 14


def test_a_calibration_draw_that_failed_is_replaced_by_the_next_of_the_sequence(work, finish) -> None:
    first = first_samples(work)
    calibration = [record for record in first if record.purpose == "calibration"]
    finish(work, first, failing=set(identities(calibration[1:3])))
    more = first_samples(work)
    assert [record.purpose for record in more] == ["calibration"] * 2
    finish(work, more, failing={more[0].identity})
    (last,) = first_samples(work)
    finish(work, [last])
    assert first_samples(work) == []
    wanted = [calibration[0], *calibration[3:], more[1], last]
    assert identities(calibration_samples(work)) == identities(wanted)


def test_replacing_ends_when_everything_fails(work, finish) -> None:
    rounds = 0
    while records := first_samples(work):
        finish(work, records, failing=set(identities(records)))
        rounds += 1
        assert rounds <= 3
    assert len(work.samples(outcome="failed")) == 8 + 2 * 6
    with pytest.raises(ModelError, match=r"only 0 are done; 20 failed, most often: no wave today"):
        require_enough(work)


def changed(work: Workspace, *overrides: str) -> Workspace:
    return replace(work, study=load_study(work.study.path, overrides))


def test_replacing_ends_where_the_budget_does(work, finish) -> None:
    limited = changed(work, "budget.simulations=17")
    while records := first_samples(limited):
        finish(limited, records, failing=set(identities(records)))
    assert len(work.samples(outcome="failed")) == 17


def test_a_changed_study_does_not_overrun_its_budget(work, finish) -> None:
    finish(work, first_samples(work))
    for edit in ("seed=9", "parameters.x.range=[0.2, 0.6]"):
        with pytest.raises(
            StudyError, match=r"24 are too few for the 14 .* the 14 that .*; allow 28 or more"
        ):
            first_samples(changed(work, edit))
        assert len(work.samples()) == 14
    assert first_samples(changed(work, "budget.simulations=14", "accuracy.tolerance=0.5")) == []
    assert len(first_samples(changed(work, "seed=9", "budget.simulations=28"))) == 14


def test_nothing_that_calibrates_or_audits_trains(work, finish) -> None:
    finish(work, first_samples(work))
    audits = work.plan(work.space.sample(3, np.random.default_rng(5)), "audit", 1)
    chosen = work.plan(np.array([[0.25, 0.75], [0.5, 0.125]]), "adaptive", 1)
    finish(work, audits + chosen)
    training = identities(training_samples(work))
    assert len(training) == 8 + 2
    assert set(identities(chosen)) <= set(training)
    assert not set(training) & set(identities(audits) + identities(calibration_samples(work)))


def test_what_was_drawn_to_calibrate_never_trains_even_after_the_study_asks_for_less(work, finish) -> None:
    """A calibration draw belongs to calibration also when the loop happens to choose the same point."""
    draw = work.space.sample(12, work.generator("calibration"))[7:8]
    finish(work, first_samples(work))
    finish(work, work.plan(draw, "adaptive", 1))
    assert len(training_samples(work)) == 8


def test_failed_samples_are_planned_again_when_asked(work, finish) -> None:
    first = first_samples(work)
    finish(work, first, failing={first[2].identity})
    assert first_samples(work) == []
    retry_failures(work)
    assert identities(first_samples(work)) == [first[2].identity]


def test_an_interrupted_audit_is_no_business_of_the_loop(work, finish) -> None:
    finish(work, first_samples(work))
    work.plan(work.space.sample(3, np.random.default_rng(5)), "audit", 1)
    assert first_samples(work) == []
