"""Which constant is proved of affine operators: the one that says most, and none where none is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import eigvalsh

from locum.exceptions import ModelError
from locum.parameters import Parameter, ParameterSpace
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.stability import MinTheta
from locum.reduction.stability_saved import stability_from_saved, stability_to_saved
from locum.surrogates.projection_training import proved_constant

SIZE = 60


def tridiagonal(below, diagonal, above):
    diagonals = [np.full(SIZE - abs(k), value) for k, value in ((-1, below), (0, diagonal), (1, above))]
    return sp.diags_array(diagonals, offsets=[-1, 0, 1]).tocsr()


DIFFUSION = tridiagonal(-1.0, 2.0, -1.0) * (SIZE + 1)
FLOW = tridiagonal(-0.5, 0.0, 0.5)
DECAY = tridiagonal(1.0, 4.0, 1.0) / (6 * (SIZE + 1))
SYSTEM = AffineSystem((DIFFUSION, FLOW, DECAY), np.ones((1, SIZE)), InnerProduct(DIFFUSION))


def space(least_decay):
    ranges = {"diffusion": (0.1, 1.0), "flow": (-5.0, 5.0), "decay": (least_decay, 10.0)}
    return ParameterSpace(tuple(Parameter(name, *ends) for name, ends in ranges.items()))


def coefficients(values):
    return values, np.ones((len(values), 1))


def true_constants(theta):
    found = (SYSTEM.assembled(row, np.ones(1))[0].toarray() for row in theta)
    return np.array([eigvalsh((each + each.T) / 2, DIFFUSION.toarray())[0] for each in found])


def test_flow_and_a_decay_that_may_vanish_take_nothing_from_the_bound():
    constant = proved_constant(SYSTEM, coefficients, space(0.0))
    assert isinstance(constant, MinTheta) and constant.proved
    assert constant.parts == (0,) and constant.helping == (2,)
    values = space(0.0).sample(20, np.random.default_rng(1))
    bounds, truth = constant(values, values), true_constants(values)
    assert (bounds <= truth).all() and (bounds >= 0.99 * truth).all()
    growing = values * [1.0, 1.0, -1.0]
    assert not constant(growing, growing).any()
    content, arrays = stability_to_saved(constant)
    assert (stability_from_saved(content, arrays)(growing, growing) == 0).all()


def test_a_coefficient_that_is_not_finite_is_told():
    def undefined(values):
        return np.where(values > 9.0, np.nan, values), np.ones((len(values), 1))

    with pytest.raises(ModelError, match=r"a coefficient theta is not finite at \["):
        proved_constant(SYSTEM, undefined, space(0.0))
