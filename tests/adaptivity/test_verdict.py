import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from locum.adaptivity import Spread, Verdict, assess, relative_to_tolerance
from locum.errors.conformal import share_lower_limit

everywhere = np.ones(1000, dtype=bool)
positive = arrays(np.float64, 50, elements=st.floats(0, 10))


def test_share_counts_points_with_every_output_below_tolerance_inside_the_domain():
    figures = {"field": np.full(1000, 0.5), "number": np.full(1000, 0.5)}
    figures["field"][:100] = 2.0
    figures["number"][50:150] = 2.0
    domain = everywhere.copy()
    domain[140:200] = False
    verdict = assess(figures, {"field": 1.0, "number": 1.0}, domain)
    assert verdict.share == pytest.approx(0.8)
    assert verdict.outside == pytest.approx(0.06)
    assert verdict.outputs["field"].share == pytest.approx(0.84)
    assert not verdict.within


def test_share_lower_is_the_exact_binomial_limit():
    figures = np.zeros(20_000)
    figures[:150] = 2.0
    verdict = assess({"field": figures}, {"field": 1.0}, np.ones(20_000, dtype=bool))
    assert verdict.share_lower == share_lower_limit(19_850, 20_000, 0.95)
    assert verdict.within
    # P(at least 19,850 of 20,000 | share_lower) is what the confidence leaves
    p = 1 - verdict.share_lower
    terms = [math.lgamma(20_001) - math.lgamma(k + 1) - math.lgamma(20_001 - k) for k in range(151)]
    tail = sum(math.exp(t + k * math.log(p) + (20_000 - k) * math.log1p(-p)) for k, t in enumerate(terms))
    assert tail == pytest.approx(0.05, rel=1e-6)


def test_a_share_that_is_just_met_is_not_proved():
    figures = np.zeros(20_000)
    figures[:200] = 2.0
    assert not assess({"field": figures}, {"field": 1.0}, np.ones(20_000, dtype=bool)).within


@given(positive, positive)
def test_larger_figures_never_raise_the_share(figures, more):
    domain = np.ones(50, dtype=bool)
    before = assess({"field": figures}, {"field": 3.0}, domain)
    after = assess({"field": figures + more}, {"field": 3.0}, domain)
    assert after.share <= before.share
    assert after.share_lower <= before.share_lower
    assert after.level >= before.level


@given(positive, st.floats(0.1, 5), st.floats(1, 3))
def test_a_larger_tolerance_never_lowers_the_share(figures, tolerance, factor):
    domain = np.ones(50, dtype=bool)
    assert (
        assess({"field": figures}, {"field": factor * tolerance}, domain).share
        >= assess({"field": figures}, {"field": tolerance}, domain).share
    )


def test_outputs_without_tolerance_do_not_decide():
    figures = {"field": np.full(1000, 0.5), "number": np.full(1000, np.inf)}
    assert assess(figures, {"field": 1.0}, everywhere).within
    assert assess(figures, {"field": 1.0, "number": math.inf}, everywhere).within
    assert not assess(figures, {"field": 1.0, "number": 1e9}, everywhere).within


def test_a_figure_that_is_not_a_number_is_over_tolerance():
    ratio = relative_to_tolerance({"field": np.array([np.nan, 0.5])}, {"field": 1.0})
    assert ratio.tolist() == [math.inf, 0.5]


@given(st.integers(1, 1000), st.floats(0.5, 0.995), st.floats(0.5, 0.99))
def test_tolerances_as_large_as_the_level_are_just_met(points, share, confidence):
    figures, inside = np.arange(1.0, points + 1), np.ones(points, dtype=bool)
    level = assess({"field": figures}, {"field": 1.0}, inside, share=share, confidence=confidence).level
    met, missed = (
        assess({"field": figures}, {"field": tolerance}, inside, share=share, confidence=confidence)
        for tolerance in (level, level - 0.5)
    )
    provable = share_lower_limit(points, points, confidence) >= share
    assert (met.within, missed.within) == (provable, False)


@pytest.mark.parametrize("figure", [0.5, math.inf])
def test_verdict_survives_json(figure):
    verdict = assess({"field": np.full(1000, figure)}, {"field": 1.0}, everywhere)
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict(), allow_nan=False))) == verdict


def test_spread_is_made_of_values_that_occur():
    values = np.array([1.0, 2.0, 3.0, 10.0])
    assert Spread.of(values) == Spread(3.0, 10.0, 10.0)
