"""The heat equation by POD-greedy: the bound over space and time holds for both schemes."""

from __future__ import annotations

import numpy as np
import pytest

from locum.adaptivity.greedy import GreedyOutcome
from locum.adaptivity.pod_greedy import pod_greedy
from locum.highfidelity import HeatEquation
from locum.reduction import InnerProduct
from locum.reduction.evolution import evolution, evolution_model
from locum.reduction.projection import Projection
from locum.reduction.stability import MinTheta

STABILITY = MinTheta(np.ones(4))


class Heated:
    def __init__(self, implicitness, initial=None):
        self.model = HeatEquation(cells=16, steps=20, horizon=0.5, implicitness=implicitness)
        self.free = self.model.free_nodes()
        product = InnerProduct(self.model.inner_product("temperature")[self.free][:, self.free])
        matrices, vectors = self.model.affine_operators()
        self.evolved = evolution(
            matrices,
            np.stack(vectors),
            self.model.mass_matrix(),
            product,
            self.model.initial_value(),
            self.model.time_grid(),
            implicitness,
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


@pytest.mark.parametrize("implicitness", [1.0, 0.5])
def test_the_bound_over_space_and_time_is_never_below_the_error(implicitness):
    heated = Heated(implicitness)
    result = heated.greedy(tolerance=2e-2, budget=30)
    assert result.outcome is GreedyOutcome.REACHED
    model = evolution_model(heated.evolved, result.projection, heated.model.affine_coefficients, STABILITY)
    fresh = heated.sample(40, 5)
    solution = model.solve(fresh)
    steps = np.diff(heated.evolved.times)
    product, mass = heated.evolved.system.inner_product, heated.evolved.mass
    ratios = []
    for row, value in enumerate(fresh):
        truth = heated.simulate(value)
        errors = truth - solution.coordinates[row] @ result.projection.basis
        between = implicitness * errors[1:] + (1 - implicitness) * errors[:-1]
        squares = steps * product.norms(between) ** 2
        in_mass = np.einsum("kn,kn->k", errors, (mass @ errors.T).T)
        alpha = solution.stability[row]
        energy = np.sqrt(in_mass + alpha * np.concatenate([[0.0], np.cumsum(squares)]))
        assert (energy <= solution.energy[row] * (1 + 1e-9) + 1e-14).all()
        error = np.sqrt(squares.sum())
        ratios.append(solution.absolute[row] / error)
        size = implicitness * truth[1:] + (1 - implicitness) * truth[:-1]
        assert error / np.sqrt(steps @ product.norms(size) ** 2) <= solution.relative[row]
    print(
        f"{heated.simulated - 40} solves, rank {result.projection.rank}, effectivity {np.median(ratios):.2f}"
    )
    assert min(ratios) >= 1 - 1e-9
    assert np.median(ratios) <= 4


def test_the_reduced_steps_are_those_of_the_scheme_on_the_basis():
    """With a basis that holds the trajectory, the reduced one is the same and its residual is rounding."""
    heated = Heated(0.5)
    value = heated.sample(1, 3)[0]
    truth = heated.simulate(value)
    projection = Projection.start(heated.evolved.system).extended(truth[1:])
    model = evolution_model(heated.evolved, projection, heated.model.affine_coefficients, STABILITY)
    solution = model.solve(value[None])
    assert solution.coordinates[0] @ projection.basis == pytest.approx(truth, abs=1e-8 * np.abs(truth).max())
    assert solution.residual_norms.max() < 1e-8 * model.solve(value[None]).norms.max() * 20


def test_steps_of_different_lengths_are_taken_as_they_are():
    heated = Heated(1.0)
    result = heated.greedy(tolerance=1e-1, budget=10)
    times = np.array([0.0, 0.025, 0.05, 0.1, 0.2, 0.5])
    model = evolution_model(heated.evolved, result.projection, heated.model.affine_coefficients, STABILITY)
    object.__setattr__(model, "times", times)
    value = heated.sample(1, 3)
    found = model.solve(value).coordinates[0]
    matrices, load = result.projection.reduced.matrices, result.projection.reduced.vectors[0]
    state = np.zeros(result.projection.rank)
    for k, step in enumerate(np.diff(times)):
        left = np.einsum("q,qij->ij", value[0], matrices[:-1]) + matrices[-1] / step
        state = np.linalg.solve(left, load + matrices[-1] @ state / step)
        assert found[k + 1] == pytest.approx(state, rel=1e-9, abs=1e-12)


def test_a_start_value_outside_the_basis_is_in_the_bound():
    heated = Heated(1.0)
    start = np.sin(np.arange(len(heated.free)))
    object.__setattr__(heated.evolved, "initial", start)
    assert heated.evolved.initial_error(np.empty((0, len(start)))) == pytest.approx(
        np.sqrt(start @ (heated.evolved.mass @ start))
    )
