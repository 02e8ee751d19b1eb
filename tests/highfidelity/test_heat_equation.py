"""The heat equation: decays to the thermal block, converges in time at its order."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import ModelError
from locum.highfidelity import HasTimeStepping, HeatEquation, ThermalBlock, check_capabilities

VALUES = {"conductivity_11": 0.2, "conductivity_12": 1.0, "conductivity_21": 0.5, "conductivity_22": 0.1}


@pytest.mark.parametrize("implicitness", [1.0, 0.5])
def test_it_keeps_its_promises(implicitness):
    model = HeatEquation(cells=12, steps=5, implicitness=implicitness)
    assert isinstance(model, HasTimeStepping)
    assert not isinstance(ThermalBlock(cells=12), HasTimeStepping)
    check_capabilities(model)


def test_it_ends_in_the_steady_state():
    steady = ThermalBlock(cells=12).simulate(VALUES)["temperature"].values
    field = HeatEquation(cells=12, steps=50, horizon=100.0).simulate(VALUES)["temperature"].values
    assert field[0].max() == 0.0
    assert field[-1] == pytest.approx(steady, abs=1e-8)


@pytest.mark.parametrize(("implicitness", "order"), [(1.0, 1.0), (0.5, 2.0)])
def test_it_converges_in_time_at_its_order(implicitness, order):
    """Against a solution with many small steps of the same mesh."""

    def final(steps, theta=implicitness):
        model = HeatEquation(cells=12, steps=steps, horizon=0.5, implicitness=theta)
        return model.simulate(VALUES)["temperature"].values[-1]

    fine = final(1280, 0.5)
    errors = np.array([np.abs(final(steps) - fine).max() for steps in (20, 40, 80)])
    orders = np.log2(errors[:-1] / errors[1:])
    print(errors, orders)
    assert orders[-1] == pytest.approx(order, abs=0.15)


def test_options_that_do_not_fit_are_refused():
    for options in ({"steps": 0}, {"horizon": 0.0}, {"implicitness": 0.7}, {"blocks": 0}):
        with pytest.raises(ModelError, match=r"heat_equation|thermal_block"):
            HeatEquation(**options)


class Cancelled(HeatEquation):
    """Its operators cancel its mass: no step can be solved."""

    def affine_operators(self):
        _, vectors = super().affine_operators()
        return (-self.mass_matrix() * self.steps / self.horizon,), vectors

    def affine_coefficients(self, parameters):
        return np.ones((len(parameters), 1)), np.ones((len(parameters), 1))

    def coefficient_expressions(self):
        return ("1",), ("1",)


class Sparse(HeatEquation):
    """It saves only some of the times of its steps."""

    def simulate(self, parameters):
        return super().simulate(parameters).isel(time=slice(0, None, 2))


def test_steps_that_are_not_those_of_the_simulation_are_told():
    check_capabilities(HeatEquation(cells=4, steps=4))
    outside = HeatEquation(cells=4, steps=4)
    object.__setattr__(outside, "implicitness", 0.25)
    for model, sentence in (
        (outside, "implicitness must lie between 0.5 and 1, got 0.25"),
        (Cancelled(cells=4, steps=4), "time step 1: the matrix is singular"),
        (Sparse(cells=4, steps=4), "saved at all times of time_grid"),
    ):
        with pytest.raises(ModelError, match=sentence):
            check_capabilities(model)
