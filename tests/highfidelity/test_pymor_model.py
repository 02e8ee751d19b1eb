"""pyMOR's own thermal block, steady and in time, brought in."""

from __future__ import annotations

import numpy as np
import pytest
from pymor import basic
from pymor.models.examples import heat_equation_example
from pymor.parameters.functionals import ProductParameterFunctional

from locum.adaptivity.pod_greedy import pod_greedy
from locum.exceptions import ModelError
from locum.highfidelity import HasAffineOperators, HasTimeStepping, check_capabilities
from locum.highfidelity.pymor_model import PymorEvolution, PymorModel
from locum.parameters import Parameter, ParameterSpace
from locum.parameters.expressions import Expressions
from locum.reduction import InnerProduct
from locum.reduction.evolution import evolution, evolution_model
from locum.reduction.projection import Projection
from locum.reduction.stability import MinTheta
from locum.reduction.transient import trapezoid_weights
from locum.surrogates.projection_training import affine_problem

SPACE = ParameterSpace(tuple(Parameter(f"diffusion_{k}", 0.1, 1.0, scale="log") for k in range(4)))


@pytest.fixture(scope="module")
def stationary():
    basic.set_log_levels({"pymor": "ERROR"})
    fom, data = basic.discretize_stationary_cg(basic.thermal_block_problem((2, 2)), diameter=1 / 12)
    return PymorModel(fom, SPACE, "1", data["grid"].centers(2))


@pytest.fixture(scope="module")
def instationary():
    basic.set_log_levels({"pymor": "ERROR"})
    problem = basic.InstationaryProblem(
        basic.thermal_block_problem((2, 2)), initial_data=basic.ConstantFunction(0.0, 2), T=0.5
    )
    fom, data = basic.discretize_instationary_cg(problem, diameter=1 / 8, nt=10)
    return PymorEvolution(fom, SPACE, "1", data["grid"].centers(2))


def test_it_keeps_its_promises(stationary, instationary):
    assert isinstance(stationary, HasAffineOperators)
    assert not isinstance(stationary, HasTimeStepping)
    assert isinstance(instationary, HasTimeStepping)
    check_capabilities(stationary)
    check_capabilities(instationary)


def test_it_is_projected_like_any_model_and_agrees_with_pymor(stationary):
    problem = affine_problem(stationary)
    assert isinstance(problem.stability, MinTheta)
    values = SPACE.sample(30, np.random.default_rng(0))
    snapshots = problem.system.solve(*problem.coefficients(values[:12]))
    projection = Projection.start(problem.system).extended(snapshots)
    solution = problem.model(projection).solve(values)
    for row, value in enumerate(values):
        truth = stationary.simulate(dict(zip(SPACE.names, value, strict=True)))["solution"].values[
            problem.free
        ]
        error = problem.system.inner_product.norms(
            (truth - projection.expand(solution.coordinates)[row])[None]
        )
        assert error[0] <= solution.absolute[row] + 1e-12


def test_the_parabolic_problem_is_reduced_with_a_bound(instationary):
    model = instationary
    free = model.free_nodes()
    matrices, vectors = model.affine_operators()
    product = InnerProduct(model.inner_product("solution")[free][:, free])
    evolved = evolution(
        matrices,
        np.stack(vectors),
        model.mass_matrix(),
        product,
        model.initial_value(),
        model.time_grid(),
        1.0,
    )

    def simulate(value):
        return model.simulate(dict(zip(SPACE.names, value.tolist(), strict=True)))["solution"].values[:, free]

    stability = MinTheta(np.ones(4))
    training = SPACE.sample(100, np.random.default_rng(0))
    result = pod_greedy(
        evolved, model.affine_coefficients, stability, training, simulate, tolerance=5e-2, budget=20
    )
    reduced = evolution_model(evolved, result.projection, model.affine_coefficients, stability)
    for value in SPACE.sample(10, np.random.default_rng(1)):
        solution = reduced.evolve(value[None])
        errors = simulate(value) - solution.coordinates[0] @ result.projection.basis
        total = np.sqrt(trapezoid_weights(evolved.times) @ product.norms(errors) ** 2)
        assert total <= solution.absolute[0]


@pytest.fixture(scope="module")
def example():
    return heat_equation_example(grid_intervals=6, nt=5)


HEATED = ParameterSpace((Parameter("top", 1.0, 100.0, scale="log"),))


def brought_in(example, **changes):
    return PymorEvolution(example.with_(**changes), HEATED, "1", example.visualizer.grid.centers(2))


def functional(text, *parameters):
    return basic.ExpressionParameterFunctional(text, dict.fromkeys(parameters, 1))


def with_functional(operator, first):
    return operator.with_(coefficients=(first, *operator.coefficients[1:]))


def test_products_of_functionals_are_brought_in(example):
    """A load that changes with time, with the parameter, and with both."""
    over_time, over_top = functional("sin(3*t[0])", "t"), functional("top[0]**2", "top")
    both = ProductParameterFunctional([over_time, ProductParameterFunctional([over_top, 0.5])])
    model = brought_in(example, rhs=with_functional(example.rhs, both))
    check_capabilities(model)
    assert model.load_factors()[:, 0] == pytest.approx(np.sin(3 * model.time_grid()))
    values = HEATED.sample(5, np.random.default_rng(0))
    assert model.affine_coefficients(values)[1][:, 0] == pytest.approx(0.5 * values[:, 0] ** 2)
    for texts, expected in zip(
        model.coefficient_expressions(), model.affine_coefficients(values), strict=True
    ):
        assert Expressions(HEATED.names, texts)(values) == pytest.approx(expected)


def test_what_depends_on_time_otherwise_is_told(example):
    mixed = functional("sin(t[0]*top[0])", "t", "top")
    with pytest.raises(ModelError, match="of its rhs depends on parameters and time together"):
        brought_in(example, rhs=with_functional(example.rhs, mixed))
    with pytest.raises(ModelError, match="its operator depends on time"):
        brought_in(example, operator=with_functional(example.operator, functional("t[0]", "t")))
    steady = basic.StationaryModel(example.operator, example.rhs, products=example.products)
    timed = ParameterSpace((Parameter("t", 0.0, 1.0), *HEATED.parameters))
    with pytest.raises(ModelError, match="its rhs depends on time; hold it constant"):
        PymorModel(steady, timed, "1", example.visualizer.grid.centers(2))


def test_what_does_not_fit_is_told(stationary):
    wrong = ParameterSpace((Parameter("diffusion", 0.1, 1.0),))
    with pytest.raises(ModelError, match="expected parameters diffusion_0, diffusion_1"):
        PymorModel(stationary.full_order_model, wrong, "1", stationary.points)
    with pytest.raises(ModelError, match="but 3 points"):
        PymorModel(stationary.full_order_model, SPACE, "1", stationary.points[:3])
    with pytest.raises(ModelError, match="unknown product 'energy'"):
        PymorModel(stationary.full_order_model, SPACE, "1", stationary.points, product="energy")
