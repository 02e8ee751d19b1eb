"""The Newton corrector: exact for linear equations, asymptotically right for mildly nonlinear ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from locum.errors.newton_corrector import newton_corrected
from locum.exceptions import ModelError
from locum.highfidelity import SelfHeating
from locum.reduction import InnerProduct

MODEL = SelfHeating(cells=60)
PRODUCT = InnerProduct(np.full(61, 1 / 61))


def test_its_effectivity_tends_to_one_as_the_error_falls():
    parameters = {"reaction_rate": 0.8, "activation": 0.35}
    truth = MODEL.simulate(parameters)["temperature"].values
    shape = np.cos(np.linspace(0.0, 1.5, 61))
    deviations = []
    for size in (1e-1, 1e-2, 1e-3, 1e-4):
        found = newton_corrected(MODEL, parameters, truth + size * shape, PRODUCT)
        error = PRODUCT.norms(size * shape[None])[0]
        deviations.append(abs(found.absolute / error - 1.0))
        assert found.relative == pytest.approx(error / PRODUCT.norms(truth[None])[0], rel=0.5)
        assert PRODUCT.norms((found.state - truth)[None])[0] < error
    print(deviations)
    assert deviations[0] < 0.5
    for before, after in pairwise(deviations):
        assert after < 0.2 * before


def test_every_state_between_two_solutions_is_judged_by_its_own_distance():
    """What an interpolation between neighbours would predict, over the parameter space."""
    ratios = []
    for rate in np.linspace(0.3, 1.1, 9):
        low, mid, high = (
            MODEL.simulate({"reaction_rate": r, "activation": 0.38})["temperature"].values
            for r in (rate - 0.03, rate, rate + 0.03)
        )
        guess = 0.5 * (low + high)
        found = newton_corrected(MODEL, {"reaction_rate": rate, "activation": 0.38}, guess, PRODUCT)
        ratios.append(found.absolute / PRODUCT.norms((guess - mid)[None])[0])
    assert np.abs(np.array(ratios) - 1.0).max() < 0.1


def test_a_singular_jacobian_is_told():
    class Flat:
        solution_field = "u"

        def free_nodes(self):
            return np.arange(2)

        def residual(self, state, parameters):
            return state

        def jacobian(self, state, parameters):
            return sp.csr_array((2, 2))

    with pytest.raises(ModelError, match="singular at the predicted state"):
        newton_corrected(Flat(), {}, np.ones(2), InnerProduct())
