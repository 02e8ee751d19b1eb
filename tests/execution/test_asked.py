"""What queries wait for is simulated first, whatever the verdict on the study as a whole."""

from __future__ import annotations

import time

import numpy as np

from locum.execution import checking, promotion, sampling, training
from locum.execution.workspace import open_workspace
from locum.queries import Exceedance, Outbox


def exceedance(kind: str, rows: np.ndarray) -> Exceedance:
    return Exceedance("a", time.time(), 1, kind, len(rows), {"x": [*rows[:, 0]], "y": [*rows[:, 1]]}, 1.5)


def test_the_loop_simulates_where_somebody_got_no_answer_within_tolerance(
    locum_flow, wave_study, finish
) -> None:
    """Half of the distribution is asked to be within tolerance: what a query asks lies in the other half."""
    study = wave_study(accuracy={"share": 0.5, "tolerance": 0.006})
    values = np.random.default_rng(1).random((2000, 2))
    with open_workspace(study, quiet=True) as work:
        finish(work, sampling.first_samples(work))
        first = training.train(work)
        checking.check(work, first)
        promotion.promote(work, first)
        assert work.standing is not None and work.standing.verdict.within
        over = values[first.checked.predict(values).verdict == "over tolerance"][:4]
        before = len(work.samples(outcome="done"))
        outbox = Outbox(work.store.database)
        outbox.add([exceedance("over tolerance", over), exceedance("outside the ranges", over + 1)])
        training_set = work.registry.version(1).training_set_hash
        assert outbox.announce(1, training_set, seen=0)
    assert locum_flow("run", study, "-q").returncode == 0
    with open_workspace(study, readonly=True) as work:
        outbox = Outbox(work.store.database)
        assert len(work.samples(outcome="done")) == before + 4
        simulated = {record.identity for record in work.samples("adaptive", "done")}
        assert {work.identity(row) for row in over} == simulated
        assert work.champion.version.number == 2
        assert list(work.champion.checked.predict(over).verdict) == ["within tolerance"] * 4
        assert outbox.depth() == 0
        (retraining,) = outbox.retrainings()
        assert retraining.outcome == "version 2 answers 4 of 4 within tolerance"
        assert retraining.started is not None and retraining.ended is not None


def test_audits_that_refuted_a_claim_train_the_next_version(locum_flow, finished_study, finish) -> None:
    asked = np.array([[0.33, 0.77]])
    with open_workspace(finished_study, quiet=True) as work:
        (record,) = work.plan(asked, "audit")
        finish(work, [record])
        versions = len(work.registry.versions())
        Outbox(work.store.database).add([exceedance("failed audit", asked)])
    assert locum_flow("run", finished_study, "-q").returncode == 0
    with open_workspace(finished_study, readonly=True) as work:
        from locum.execution.sampling import training_samples

        assert record.identity in {each.identity for each in training_samples(work)}
        assert len(work.registry.versions()) == versions + 1
        assert Outbox(work.store.database).depth() == 0
