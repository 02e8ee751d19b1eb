"""A model that only assembles: separated once, kept without code; what it leaves out is in the figures."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import ModelError
from locum.highfidelity import AdvectionDiffusion
from locum.reduction.dual_outputs import dual_output
from locum.reduction.projection import Projection
from locum.surrogates.separated_problem import separated_problem

MODEL = AdvectionDiffusion(cells=12)


class Assembled(AdvectionDiffusion):
    """It does not assemble again."""

    def operators(self, parameters):
        raise AssertionError("assembled again")


class WithoutBound:
    """Its operators and inner product alone: inf-sup constants are computed."""

    name, version, parameters = MODEL.name, "without", MODEL.parameters
    solution_field = MODEL.solution_field
    operators, inner_product, free_nodes = MODEL.operators, MODEL.inner_product, MODEL.free_nodes


class Shrinking(WithoutBound):
    """It loses an unknown where the wind turns far."""

    def operators(self, parameters):
        matrix, load = MODEL.operators(parameters)
        return (matrix, load) if parameters["angle"] < 0.9 else (matrix[1:, 1:], load[1:])


def sample(count, seed):
    return MODEL.parameters.sample(count, np.random.default_rng(seed))


def truth_at(values):
    runs = [MODEL.simulate(dict(zip(MODEL.parameters.names, row, strict=True))) for row in values]
    return np.array([float(run["mean_concentration"]) for run in runs])


@pytest.fixture(scope="module")
def coarse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("separation")
    return separated_problem(MODEL, rtol=1e-2, folder=folder), folder


def test_what_was_separated_is_read_and_not_assembled_again(coarse):
    problem, folder = coarse
    again = separated_problem(Assembled(cells=12), rtol=1e-2, folder=folder)
    values = sample(20, 0)
    for one, other in zip(problem.coefficients(values), again.coefficients(values), strict=True):
        assert (one == other).all()
    assert (problem.system.vectors == again.system.vectors).all()
    assert all(
        abs(one - other).max() == 0
        for one, other in zip(problem.system.matrices, again.system.matrices, strict=True)
    )
    assert again.separation_error == problem.separation_error


@pytest.mark.parametrize("change", ["version", "rtol", "damage"])
def test_what_belongs_to_something_else_or_is_damaged_is_made_anew(coarse, change, tmp_path):
    for path in coarse[1].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if change == "damage":
        (tmp_path / "separation.npz").write_bytes(b"")
    model = Assembled(cells=13 if change == "version" else 12)
    with pytest.raises(ModelError, match="assembled again"):
        separated_problem(model, rtol=3e-3 if change == "rtol" else 1e-2, folder=tmp_path)


def test_the_estimate_of_an_output_holds_what_the_separation_leaves_out(coarse):
    """With exact duals nothing but the separation is left, and without it the figure would be rounding."""
    problem, _ = coarse
    theta, phi = problem.coefficients(sample(60, 1))
    adjoint = problem.system.adjoint(problem.functionals["mean_concentration"])
    primal = Projection.start(problem.system).extended(problem.system.solve(theta, phi))
    dual = Projection.start(adjoint).extended(adjoint.solve(theta, np.ones((60, 1))))
    output = dual_output(primal, dual)
    fresh = sample(100, 2)
    solution, (theta, phi) = problem.model(primal).solve(fresh), problem.coefficients(fresh)
    value, figure = output.evaluate(theta, phi, solution, problem.separation_error)
    errors = np.abs(value - truth_at(fresh))
    without = output.evaluate(theta, phi, solution).figure
    print(problem.separation_error, np.median(errors), np.median(figure), np.median(without))
    assert (errors <= figure).mean() >= 0.95
    assert (errors > without).any(), "the separation error should matter here"


def test_operators_that_change_their_shape_are_told_with_the_parameters():
    with pytest.raises(
        ModelError, match=r"advection_diffusion: operators: the matrix has shape .* at angle = "
    ):
        separated_problem(Shrinking(), rtol=1e-2)


def test_constants_that_the_model_does_not_know_are_computed(coarse):
    problem = separated_problem(WithoutBound(), rtol=1e-2)
    values = sample(20, 3)
    known, found = (each.stability(values, values) for each in (coarse[0], problem))
    assert (found >= 0.98 * known).all() and (found <= 1.5 * known).all()
    assert problem.functionals == {}
