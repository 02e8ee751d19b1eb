from __future__ import annotations

import numpy as np

from locum.queries import Audit, Audits, claim_tests
from locum.snapshots import Database


def audited(covered: list[bool]) -> list[Audit]:
    return [Audit("a", 0.0, 1, {"x": 0.5}, {"top": 1.0}, {"top": 0.5 if held else 2.0}) for held in covered]


def test_audits_are_done_in_the_order_in_which_they_were_asked(database: Database) -> None:
    audits = Audits(database)
    audits.add([Audit("a", 1.0, 1, {"x": 0.5}, {"top": 0.1}), Audit("b", 2.0, 1, {"x": 0.6}, {"top": None})])
    first, second = audits.waiting(1)
    assert audits.waiting(2) == [] and audits.depth() == 2
    audits.finish(second, None, "the simulation failed")
    audits.finish(first, {"top": 0.05})
    assert audits.waiting(1) == [] and audits.depth() == 0
    (done,) = audits.done(1)
    assert (done.answer, done.errors) == ("a", {"top": 0.05})
    audits.add([Audit("c", 3.0, 1, {"x": 0.7}, {"top": 0.1}), Audit("d", 3.0, 2, {"x": 0.7}, {"top": 0.1})])
    audits.forget_others(2)
    assert audits.waiting(1) == [] and [each.answer for each in audits.waiting(2)] == ["d"]


def test_a_claim_that_does_not_hold_is_refuted_and_one_that_holds_is_not() -> None:
    tests = claim_tests(audited([i % 2 == 0 for i in range(64)]), 0.95)
    assert tests["top"].refuted and tests["top"].covered == 32
    assert not claim_tests(audited([i % 20 != 0 for i in range(64)]), 0.95)["top"].refuted
    assert not claim_tests(audited([False] * 7), 0.95)["top"].refuted  # too few to say
    assert claim_tests(audited([True] * 3 + [False]), 1.0)["top"].refuted  # a bound holds always


def test_what_was_not_claimed_is_not_tested() -> None:
    done = [Audit("a", 0.0, 1, {"x": 0.5}, {"top": None}, {"top": 9.0})] * 20
    assert claim_tests(done, 0.95)["top"].audits == 0


def test_a_right_claim_is_rarely_refuted_however_often_it_is_tested() -> None:
    covered = np.random.default_rng(5).random((100, 300)) < 0.9
    refuted = [claim_tests(audited(list(row)), 0.9)["top"].refuted for row in covered]
    assert np.mean(refuted) <= 0.03  # the expected share is below 0.01
