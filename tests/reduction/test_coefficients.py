"""Coefficients without code: exact as expressions, spectrally close as polynomials."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import FitError, StorageError
from locum.parameters import Parameter, ParameterSpace
from locum.parameters.expressions import Expressions
from locum.reduction.coefficients import (
    CoefficientExpressions,
    coefficients_from_saved,
    coefficients_to_saved,
    polynomial_coefficients,
)

SPACE = ParameterSpace((Parameter("k", 0.1, 10.0, scale="log"), Parameter("angle", 0.0, 1.5)))


def smooth(values):
    k, angle = values.T
    return np.stack([k, np.cos(angle) * k**0.5], axis=1), np.exp(-np.sin(angle) / (1 + k))[:, None]


def sample(count):
    return SPACE.sample(count, np.random.default_rng(1))


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
def test_a_smooth_function_is_met_at_the_tolerance(rtol):
    found = polynomial_coefficients(smooth, SPACE, rtol=rtol)
    values = sample(200)
    for one, other in zip(found(values), smooth(values), strict=True):
        assert np.abs(one - other).max() <= 3 * rtol * 10.0
    theta, phi = found(values[:1])
    assert theta.shape == (1, 2)
    assert phi.shape == (1, 1)


def test_polynomials_in_the_warped_parameters_are_exact():
    def cubic(values):
        x, y = SPACE.warp(values).T
        return (x**3 * y)[:, None], (1 - y**2)[:, None]

    found = polynomial_coefficients(cubic, SPACE, rtol=1e-12)
    assert found.degrees.sum(axis=1).max() == 4
    assert found(sample(50))[0] == pytest.approx(cubic(sample(50))[0], abs=1e-13)


def test_too_many_parameters_are_told():
    space = ParameterSpace(tuple(Parameter(f"k{j}", 0.0, 1.0) for j in range(44)))
    with pytest.raises(FitError, match="44 parameters takes more than 1000 terms"):
        polynomial_coefficients(lambda v: (v, v), space, rtol=1e-3)


def test_the_saved_form_answers_the_same_bits():
    expressions = CoefficientExpressions(
        Expressions(SPACE.names, ("k", "cos(angle)")), Expressions(SPACE.names, ("1",))
    )
    for coefficients in (expressions, polynomial_coefficients(smooth, SPACE, rtol=1e-3)):
        again = coefficients_from_saved(*coefficients_to_saved(coefficients))
        for one, other in zip(again(sample(20)), coefficients(sample(20)), strict=True):
            assert (one == other).all()
    with pytest.raises(StorageError, match="never saved"):
        coefficients_to_saved(smooth)
    for content in (
        {"kind": "code"},
        {"kind": "expressions", "names": ["k"], "theta": ["import os"], "phi": []},
    ):
        with pytest.raises(StorageError, match="cannot be read"):
            coefficients_from_saved(content, {})
