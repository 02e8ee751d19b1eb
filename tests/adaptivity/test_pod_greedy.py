"""The heat equation by POD-greedy: the bound over space and time holds for both schemes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from locum.adaptivity.greedy import GreedyOutcome
from locum.adaptivity.pod_greedy import pod_greedy
from locum.exceptions import ModelError
from locum.highfidelity import HeatEquation
from locum.reduction import InnerProduct
from locum.reduction.evolution import evolution, evolution_model, trajectory_modes
from locum.reduction.projection import Projection
from locum.reduction.stability import MinTheta
from locum.reduction.transient import trapezoid_weights

STABILITY = MinTheta(np.ones(4))


class Heated:
    def __init__(self, implicitness, added=(), stepped_with=None):
        self.model = HeatEquation(cells=16, steps=20, horizon=0.5, implicitness=implicitness)
        self.free = self.model.free_nodes()
        product = InnerProduct(self.model.inner_product("temperature")[self.free][:, self.free])
        matrices, vectors = self.model.affine_operators()
        self.load = vectors[0]
        self.bump = np.zeros(len(self.free))
        self.bump[100] = 1.0
        self.evolved = evolution(
            (*matrices, *added),
            np.stack(vectors),
            self.model.mass_matrix(),
            product,
            self.model.initial_value(),
            self.model.time_grid(),
            stepped_with or implicitness,
            np.stack([vectors[0], self.bump]),
        )
        self.simulated = 0

    def sample(self, count, seed):
        return self.model.parameters.sample(count, np.random.default_rng(seed))

    def simulate(self, value):
        self.simulated += 1
        named = dict(zip(self.model.parameters.names, value.tolist(), strict=True))
        return self.model.simulate(named)["temperature"].values[:, self.free]

    def greedy(self, **options):
        return pod_greedy(
            self.evolved,
            self.model.affine_coefficients,
            STABILITY,
            self.sample(200, 0),
            self.simulate,
            **options,
        )


@pytest.fixture(scope="module")
def heated():
    return Heated(1.0)


@pytest.fixture(scope="module")
def coarse(heated):
    """A projection that leaves a fifth."""
    return heated.greedy(tolerance=0.2, budget=10).projection


@pytest.mark.parametrize("implicitness", [1.0, 0.5])
def test_the_bound_over_space_and_time_is_never_below_the_error(implicitness):
    """In the study's norm, at every time, and in the energy of the scheme."""
    heated = Heated(implicitness)
    result = heated.greedy(tolerance=5e-2, budget=30)
    assert result.outcome is GreedyOutcome.REACHED
    model = evolution_model(heated.evolved, result.projection, heated.model.affine_coefficients, STABILITY)
    fresh = heated.sample(40, 5)
    solution = model.evolve(fresh)
    times = heated.evolved.times
    product, mass = heated.evolved.system.inner_product, heated.evolved.mass
    ratios = []
    for row, value in enumerate(fresh):
        truth = heated.simulate(value)
        errors = truth - solution.coordinates[row] @ result.projection.basis
        between = implicitness * errors[1:] + (1 - implicitness) * errors[:-1]
        squares = np.diff(times) * product.norms(between) ** 2
        in_mass = np.einsum("kn,kn->k", errors, (mass @ errors.T).T)
        alpha = solution.stability[row]
        energy = np.sqrt(in_mass + alpha * np.concatenate([[0.0], np.cumsum(squares)]))
        assert (energy <= solution.energy[row] * (1 + 1e-9) + 1e-14).all()
        assert (product.norms(errors) <= solution.nodal[row] * (1 + 1e-9) + 1e-14).all()
        error, size = (np.sqrt(trapezoid_weights(times) @ product.norms(u) ** 2) for u in (errors, truth))
        ratios.append(solution.absolute[row] / error)
        assert error / size <= solution.relative[row]
    print(
        f"{heated.simulated - 40} solves, rank {result.projection.rank}, effectivity {np.median(ratios):.2f}"
    )
    assert min(ratios) >= 1 - 1e-9
    assert np.median(ratios) <= (4 if implicitness == 1.0 else 20)


@pytest.mark.parametrize("load", [np.ones_like, lambda times: np.sin(10 * np.pi * times)])
@pytest.mark.parametrize("implicitness", [1.0, 0.7, 0.5])
def test_the_bound_holds_for_steps_of_different_lengths(heated, coarse, implicitness, load):
    """Short steps before long ones: the weights of the trapezoidal rule exceed the step that they end."""
    times = np.array([0.0, 0.01, 0.02, 0.03, 0.13, 0.14, 0.3, 0.5])
    factors = load(times)[:, None]
    evolved = replace(heated.evolved, times=times, implicitness=implicitness, load_factors=factors)
    fresh = heated.sample(10, 6)
    model = evolution_model(evolved, coarse, heated.model.affine_coefficients, STABILITY)
    found = model.evolve(fresh)
    for row, value in enumerate(fresh):
        truth = stepped(evolved, value)
        errors = evolved.system.inner_product.norms(truth - found.coordinates[row] @ coarse.basis)
        assert np.sqrt(trapezoid_weights(times) @ errors**2) <= found.absolute[row]
        assert (errors <= found.nodal[row]).all()
        outputs = evolved.functionals @ truth[-1]
        assert (
            np.abs(model.outputs(value[None])[0] - outputs) <= model.solve(value[None]).output_errors
        ).all()


@pytest.mark.parametrize("implicitness", [1.0, 0.5])
def test_outputs_at_the_end_lie_within_their_bounds(implicitness):
    """The mean, whose functional is the load, and the value at one node; with and without duals."""
    heated = Heated(implicitness)
    result = heated.greedy(tolerance=0.1, budget=30)
    model = evolution_model(heated.evolved, result.projection, heated.model.affine_coefficients, STABILITY)
    assert model.symmetric
    fresh = heated.sample(40, 8)
    truth = np.stack([heated.simulate(value)[-1] for value in fresh]) @ heated.evolved.functionals.T
    medians = []
    for each in (model, replace(model, symmetric=False)):
        found = each.solve(fresh)
        errors = np.abs(found.outputs - truth)
        assert (errors <= found.output_errors).all()
        medians.append(np.median(found.output_errors, axis=0))
        print(np.median(errors, axis=0), medians[-1])
    assert (medians[0] <= medians[1]).all() and medians[0][0] < 0.1 * medians[1][0]


def stepped(evolved, value):
    """The scheme itself, on the mesh."""
    *parts, mass = evolved.system.matrices
    matrix = sum(factor * part for factor, part in zip(value, parts, strict=True))
    states, theta = [evolved.initial], evolved.implicitness
    for k, step in enumerate(np.diff(evolved.times)):
        factor = theta * evolved.load_factors[k + 1, 0] + (1 - theta) * evolved.load_factors[k, 0]
        right = factor * evolved.system.vectors[0] + (mass / step - (1 - theta) * matrix) @ states[-1]
        states.append(spsolve((mass / step + theta * matrix).tocsc(), right))
    return np.array(states)


def test_many_are_solved_in_blocks_as_few_are_at_once(heated, coarse, monkeypatch):
    model = evolution_model(heated.evolved, coarse, heated.model.affine_coefficients, STABILITY)
    values = heated.sample(50, 4)
    whole, found = model.evolve(values), model.solve(values)
    directions = model.residual_directions(values)
    monkeypatch.setattr("locum.reduction.reduced_evolution._BLOCK_NUMBERS", 20_000)
    assert len(list(model.blocks(50))) > 5
    again = model.solve(values)
    for one, other in zip(found, again, strict=True):
        assert one == pytest.approx(other, rel=1e-9)
    assert found.outputs == pytest.approx(
        whole.coordinates[:, -1] @ coarse.basis @ np.stack([heated.load, heated.bump]).T, rel=1e-9
    )
    assert model.outputs(values) == pytest.approx(found.outputs, rel=1e-9)
    assert model.residual_directions(values) == pytest.approx(directions, rel=1e-9, abs=1e-12)


def test_the_reduced_steps_are_those_of_the_scheme_on_the_basis():
    """With a basis that holds the trajectory, the reduced one is the same and its residual is rounding."""
    heated = Heated(0.5)
    value = heated.sample(1, 3)[0]
    truth = heated.simulate(value)
    projection = Projection.start(heated.evolved.system).extended(truth[1:])
    model = evolution_model(heated.evolved, projection, heated.model.affine_coefficients, STABILITY)
    solution = model.evolve(value[None])
    assert solution.coordinates[0] @ projection.basis == pytest.approx(truth, abs=1e-8 * np.abs(truth).max())
    assert solution.residual_norms.max() < 1e-8 * model.solve(value[None]).norms.max() * 20


def test_steps_of_different_lengths_are_taken_as_they_are(heated, coarse):
    times = np.array([0.0, 0.025, 0.05, 0.1, 0.2, 0.5])
    model = evolution_model(heated.evolved, coarse, heated.model.affine_coefficients, STABILITY)
    model = replace(model, times=times, load_factors=np.ones((len(times), 1)))
    value = heated.sample(1, 3)
    found = model.trajectories(value)[0]
    matrices, load = coarse.reduced.matrices, coarse.reduced.vectors[0]
    state = np.zeros(coarse.rank)
    for k, step in enumerate(np.diff(times)):
        left = np.einsum("q,qij->ij", value[0], matrices[:-1]) + matrices[-1] / step
        state = np.linalg.solve(left, load + matrices[-1] @ state / step)
        assert found[k + 1] == pytest.approx(state, rel=1e-9, abs=1e-12)


def test_a_start_value_is_the_first_vector_and_a_basis_without_it_is_refused():
    heated = Heated(1.0)
    start = np.sin(np.arange(len(heated.free)))
    evolved = replace(heated.evolved, initial=start)
    model = evolution_model(evolved, evolved.start(), heated.model.affine_coefficients, STABILITY)
    first = model.trajectories(heated.sample(1, 0))[0, 0] @ evolved.start().basis
    assert first == pytest.approx(start)
    with pytest.raises(ModelError, match="must hold its initial value"):
        evolution_model(
            evolved, Projection.start(evolved.system), heated.model.affine_coefficients, STABILITY
        )


def test_a_scheme_that_has_no_bound_is_refused():
    with pytest.raises(ModelError, match=r"between 0\.5 and 1, got 0\.3"):
        Heated(1.0, stepped_with=0.3)
    skewed = sp.random_array((225, 225), density=0.1, rng=np.random.default_rng(0))
    with pytest.raises(ModelError, match="needs symmetric operators"):
        Heated(0.5, added=(skewed,))
    Heated(1.0, added=(skewed,))


def test_what_a_basis_holds_of_a_trajectory_adds_no_mode(heated):
    truth = heated.simulate(heated.sample(1, 3)[0])
    projection, times = heated.evolved.start(), heated.evolved.times
    few, many = (trajectory_modes(projection, truth, times, rtol=rtol) for rtol in (1e-1, 1e-4))
    assert 0 < len(few) < len(many)
    assert not len(trajectory_modes(projection.extended(many), truth, times, rtol=1.1e-4))
    left = truth - heated.evolved.system.inner_product.gram(truth, many) @ many
    weights, norms = trapezoid_weights(times), heated.evolved.system.inner_product.norms
    assert weights @ norms(left) ** 2 <= 1e-8 * (weights @ norms(truth) ** 2)
