from __future__ import annotations

from dataclasses import replace

import pytest

from locum.queries import Exceedance, Outbox, Retraining, Triggers, TriggerState, why_not_now
from locum.snapshots import Database

OVER = Exceedance("a", 100.0, 1, "over tolerance", 1, {"x": [0.5]}, 2.0)
FAR = replace(OVER, kind="outside the ranges", ratio=None)
TRIGGERS = Triggers(window=30, margin=0.1, rest=300, patience=600)


def test_exceedances_wait_until_they_are_settled(database: Database) -> None:
    outbox = Outbox(database)
    outbox.add([OVER, FAR])
    seen = outbox.newest()
    outbox.add([replace(OVER, answer="b")])
    assert outbox.depth() == 3 and outbox.waiting()[0] == OVER
    assert outbox.settle("nothing to do", up_to=seen, kind="outside the ranges") == 1
    assert outbox.settle("version 2", up_to=seen) == 1
    assert [each.answer for each in outbox.waiting()] == ["b"]
    assert {each.outcome for each in outbox.recent()} == {None, "version 2", "nothing to do"}
    assert outbox.prune(0.0) == 2 and outbox.depth() == 1


def test_one_of_two_announces_a_retraining(database: Database) -> None:
    outbox = Outbox(database)
    assert outbox.announce(1, "hash", seen=0)
    assert not outbox.announce(1, "hash", seen=0)
    assert outbox.announce(1, "hash", seen=1) and not outbox.announce(1, "hash", seen=1)
    outbox.started(1, "hash")
    outbox.ended(1, "hash", "version 2 answers")
    (known,) = outbox.retrainings()
    assert (known.attempts, known.outcome) == (2, "version 2 answers") and known.ended is not None


def state(*waiting: Exceedance, retrainings: tuple[Retraining, ...] = (), **known: object) -> TriggerState:
    return TriggerState(waiting, retrainings, 1, "hash", **known)  # type: ignore[arg-type]


def test_a_retraining_is_due_when_enough_time_was_given_to_collect() -> None:
    assert "collected" in why_not_now(state(OVER), 129.0, TRIGGERS)
    assert why_not_now(state(OVER), 131.0, TRIGGERS) == ""
    assert why_not_now(state(replace(OVER, kind="failed audit", ratio=None)), 131.0, TRIGGERS) == ""


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (state(), "nothing waits"),
        (state(FAR), "nothing waits"),
        (state(replace(OVER, ratio=1.05)), "10%"),
        (state(OVER, running=True), "somebody"),
        (state(OVER, budget_left=0), "budget"),
        (state(OVER, retrainings=(Retraining(0, "other", 50, 1, 60, 900, "fine"),)), "just ended"),
        (state(OVER, retrainings=(Retraining(1, "hash", 50, 1, 60, 70, "no progress"),)), "already"),
        (state(OVER, retrainings=(Retraining(1, "hash", 900, 1),)), "announced"),
        (state(OVER, retrainings=(Retraining(1, "hash", 900, 1, 901),)), "begun"),
        (state(OVER, retrainings=(Retraining(1, "hash", 50, 3, 60, 70, "failed: disk full"),)), "3 attempts"),
    ],
)
def test_a_retraining_that_is_not_due_says_why(known: TriggerState, words: str) -> None:
    assert words in why_not_now(known, 1000.0, TRIGGERS)


def test_what_was_announced_and_never_begun_is_announced_again() -> None:
    forgotten = Retraining(1, "hash", 900, 1)
    assert why_not_now(state(OVER, retrainings=(forgotten,)), 1501.0, TRIGGERS) == ""
    failed = Retraining(1, "hash", 900, 1, 901, 902, "failed: disk full")
    assert why_not_now(state(OVER, retrainings=(failed,)), 1503.0, TRIGGERS) == ""
