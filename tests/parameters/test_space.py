import json
import math
import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given
from hypothesis import strategies as st

from locum.exceptions import ParameterError
from locum.parameters import (
    LogUniform,
    Normal,
    Parameter,
    ParameterSpace,
    Uniform,
    space_from_dict,
    unknown_name,
)

pd = pytest.importorskip("pandas")

SPACE = ParameterSpace(
    (
        Parameter("load", -1.0, 3.0, "kN"),
        Parameter("film", 1.0, 100.0, "W/(m2 K)", "log"),
        Parameter("length", 0.5, 1.5, "m", distribution=Normal(1.0, 0.1)),
    )
)
ROW = {"load": 1.0, "film": 10.0, "length": 1.2}
finite = st.floats(-1e6, 1e6)


@given(finite, finite, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_unwarp_inverts_warp_on_linear_scales(lower, upper, warped):
    assume(upper - lower > 1e-6 * max(abs(lower), abs(upper), 1e-3))
    space = ParameterSpace((Parameter("a", lower, upper),))
    column = np.array(warped)[:, None]
    assert space.warp(space.unwarp(column)) == pytest.approx(column, abs=1e-8)


@given(st.floats(-12, 12), st.floats(0.01, 12), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_unwarp_inverts_warp_on_log_scales(exponent, decades, warped):
    space = ParameterSpace((Parameter("a", 10.0**exponent, 10.0 ** (exponent + decades), scale="log"),))
    column = np.array(warped)[:, None]
    values = space.unwarp(column)
    assert space.warp(values) == pytest.approx(column, abs=1e-10)
    assert space.inside(values).all()


def test_warp_maps_the_ranges_to_the_unit_cube():
    assert SPACE.warp(np.stack([SPACE.lower, SPACE.upper])) == pytest.approx(np.array([[0.0] * 3, [1.0] * 3]))
    assert SPACE.warp(np.array([1.0, 10.0, 1.0])) == pytest.approx(0.5)


def test_warp_outside_the_range_lies_outside_the_cube_and_nan_stays():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warped = SPACE.warp(np.array([[5.0, 0.0, 2.0], [0.0, -3.0, 0.0], [0.0, math.nan, 1.0]]))
    assert warped[0, 0] > 1
    assert warped[:2, 1].tolist() == [-math.inf, -math.inf]
    assert math.isnan(warped[2, 1])


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 1000))
def test_a_longer_draw_continues_a_shorter_one(n, more, seed):
    shorter = SPACE.sample(n, np.random.default_rng(seed))
    assert (SPACE.sample(n + more, np.random.default_rng(seed))[:n] == shorter).all()
    assert SPACE.inside(shorter).all()


def test_draws_follow_the_distributions():
    draws = SPACE.sample(20_000, np.random.default_rng(0))
    assert np.mean(draws[:, 0]) == pytest.approx(1.0, abs=0.03)
    assert np.mean(draws[:, 1] < 10.0) == pytest.approx(0.5, abs=0.02)
    assert np.std(draws[:, 2]) == pytest.approx(0.1, rel=0.03)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.03


def test_ends_of_the_range_are_inside_up_to_rounding():
    step = np.array([[0.0], [1e-12], [1e-6]])
    assert SPACE.inside(SPACE.upper + step).tolist() == [True, True, False]
    assert SPACE.inside(SPACE.lower - step).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "given",
    [
        ROW,
        {"length": 1.2, "load": 1, "film": np.float32(10.0)},
        {"load": "1", "film": "1e1", "length": "1.2"},
        [ROW],
        {name: [value] for name, value in ROW.items()},
        {name: np.array([value]) for name, value in ROW.items()},
        xr.Dataset({name: ("sample", [value]) for name, value in ROW.items()}),
        xr.Dataset(ROW),
        pd.DataFrame([ROW]),
        [1.0, 10.0, 1.2],
        np.array([[1.0, 10.0, 1.2]]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_whatever_a_user_holds_becomes_one_row_in_column_order(given):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SPACE.matrix(given).tolist() == [[1.0, 10.0, pytest.approx(1.2)]]


def test_one_number_goes_with_every_row_of_the_others():
    rows = SPACE.matrix({"load": [0.0, 1.0, 2.0], "film": 10.0, "length": [1.0, 1.1, 1.2]})
    assert rows[:, 1].tolist() == [10.0, 10.0, 10.0]
    assert rows.shape == (3, 3)


def test_many_rows_of_every_kind_are_the_same():
    rows = [ROW, {**ROW, "load": 2.0}]
    expected = SPACE.matrix(rows)
    assert expected.shape == (2, 3)
    assert (SPACE.matrix(pd.DataFrame(rows)) == expected).all()
    assert (SPACE.matrix({name: [row[name] for row in rows] for name in ROW}) == expected).all()
    assert (SPACE.matrix(expected) == expected).all()


def test_no_rows_are_no_rows():
    assert SPACE.matrix(np.empty((0, 3))).shape == (0, 3)
    assert SPACE.matrix({"load": [], "film": [], "length": 1.0}).shape == (0, 3)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({**ROW, "lenght": 1}, "parameter 'lenght' is unknown; did you mean 'length'?"),
        ({"load": 1, "film": 2}, "parameter 'length' is missing; expected load, film, length"),
        ({**ROW, "film": math.nan}, "parameter 'film': expected a finite number, got nan"),
        ({**ROW, "film": [1.0, math.inf]}, "parameter 'film' (row 1): expected a finite number, got inf"),
        ({**ROW, "film": "ten"}, "parameter 'film': expected a number, got 'ten'"),
        ({**ROW, "film": None}, "parameter 'film': expected a finite number"),
        (
            {**ROW, "film": [1, 2], "load": [1, 2, 3]},
            "equally long lists, got lengths load: 3, film: 2, length: 1",
        ),
        ([1.0, 2.0], "expected 3 columns (load, film, length), got an array of shape (2,)"),
        (np.zeros((2, 2, 3)), "got an array of shape (2, 2, 3)"),
        ("load", "parameters: expected a mapping of load, film, length to numbers, got str"),
        (xr.Dataset({"load": 1.0, "film": 1.0, "lenght": 1.0}), "did you mean 'length'?"),
        (xr.Dataset({"load": ("a", [1.0, 2.0]), "film": ("b", [1.0, 2.0]), "length": 1.0}), "a and b"),
        (pd.DataFrame({"load": [1.0], "film": [1.0]}), "parameter 'length' is missing"),
        ([ROW, {"load": 1}], "is missing"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused_in_one_sentence(given, sentence):
    with pytest.raises(ParameterError) as error:
        SPACE.matrix(given)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a b", 0, 1), "the name must be letters, digits and underscores"),
        (("1a", 0, 1), "the name must be letters"),
        (("a", 1, 0), "range [1, 0] is reversed or empty; write [lower, upper]"),
        (("a", 1, 1), "range [1, 1] is reversed or empty"),
        (("a", 0, math.inf), "must be two finite numbers"),
        (("a", math.nan, 1), "must be two finite numbers"),
        (("a", 0, 1, "", "log"), "goes through zero, which a log scale cannot"),
        (("a", -1, 1, "", "linear", LogUniform()), "a log-uniform distribution needs a positive range"),
        (("a", 0, 1, "", "linear", Normal(50, 1)), "more than 30 standard deviations from the mean 50"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_by_name(arguments, sentence):
    with pytest.raises(ParameterError) as error:
        Parameter(*arguments)
    assert str(error.value).startswith(f"parameter {arguments[0]!r}: ")
    assert sentence in str(error.value)


def test_a_space_needs_parameters_with_distinct_names():
    with pytest.raises(ParameterError, match="at least one parameter"):
        ParameterSpace(())
    with pytest.raises(ParameterError, match="a appears twice"):
        ParameterSpace((Parameter("a", 0, 1), Parameter("a", 0, 2)))


def test_the_scale_implies_the_distribution():
    assert Parameter("a", 1, 2).density == Uniform()
    assert Parameter("a", 1, 2, scale="log").density == LogUniform()
    assert Parameter("a", 1, 2, scale="log", distribution=Uniform()).density == Uniform()


def test_a_space_survives_json():
    assert space_from_dict(json.loads(json.dumps(SPACE.to_dict(), allow_nan=False))) == SPACE


@given(st.text(min_size=1, max_size=8), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_an_unknown_name_always_gets_a_hint(name, known):
    sentence = unknown_name("parameter", name, known)
    assert "did you mean" in sentence or "expected one of" in sentence
