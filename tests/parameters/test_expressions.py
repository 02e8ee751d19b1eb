"""Expressions compute numbers and nothing more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import ParameterError
from locum.parameters.expressions import Expressions

NAMES = ("k", "angle")


@given(k=st.floats(0.1, 10), angle=st.floats(-3, 3))
def test_it_computes_what_it_says(k, angle):
    texts = (
        "k",
        "1",
        "-k**2 / 3 + 2*pi",
        "cos(angle) * sin(angle)",
        "min(k, 1) - max(k, 1)",
        "exp(-k) + abs(angle)",
    )
    expected = [
        k,
        1.0,
        -(k**2) / 3 + 2 * np.pi,
        np.cos(angle) * np.sin(angle),
        min(k, 1) - max(k, 1),
        np.exp(-k) + abs(angle),
    ]
    found = Expressions(NAMES, texts)(np.array([[k, angle], [k, angle]]))
    assert found.shape == (2, 6)
    assert found[1] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "k.__class__",
        "(lambda: 1)()",
        "[k for k in (1,)]",
        "open('x')",
        "'a' * 3",
        "k if k else 1",
        "k <",
        "",
        "conductivity",
        "cos(k, angle)",
        "cos(x=k)",
        "k := 2",
        "(" * 300 + "k" + ")" * 300,
        "-" * 2000 + "k",
        "+".join("k" * 900),
        "1" * 400,
        "1e999",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ParameterError, match="expression"):
        Expressions(NAMES, (text,))


def test_what_is_undefined_is_not_a_number():
    assert np.isnan(Expressions(NAMES, ("log(k)",))(np.array([[-1.0, 0.0]]))[0, 0])
