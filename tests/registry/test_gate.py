import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.registry import CalibrationResult, promotion_gate

ERRORS = np.linspace(0.001, 0.01, 100)


def _result(errors=ERRORS, factor=2.0, coverage=0.95) -> CalibrationResult:
    errors = np.asarray(errors)
    return CalibrationResult(errors, factor * errors, coverage)


def _covering(share: float) -> CalibrationResult:
    figures = np.where(np.arange(100) < share * 100, 1.0, 0.0)
    return CalibrationResult(ERRORS, figures, 0.95)


def test_the_first_surrogate_with_its_coverage_is_promoted():
    decision = promotion_gate({"temperature": _result()}, None)
    assert decision.promote
    assert decision.reasons == ("there is no champion to compare it with",)


def test_a_better_candidate_is_promoted_and_both_levels_are_told():
    decision = promotion_gate({"u": _result(ERRORS / 2)}, {"u": _result()})
    assert decision.promote
    assert "0.00482, the champion's 0.00964" in decision.reasons[0]


@pytest.mark.parametrize(("factor", "promoted"), [(0.5, True), (1.0, True), (1.05, True), (1.2, False)])
def test_a_candidate_is_refused_when_worse_by_more_than_the_slack(factor, promoted):
    decision = promotion_gate({"u": _result(factor * ERRORS)}, {"u": _result()})
    assert decision.promote is promoted


def test_a_champion_within_tolerance_gives_way_only_to_one_that_is() -> None:
    better = {"u": _result(ERRORS / 2)}
    assert promotion_gate(better, {"u": _result()}).promote
    decision = promotion_gate(better, {"u": _result()}, lost_tolerance=True)
    assert decision.reasons == ("the champion is within tolerance, the candidate is not",)


@pytest.mark.parametrize(("tolerance", "promoted"), [(0.1, True), (0.01, False)])
def test_far_below_tolerance_twice_the_error_is_as_good(tolerance, promoted):
    worse = CalibrationResult(2 * ERRORS, 4 * ERRORS, 0.95, tolerance)
    assert promotion_gate({"u": worse}, {"u": _result()}).promote is promoted


def test_one_worse_output_is_enough_and_is_named():
    candidate = {"better": _result(ERRORS / 9), "worse": _result(3 * ERRORS)}
    decision = promotion_gate(candidate, {"better": _result(), "worse": _result()})
    assert not decision.promote
    (reason,) = decision.reasons
    assert reason.startswith("worse: ")


@pytest.mark.parametrize(("share", "promoted"), [(1.0, True), (0.95, True), (0.92, True), (0.85, False)])
def test_coverage_may_fall_below_its_claim_by_chance_only(share, promoted):
    for champion in (None, {"u": _result()}):
        decision = promotion_gate({"u": _covering(share)}, champion)
        assert decision.promote is promoted
        assert promoted or "85 of 100" in decision.reasons[0]


def test_a_candidate_that_says_nothing_is_refused_where_the_champion_does_not():
    silent = CalibrationResult(ERRORS, np.full(100, np.inf), 0.95)
    assert not promotion_gate({"u": silent}, {"u": _result()}).promote
    assert promotion_gate({"u": silent}, {"u": silent}).promote
    assert promotion_gate({"u": silent}, None).promote


def test_errors_that_are_not_finite_or_not_there_are_refused():
    spoilt = ERRORS.copy()
    spoilt[3] = np.nan
    assert "1 of 100" in promotion_gate({"u": _result(spoilt)}, None).reasons[0]
    assert not promotion_gate({"u": _result([])}, None).promote
    assert not promotion_gate({}, None).promote


def test_an_output_that_only_the_champion_answers_is_missed():
    decision = promotion_gate({"u": _result()}, {"u": _result(), "peak": _result()})
    assert decision.reasons == ("peak: the champion answers it, the candidate does not",)
    assert promotion_gate({"u": _result(), "peak": _result()}, {"u": _result()}).promote


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.5, 0.99))
def test_nobody_is_refused_for_being_the_same(errors, coverage):
    result = _result(errors, factor=1.0, coverage=coverage)
    assert promotion_gate({"u": result}, {"u": result}).promote
