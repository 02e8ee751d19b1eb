"""Numbers as people read them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.reports.wording import (
    as_stated,
    claim_kept,
    date,
    duration,
    error_size,
    percentage,
    significant,
    stated_percentage,
    with_unit,
)

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read(text: str) -> float:
    """What a reader makes of a written number."""
    plain = text.replace("\u202f", "").replace("−", "-")
    mantissa, _, power = plain.partition("×10")
    return float(mantissa) * 10.0 ** int(power.translate(SUPERSCRIPTS) or 0)


@given(st.floats(1e-200, 1e200) | st.floats(-1e200, -1e-200))
def test_three_digits_are_right_to_half_a_percent(value: float) -> None:
    assert read(significant(value)) == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1.0, "1.00"), (1234.5, "1 230"), (0.0123, "0.0123"), (999.6, "1 000"),
     (1.5e-7, "1.50 × 10⁻⁷"),
     (-2.5e9, "−2.50 × 10⁹"), (math.inf, "∞"), (math.nan, "not a number")],
)  # fmt: skip
def test_examples_of_three_digits(value: float, written: str) -> None:
    assert significant(value).replace("\u202f", " ") == written


@given(st.floats(0, 1))
def test_percentages_never_round_to_all_or_nothing(fraction: float) -> None:
    text = percentage(fraction).replace("\u202f", " ")
    if 0 < fraction < 1 - 1e-9:
        assert text not in ("100 %", "0 %")
        assert not re.fullmatch(r"100\.?0* %", text)


def test_percentages_near_all_show_what_is_left() -> None:
    assert percentage(0.99213) == "99.21\u202f%"
    assert percentage(0.999876) == "99.988\u202f%"
    assert percentage(1 - 1e-16) == percentage(1 + 1e-15) == "100\u202f%"


@pytest.mark.parametrize(
    ("value", "written"), [(0.02, "2.00 %"), (51.8, "5 180 %"), (3e-15, "3.00 × 10⁻¹³ %")]
)
def test_a_relative_error_is_a_percentage_whatever_its_size(value: float, written: str) -> None:
    assert error_size(value, relative=True, unit="K").replace("\u202f", " ") == written


def test_what_was_stated_keeps_its_digits() -> None:
    assert stated_percentage(0.95) == "95\u202f%"
    assert stated_percentage(0.0025) == "0.25\u202f%"
    assert as_stated(-12345.5) == "−12\u202f345.5"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(4.2e-5, "42.0 µs"), (0.0123, "12.3 ms"), (1.5, "1.50 s"), (119, "119 s"), (600, "10.0 min"),
     (36000, "10.0 h"),
     (864000, "10.0 days")],
)  # fmt: skip
def test_durations_use_the_unit_that_suits(seconds: float, written: str) -> None:
    assert duration(seconds).replace("\u202f", " ") == written


def test_numbers_without_unit_stand_alone() -> None:
    assert with_unit(2.0, "") == "2.00"


def test_a_date_that_is_none_is_left_alone() -> None:
    assert date("2026-11-20T14:05:00+00:00") == "20 November 2026, 14:05"
    assert date("yesterday") == "yesterday"


@pytest.mark.parametrize(
    ("share", "refuted", "expected", "words"),
    [
        (0.95, False, (0.86, 1.0), "yes"),
        (0.90, True, (0.86, 1.0), "below it, within chance"),
        (0.85, True, (0.86, 1.0), "no: below the claim"),
        (0.90, True, None, "no: below the claim"),
    ],
)
def test_a_claim_is_not_called_broken_where_a_right_one_is_observed(share, refuted, expected, words) -> None:
    assert claim_kept(share, refuted, expected) == words
