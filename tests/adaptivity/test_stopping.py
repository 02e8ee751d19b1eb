"""The loop's decisions on scripted error figures: no simulation, no surrogate."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.adaptivity import Blame, Outcome, Round, Spread, Verdict, decide, forecast, stagnates
from locum.adaptivity.verdict import OutputVerdict

GROWTH = 1.25


def scripted(number, training, level, *, outside=0.0, basis=0.1, measured=None, calibration=30):
    """A round whose figures have this level relative to tolerance."""
    share = (1 - outside) * (0.999 if level <= 1 else 0.9)
    ratio = Spread(0.3 * level, 0.8 * level, 3 * level)
    verdict = Verdict(
        20_000,
        share,
        share - 0.001,
        0.99,
        0.95,
        outside,
        ratio,
        level,
        {"field": OutputVerdict(1.0, ratio, share)},
    )
    measured = 0.7 * level if measured is None else measured
    return Round(
        number,
        training,
        calibration,
        training + calibration,
        verdict,
        {"field": Spread(0, measured, measured)},
        basis,
    )


def history(level, rounds, **keywords):
    sizes = [math.ceil(20 * GROWTH**k) for k in range(rounds)]
    return [scripted(k, n, level(n), **keywords) for k, n in enumerate(sizes)]


def falling(gain, start=20.0):
    """Level that loses ``gain`` of itself in each doubling, from ``start`` at 20 simulations."""
    return lambda n: start * (1 - gain) ** math.log2(n / 20)


def still(n):
    return 3.0


def test_continues_while_the_level_falls():
    decision = decide(history(falling(0.4), 8), simulations=1000, wall_time=3600, elapsed=10)
    assert decision.outcome is Outcome.CONTINUE
    assert decision.goes_on
    assert decision.blame is None


def test_stops_within_tolerance_even_when_budget_and_time_are_spent():
    decision = decide(history(lambda n: 0.9, 2), simulations=10, wall_time=1, elapsed=100)
    assert decision.outcome is Outcome.WITHIN_TOLERANCE
    assert "99.80%" in decision.advice
    assert not decision.goes_on


def test_a_round_that_nobody_may_ask_does_not_end_the_study():
    rounds = history(falling(0.4), 7)
    better = [*rounds, scripted(7, 96, 0.9)]
    assert decide(better, answering=rounds[-1]).goes_on
    spent = decide(better, answering=rounds[-1], simulations=100)
    assert spent.outcome is Outcome.BUDGET_SPENT and "90.00% of" not in spent.advice
    assert decide(better, answering=better[-1]).outcome is Outcome.WITHIN_TOLERANCE
    assert decide([*better, scripted(8, 110, 3.0)], answering=better[-1]).outcome is Outcome.WITHIN_TOLERANCE


def test_budget_spent_says_how_many_simulations_are_needed():
    rounds = history(falling(0.5, start=8.0), 6)
    decision = decide(rounds, simulations=rounds[-1].simulations)
    assert decision.outcome is Outcome.BUDGET_SPENT
    # the level is 8 (20/n): one at 160 training simulations, beside 30 that calibrate
    assert forecast(rounds) == pytest.approx(190, abs=2)
    assert f"about {forecast(rounds)} simulations are needed: raise budget.simulations" in decision.advice


def test_time_spent():
    decision = decide(history(falling(0.5), 4), simulations=1000, wall_time=60, elapsed=61)
    assert decision.outcome is Outcome.TIME_SPENT
    assert "60 s" in decision.advice


def test_a_budget_that_ends_too_soon_blames_nobody():
    for budget in ({"simulations": 10}, {"wall_time": 60, "elapsed": 61}):
        decision = decide(history(still, 2), **budget)
        assert f"raise budget.{next(iter(budget))}" in decision.advice
        assert "does not learn" not in decision.advice


def test_no_progress_blames_the_regression_when_nothing_else_is_wrong():
    decision = decide(history(still, 10), simulations=1000)
    assert decision.outcome is Outcome.NO_PROGRESS
    assert decision.blame is Blame.REGRESSION
    assert "tolerances 3 times as large would be met now" in decision.advice


def test_no_progress_blames_the_basis_that_leaves_most_of_the_tolerance():
    decision = decide(history(still, 10, basis=0.8), simulations=1000)
    assert (decision.outcome, decision.blame) == (Outcome.NO_PROGRESS, Blame.BASIS)
    assert "80% of the tolerance" in decision.advice


@pytest.mark.parametrize("keywords", [{"basis": 0.8}, {"measured": 0.5}])
def test_while_the_figures_fall_more_simulations_are_advised_whatever_is_to_blame(keywords):
    rounds = history(falling(0.5, start=8.0), 6, **keywords)
    decision = decide(rounds, simulations=rounds[-1].simulations)
    assert decision.blame in (Blame.BASIS, Blame.CALIBRATION)
    assert f"about {forecast(rounds)} simulations are needed: raise budget.simulations" in decision.advice
    assert "methods." in decision.advice


@pytest.mark.parametrize(
    ("level", "said"), [(1.018, "1.02"), (1.27, "1.3"), (1.31, "1.4"), (3.0, "3"), (1234, "1300")]
)
def test_tolerances_that_would_be_met_are_never_rounded_down(level, said):
    decision = decide(history(lambda n: level, 10), simulations=1000)
    assert f"tolerances {said} times as large would be met now" in decision.advice


def test_advice_is_on_the_surrogate_that_answers():
    rounds = history(still, 10)
    answering = scripted(8, rounds[8].training, 2.0, basis=0.8)
    spent = rounds[9].simulations
    decision = decide([*rounds[:8], answering, rounds[9]], answering=answering, simulations=spent)
    assert "leaves 80%" in decision.advice and "tolerances 2 times" in decision.advice


def test_no_progress_blames_the_domain_when_most_of_the_lost_share_lies_outside():
    decision = decide(history(lambda n: 0.8, 10, outside=0.05), simulations=1000)
    assert (decision.outcome, decision.blame) == (Outcome.NO_PROGRESS, Blame.DOMAIN)
    assert "5.0% of the parameter distribution" in decision.advice


def test_no_progress_blames_the_calibration_when_measured_errors_are_small():
    decision = decide(history(still, 10, measured=0.5, calibration=19), simulations=1000)
    assert (decision.outcome, decision.blame) == (Outcome.NO_PROGRESS, Blame.CALIBRATION)
    assert "19 simulations" in decision.advice


def test_a_relative_tolerance_of_what_passes_through_zero_is_to_blame_where_nothing_else_is_worse():
    rounds = [replace(each, crossing=("field",)) for each in history(still, 10, measured=0.5)]
    decision = decide(rounds, simulations=1000)
    assert decision.blame is Blame.ZERO and "error: absolute of field" in decision.advice
    verdict = rounds[-1].verdict
    both = replace(verdict, outputs={**verdict.outputs, "load": replace(verdict.outputs["field"], share=0.5)})
    assert decide([*rounds[:-1], replace(rounds[-1], verdict=both)]).blame is Blame.CALIBRATION
    assert Round.from_dict(rounds[-1].to_dict()) == rounds[-1]


def test_figures_that_claim_nothing_stop_at_once():
    decision = decide(history(lambda n: math.inf, 1), simulations=1000)
    assert (decision.outcome, decision.blame) == (Outcome.NO_PROGRESS, Blame.CALIBRATION)


def test_a_domain_that_grows_is_progress():
    rounds = [scripted(k, math.ceil(20 * GROWTH**k), 0.8, outside=0.3 * 0.8**k) for k in range(10)]
    assert not stagnates(rounds)


def test_progress_is_not_judged_before_the_training_set_has_doubled():
    assert not stagnates(history(still, 3))
    assert stagnates(history(still, 4))  # 20 to 40


def test_one_bad_round_does_not_stop_the_study():
    rounds = history(falling(0.35), 8)
    rounds[-1] = scripted(7, rounds[-1].training, 1.5 * falling(0.35)(rounds[-1].training))
    assert not stagnates(rounds)


def test_falling_measured_errors_are_progress_while_figures_rise():
    """A surrogate that discovers a steep region becomes better and less sure of itself."""
    sizes = [math.ceil(20 * GROWTH**k) for k in range(8)]
    measured = [0.9 * 0.6 ** math.log2(n / 20) for n in sizes]
    rounds = [
        scripted(k, n, 2.0 * n / 20, measured=error)
        for k, (n, error) in enumerate(zip(sizes, measured, strict=True))
    ]
    assert not stagnates(rounds)
    assert stagnates([scripted(k, n, 2.0 * n / 20, measured=0.9) for k, n in enumerate(sizes)])


def test_stagnation_after_early_progress_is_found():
    rounds = history(lambda n: max(falling(0.5)(n), 5.0), 16)
    assert not stagnates(rounds[:6])
    assert stagnates(rounds)


def test_fluctuations_stop_few_studies_that_learn_and_let_none_pass_that_does_not():
    generator = np.random.default_rng(0)

    def stopped(gain):
        noise = np.exp(0.1 * generator.standard_normal(14))
        rounds = history(falling(gain, start=50.0), 14)
        rounds = [
            scripted(r.number, r.training, r.verdict.level * z) for r, z in zip(rounds, noise, strict=True)
        ]
        return any(stagnates(rounds[: k + 1]) for k in range(len(rounds)))

    assert sum(stopped(0.35) for _ in range(200)) <= 4
    assert all(stopped(0.0) for _ in range(200))


@given(st.floats(0.2, 0.7), st.integers(1, 14), st.floats(1.2, 2.0))
def test_a_steady_fall_never_counts_as_stagnation(gain, rounds, growth):
    sizes = [math.ceil(20 * growth**k) for k in range(rounds)]
    assert not stagnates([scripted(k, n, falling(gain, 1e4)(n)) for k, n in enumerate(sizes)])


@settings(max_examples=50)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=12), st.floats(0, 0.5), st.integers(1, 100))
def test_every_history_has_a_decision_with_advice(levels, outside, simulations):
    rounds = [scripted(k, 20 + 10 * k, level, outside=outside) for k, level in enumerate(levels)]
    decision = decide(rounds, simulations=simulations)
    assert decision.advice
    assert (decision.blame is None) == (decision.outcome in (Outcome.CONTINUE, Outcome.WITHIN_TOLERANCE))


def test_no_forecast_without_a_rate():
    assert forecast(history(falling(0.5), 2)) is None
    assert forecast(history(still, 10)) is None
    assert forecast(history(falling(0.12, start=1e6), 10)) is None


def bounded(entries):
    return [replace(entry, figure_kind="bound") for entry in entries]


def test_a_bound_that_claims_nothing_yet_needs_more_simulations():
    early = [scripted(0, 20, math.inf)]
    assert stagnates(early) and not stagnates(bounded(early))
    assert decide(bounded(early), simulations=100).outcome is Outcome.CONTINUE


def test_a_bound_above_tolerance_is_no_fault_of_calibration_or_regression():
    decision = decide(bounded(history(still, 8, measured=0.01)), simulations=1000)
    assert decision.outcome is Outcome.NO_PROGRESS
    assert decision.blame is Blame.PROJECTION
    assert "the bound needs a larger reduced basis" in decision.advice


def test_a_round_remembers_what_its_figures_are():
    entry = bounded([scripted(0, 20, 2.0)])[0]
    assert Round.from_dict(entry.to_dict()) == entry
    old = {key: value for key, value in entry.to_dict().items() if key != "figure_kind"}
    assert Round.from_dict(old).figure_kind == "indicator"
