"""Numbers that a report derives from its data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.reports.content import HeldOut, HeldOutOutput, Output
from locum.reports.summaries import (
    cell_quantiles,
    coverage_curve,
    expected_coverage,
    influence,
    observed_coverage,
    silent_misses,
)

OUTPUT = Output("T", "field", tolerance=0.1)


def held_out(errors: list[float], figures: list[float], in_domain: list[bool] | None = None) -> HeldOut:
    n = len(errors)
    entry = HeldOutOutput(np.array(errors), np.array(figures), np.ones(n))
    return HeldOut(
        "audit", {"T": entry}, np.ones(n, dtype=bool) if in_domain is None else np.array(in_domain)
    )


def test_coverage_counts_errors_up_to_their_figure() -> None:
    observed = observed_coverage(held_out([0.1, 0.2, 0.3, 0.4], [0.1, 0.3, 0.2, np.inf]), OUTPUT)
    assert (observed.covered, observed.n, observed.share) == (3, 4, 0.75)
    assert observed.lower < 0.75 < observed.upper


def test_silent_misses_are_over_tolerance_though_marked_within() -> None:
    group = held_out([0.2, 0.05, 0.2, 0.2], [0.09, 0.09, 0.3, 0.09], [True, True, True, False])
    assert silent_misses(group, [OUTPUT]) == (1, 2)


def test_an_error_that_is_not_a_number_is_a_miss() -> None:
    assert silent_misses(held_out([np.nan], [0.01]), [OUTPUT]) == (1, 1)


def test_too_few_simulations_have_no_expected_coverage() -> None:
    assert expected_coverage(0.95, 18) is None
    assert expected_coverage(0.95, 19) is not None


@given(st.integers(20, 400), st.floats(0.5, 0.95))
@settings(max_examples=40)
def test_expected_coverage_surrounds_the_claim(n: int, level: float) -> None:
    low, high = expected_coverage(level, n) or (0.0, 1.0)
    assert 0 <= low < level + 1 / n and level < high <= 1


@given(st.integers(2, 80), st.integers(1, 80), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_coverage_curves_never_fall(n: int, m: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    curve = coverage_curve(generator.random(n), generator.random(m))
    assert (np.diff(curve.observed) >= 0).all()
    assert ((curve.lower <= curve.upper) & (curve.levels > 0) & (curve.levels < 1)).all()


def test_exchangeable_scores_stay_within_what_chance_allows() -> None:
    generator = np.random.default_rng(0)
    outside = 0.0
    for _ in range(200):
        curve = coverage_curve(generator.exponential(size=39), generator.exponential(size=100))
        at = int(np.argmin(np.abs(curve.levels - 0.9)))
        outside += not curve.lower[at] <= curve.observed[at] <= curve.upper[at]
    assert outside / 200 <= 0.09


def test_larger_scores_in_the_audit_are_seen_as_lost_coverage() -> None:
    generator = np.random.default_rng(0)
    curve = coverage_curve(generator.exponential(size=60), 3 * generator.exponential(size=200))
    assert (curve.observed < curve.lower).mean() > 0.8


def test_influence_finds_the_parameter_that_matters() -> None:
    x = np.random.default_rng(0).random((4000, 3))
    shares = influence(x, np.exp(2 * x[:, 1]))
    assert shares[1] == pytest.approx(1.0, abs=0.02)
    assert shares[[0, 2]].max() < 0.02


def test_nothing_influences_a_constant() -> None:
    assert influence(np.random.default_rng(0).random((50, 2)), np.ones(50)).tolist() == [0.0, 0.0]


def test_cells_hold_the_quantile_of_their_own_points() -> None:
    grid = cell_quantiles(
        np.array([0.1, 0.1, 1.0]), np.array([0.1, 0.2, 0.9]), np.array([1.0, 3.0, 7.0]), 2, 0.5
    )
    assert grid[0, 0] == 2.0 and grid[1, 1] == 7.0
    assert np.isnan(grid[[0, 1], [1, 0]]).all()
