"""How far a trend leads: exact laws are found again, and what is no trend is called none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.adaptivity import extrapolated_samples
from locum.adaptivity.power_law import REACH, fitted_power_law

SIZES = [6, 9, 13, 20]


@given(rate=st.floats(0.5, 6.0), constant=st.floats(1e-3, 1e3))
def test_an_exact_law_is_found_again(rate: float, constant: float) -> None:
    law = fitted_power_law(SIZES, [constant * n**-rate for n in SIZES])
    assert law.rate == pytest.approx(rate, rel=1e-6)
    assert law.limit(0.05) == pytest.approx(law.limit(0.95), abs=1e-6)


def test_the_law_reaches_the_tolerance_where_it_says() -> None:
    found = extrapolated_samples([n**-2.0 for n in SIZES], SIZES, 1e-4)
    assert found is not None and (found.samples, found.beyond) == (100, False)
    assert found.rate == pytest.approx(2.0)


def test_nothing_is_said_beyond_the_reach() -> None:
    found = extrapolated_samples([n**-1.0 for n in SIZES], SIZES, 1e-6)
    assert found is not None and (found.samples, found.beyond) == (REACH * 20, True)


def test_an_error_below_the_tolerance_needs_no_more() -> None:
    found = extrapolated_samples([0.5, 0.4, 0.3, 0.2], SIZES, 0.25)
    assert found is not None and (found.samples, found.beyond) == (20, False)


@pytest.mark.parametrize("errors", [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0], [1.0, 0.2, 0.9, 0.5]])
def test_what_does_not_fall_leads_nowhere(errors: list[float]) -> None:
    found = extrapolated_samples(errors, SIZES, 0.01)
    assert found is not None and found.samples is None


def test_two_sizes_are_no_trend() -> None:
    assert extrapolated_samples([1.0, 0.5], [6, 12], 0.01) is None


def test_errors_of_one_rate_are_rarely_called_no_fall() -> None:
    """With noise of 10 % around rate one the fall is seen; with none at all to see it rarely is."""
    generator = np.random.default_rng(0)
    noise = generator.lognormal(0.0, 0.1, (500, len(SIZES)))

    def seen(rate: float) -> float:
        rows = noise * np.array(SIZES) ** -rate
        found = [extrapolated_samples(row.tolist(), SIZES, 1e-3) for row in rows]
        return float(np.mean([each is not None and each.samples is not None for each in found]))

    assert seen(1.0) > 0.95
    assert seen(0.0) < 0.15
