import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from locum.parameters import LogUniform, Normal, Uniform
from locum.study.values import AutoCount, AutoPair, Count, DistributionValue, Fraction, Positive, Seconds


def read(kind, value):
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90 s", 90),
        ("90s", 90),
        ("20min", 1200),
        ("2 h", 7200),
        ("1h30min", 5400),
        ("1 hour 30 minutes", 5400),
        ("2 days", 172_800),
        ("250 ms", 0.25),
        ("1.5 h", 5400),
        (45, 45),
        (0.5, 0.5),
    ],
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert read(Seconds, text) == pytest.approx(seconds)


@given(st.integers(1, 10_000), st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("days", 86_400)]))
def test_a_duration_in_any_unit_is_its_number_of_seconds(number, unit):
    assert read(Seconds, f"{number} {unit[0]}") == number * unit[1]


@pytest.mark.parametrize(
    "text", ["", "soon", "20 parsecs", "h", "-5 s", 0, -1, math.inf, True, "5", None, [3]]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValidationError, match="expected a duration such as '90 s'"):
        read(Seconds, text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Positive, 0),
        (Positive, -1.0),
        (Positive, "1"),
        (Positive, True),
        (Positive, math.nan),
        (Positive, math.inf),
        (Positive, 10**400),
        (Fraction, 0.0),
        (Fraction, 1.0),
        (Fraction, 95),
        (Count, 0),
        (Count, 1.5),
        (Count, "auto"),
        (Count, "3"),
        (AutoCount, 0),
        (AutoCount, "all"),
        (AutoPair, 1),
    ],
)
def test_numbers_out_of_range_or_of_another_type_are_refused(kind, value):
    with pytest.raises(ValidationError, match=r"expected a .*number"):
        read(kind, value)


def test_auto_is_none_and_is_written_as_auto():
    adapter = TypeAdapter(AutoCount)
    assert adapter.validate_python("auto") is None
    assert adapter.validate_python(3) == 3
    assert adapter.dump_python(None) == "auto"


def test_a_whole_number_may_be_written_as_a_float():
    assert read(Count, 200.0) == 200


@pytest.mark.parametrize(
    ("value", "distribution"),
    [
        ("uniform", Uniform()),
        ("log-uniform", LogUniform()),
        ({"kind": "uniform"}, Uniform()),
        ({"kind": "normal", "mean": 3, "standard_deviation": 0.5}, Normal(3, 0.5)),
    ],
)
def test_distributions_are_read_and_written(value, distribution):
    adapter = TypeAdapter(DistributionValue)
    assert adapter.validate_python(value) == distribution
    assert adapter.validate_python(adapter.dump_python(distribution)) == distribution


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("triangular", "'triangular' is unknown"),
        ({"mean": 3}, "expected uniform, log-uniform or"),
        ({"kind": "normal", "mean": 3}, "expected mean and standard_deviation, got mean"),
        ({"kind": "uniform", "mean": 3}, "expected no further keys, got mean"),
        ({"kind": "normal", "mean": 3, "standard_deviation": -1}, "a positive standard_deviation"),
        ({"kind": "normal", "mean": "x", "standard_deviation": 1}, "expected a number for mean"),
        (7, "expected uniform, log-uniform or"),
    ],
)
def test_distributions_that_make_no_sense_are_refused(value, message):
    with pytest.raises(ValidationError, match=message):
        read(DistributionValue, value)
