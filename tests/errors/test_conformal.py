import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from locum.errors import (
    binomial_interval,
    conformal_quantile,
    coverage_distribution,
    expected_share,
    required_scores,
    share_lower_limit,
)


def test_coverage_by_simulation_is_what_the_theory_says():
    """0.9018 at n = 100 and a claim of 0.90: the mean of Beta(91, 10)."""
    generator = np.random.default_rng(7)
    covered = [
        np.mean(generator.exponential(size=200) <= conformal_quantile(generator.exponential(size=100), 0.9))
        for _ in range(2000)
    ]
    expected = coverage_distribution(100, 0.9)
    assert expected.mean == pytest.approx(91 / 101)
    assert np.mean(covered) == pytest.approx(expected.mean, abs=0.003)
    spread = math.sqrt(expected.mean * (1 - expected.mean) / 102)
    assert np.std(covered) == pytest.approx(math.hypot(spread, math.sqrt(0.9 * 0.1 / 200)), rel=0.1)


@given(st.integers(1, 400), st.floats(0.5, 0.99))
def test_coverage_is_never_below_the_claim_and_at_most_one_over_n_above(n, coverage):
    if n < required_scores(coverage):
        return
    mean = coverage_distribution(n, coverage).mean
    assert coverage - 1e-8 <= mean <= coverage + 1 / (n + 1) + 1e-8


def test_nineteen_simulations_are_the_fewest_for_95_percent():
    assert required_scores(0.95) == 19
    assert conformal_quantile(np.arange(18.0), 0.95) == math.inf
    assert conformal_quantile(np.arange(19.0), 0.95) == 18.0
    with pytest.raises(ValueError, match="at least 19 scores"):
        coverage_distribution(18, 0.95)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=60),
    st.floats(0.05, 0.99),
    st.floats(1e-3, 1e3),
)
def test_quantile_covers_its_rank_and_scales_with_the_scores(scores, coverage, factor):
    scores = np.array(scores)
    quantile = conformal_quantile(scores, coverage)
    assert np.sum(scores <= quantile) >= min(len(scores), math.floor((len(scores) + 1) * coverage))
    assert math.isinf(quantile) or quantile in scores
    assert conformal_quantile(scores * factor, coverage) == pytest.approx(quantile * factor, rel=1e-12)


def test_a_score_that_is_no_number_counts_as_infinite():
    scores = np.ones(40)
    scores[:3] = np.nan
    assert conformal_quantile(scores, 0.95) == math.inf
    assert conformal_quantile(scores, 0.90) == 1.0


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, math.nan])
def test_a_coverage_that_is_no_probability_is_refused(coverage):
    with pytest.raises(ValueError, match="coverage must lie between"):
        conformal_quantile(np.ones(10), coverage)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_binomial_limits_agree_with_scipy(successes, confidence):
    k, n = successes
    exact = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
    assert binomial_interval(k, n, confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)
    one_sided = stats.binomtest(k, n, alternative="greater").proportion_ci(confidence, method="exact")
    assert share_lower_limit(k, n, confidence) == pytest.approx(one_sided.low, abs=1e-9)


def test_share_without_a_miss_follows_the_rule_of_three():
    assert share_lower_limit(300, 300, 0.95) == pytest.approx(0.05 ** (1 / 300))
    assert share_lower_limit(0, 10, 0.95) == 0.0


def test_quantile_of_the_coverage_distribution_is_scipys():
    assert coverage_distribution(100, 0.95).quantile(0.1) == pytest.approx(stats.beta(96, 5).ppf(0.1))


@pytest.mark.parametrize(("n", "audited"), [(30, 50), (100, 200), (400, 10)])
def test_the_expected_share_of_an_audit_is_scipys_beta_binomial(n, audited):
    distribution = coverage_distribution(n, 0.95)
    exact = stats.betabinom(audited, distribution.a, distribution.b).ppf([0.025, 0.975]) / audited
    assert expected_share(n, audited, 0.95) == pytest.approx(tuple(exact))


def test_a_right_claim_is_in_the_expected_range_and_often_outside_the_binomial_one():
    """The figure of one audit in four quoted by ``expected_share``, by simulation."""
    generator = np.random.default_rng(11)
    expected = binomial = 0
    lower, upper = expected_share(100, 200, 0.95)
    for _ in range(2000):
        quantile = conformal_quantile(generator.random(100), 0.95)
        covered = int(np.sum(generator.random(200) <= quantile))
        expected += lower <= covered / 200 <= upper
        low, high = binomial_interval(covered, 200)
        binomial += low <= 0.95 <= high
    assert expected / 2000 > 0.94
    assert 0.70 < binomial / 2000 < 0.82
