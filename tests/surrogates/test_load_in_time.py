"""A load that depends on time: pyMOR's own parabolic example as it stands, brought in and projected."""

from __future__ import annotations

import numpy as np
import pytest
from pymor import basic
from pymor.models.examples import heat_equation_example
from scipy.sparse.linalg import splu

from locum.errors import Tolerance
from locum.exceptions import StorageError
from locum.execution.projecting import project
from locum.highfidelity import (
    FieldDescription,
    HasTimeDependentLoad,
    HeatEquation,
    Mesh,
    check_capabilities,
)
from locum.highfidelity.pymor_model import PymorEvolution
from locum.parameters import Parameter, ParameterSpace
from locum.reduction.evolution import evolution_model
from locum.surrogates import Description, ProjectedEvolution, Saved, load_surrogate, read_saved
from locum.surrogates.evolution_training import evolution_problem

SPACE = ParameterSpace((Parameter("top", 1.0, 100.0, scale="log"),))


@pytest.fixture(scope="module")
def model():
    """Coarse; with 12 steps the sine of the load is seen at many of its values."""
    basic.set_log_levels({"pymor": "ERROR"})
    example = heat_equation_example(grid_intervals=10, nt=12)
    return PymorEvolution(example, SPACE, "1", example.visualizer.grid.centers(2))


@pytest.fixture(scope="module")
def surrogate(model):
    values = SPACE.sample(8, np.random.default_rng(1))
    return project(
        evolution_problem(model),
        described(model),
        values,
        lambda: [trajectories(model, values)],
        {"solution": Tolerance(0.05)},
        0.2,
    )


def described(model):
    mesh, times = Mesh(model.points, unit=""), model.time_grid()
    field = FieldDescription("solution", ("time", "node"), (len(times), mesh.nodes), "")
    return Description(SPACE, {"solution": field}, {}, mesh, times, "")


def trajectories(model, values):
    return np.stack([model.simulate({"top": float(value)})["solution"].values for (value,) in values])


def test_its_trajectory_is_pymors(model):
    """The contract's scheme on what the adapter hands over, and the reduced one on a basis that holds it."""
    assert isinstance(model, HasTimeDependentLoad)
    assert not isinstance(HeatEquation(cells=4), HasTimeDependentLoad)
    check_capabilities(model)
    factors = model.load_factors()
    assert factors[:, 0] == pytest.approx(np.sin(10 * np.pi * model.time_grid()), abs=1e-12)
    assert (factors[:, 1:] == 1.0).all() and np.ptp(factors[:, 0]) > 1.5
    values = np.array([[7.0]])
    (theta,), (phi,) = model.affine_coefficients(values)
    matrices, vectors = model.affine_operators()
    mass = model.mass_matrix() * (model.full_order_model.time_stepper.nt / model.full_order_model.T)
    matrix = mass + sum(factor * part for factor, part in zip(theta, matrices, strict=True))
    solve, states = splu(matrix.tocsc()).solve, [model.initial_value()]
    for loads in (phi * factors)[1:] @ np.stack(vectors):
        states.append(solve(loads + mass @ states[-1]))
    truth = trajectories(model, values)[0][:, model.free_nodes()]
    assert np.abs(states - truth).max() <= 1e-10 * np.abs(truth).max()
    problem = evolution_problem(model)
    projection = problem.evolved.start().extended(truth[1:])
    reduced = evolution_model(problem.evolved, projection, problem.coefficients, problem.stability)
    found = reduced.trajectories(values)[0] @ projection.basis
    assert np.abs(found - truth).max() <= 1e-10 * np.abs(truth).max()


def test_every_answer_lies_within_its_bound(model, surrogate):
    """In the study's norm, at every time, and in the energy of the scheme."""
    assert surrogate.figure_kind == "bound"
    values = SPACE.sample(40, np.random.default_rng(2))
    truth = trajectories(model, values)
    errors = surrogate.field_errors("solution", values, truth)
    bounds = surrogate.field_indicator("solution", values)
    print(surrogate.rank, np.median(errors.total), np.median(bounds / errors.total))
    assert (errors.total <= bounds).all() and np.median(bounds) < 0.05
    found = surrogate.model.evolve(values)
    predicted = surrogate.expand("solution", surrogate.coordinates("solution", values))
    missed = (truth - predicted)[:, :, model.free_nodes()]
    norms = surrogate.basis.inner_product.norms((truth - predicted).reshape(-1, truth.shape[2]))
    norms = norms.reshape(missed.shape[:2])
    summed = np.cumsum(np.diff(model.time_grid()) * norms[:, 1:] ** 2, axis=1)
    in_mass = np.einsum("mkn,mkn->mk", missed, missed @ model.mass_matrix().toarray())
    energy = np.sqrt(in_mass[:, 1:] + found.stability[:, None] * summed)
    rounding = 1e-12 * found.norms[:, None]
    assert (energy <= found.energy[:, 1:] + rounding).all()
    assert (norms <= found.nodal + rounding).all()


def test_loaded_it_answers_the_same_bits(surrogate, tmp_path):
    surrogate.save(tmp_path)
    again = load_surrogate(tmp_path)
    values = SPACE.sample(50, np.random.default_rng(3))
    for one, other in zip(again.solve(values), surrogate.solve(values), strict=True):
        assert (one == other).all()
    assert (again.coordinates("solution", values) == surrogate.coordinates("solution", values)).all()
    saved = read_saved(tmp_path, "surrogate")
    for factors in (np.ones((13, 2)), np.ones((12, 3)), np.full((13, 3), np.nan)):
        with pytest.raises(StorageError, match="cannot be read"):
            ProjectedEvolution.from_saved(
                Saved(saved.kind, saved.content, {**saved.arrays, "steps.load_factors": factors})
            )
