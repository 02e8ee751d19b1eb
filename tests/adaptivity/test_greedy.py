"""The weak greedy on the thermal block: how few simulations a bound needs, and that it is a bound."""

from __future__ import annotations

import numpy as np
import pytest

from locum.adaptivity.greedy import (
    GreedyOutcome,
    choose_parameters,
    next_parameters,
    relative_figure,
    weak_greedy,
)
from locum.highfidelity import ThermalBlock
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import CertifiedModel, CertifiedSolution
from locum.reduction.projection import Projection
from locum.reduction.stability import MinTheta


class Block:
    """A thermal block as the greedy sees it: system, constant, training set, simulations that are counted."""

    def __init__(self, blocks=2, cells=None, training=1000):
        self.model = ThermalBlock(blocks, cells)
        self.free = self.model.free_nodes()
        matrices, vectors = self.model.affine_operators()
        product = self.model.inner_product("temperature")[self.free][:, self.free]
        self.system = AffineSystem(matrices, np.stack(vectors), InnerProduct(product))
        self.stability = MinTheta(np.ones(blocks**2))
        self.training = self.sample(training, seed=0)
        self.simulated = 0

    def sample(self, count, seed):
        return self.model.parameters.sample(count, np.random.default_rng(seed))

    def simulate(self, values):
        self.simulated += len(values)
        names = self.model.parameters.names
        fields = (self.model.simulate(dict(zip(names, row.tolist(), strict=True))) for row in values)
        return np.stack([dataset["temperature"].values[self.free] for dataset in fields])

    def greedy(self, **options):
        return weak_greedy(
            Projection.start(self.system),
            self.model.affine_coefficients,
            self.stability,
            self.training,
            self.simulate,
            **options,
        )

    def errors(self, projection, count, seed=7):
        """True absolute and relative errors, and the solutions with their figures, on fresh parameters."""
        values = self.sample(count, seed)
        truth = self.simulate(values)
        solution = CertifiedModel(projection.reduced, self.model.affine_coefficients, self.stability).solve(
            values
        )
        errors = self.system.inner_product.norms(truth - projection.expand(solution.coordinates))
        return errors, errors / self.system.inner_product.norms(truth), solution


def test_twenty_solves_of_the_two_by_two_block_give_1e_6():
    block = Block()
    result = block.greedy(tolerance=1e-12, budget=20)
    assert result.outcome is GreedyOutcome.BUDGET
    assert block.simulated == 20 == result.projection.rank == len(result.chosen)
    _, relative, _ = block.errors(result.projection, 100)
    print(f"max {relative.max():.1e} mean {relative.mean():.1e}")
    assert relative.max() <= 1e-6


def test_the_bound_is_never_below_the_error_and_at_the_median_within_three_of_it():
    block = Block(cells=24)
    result = block.greedy(tolerance=1e-4, budget=40)
    assert result.outcome is GreedyOutcome.REACHED
    errors, relative, solution = block.errors(result.projection, 1000)
    effectivity = solution.absolute / errors
    print(f"effectivity {effectivity.min():.3f} {np.median(effectivity):.2f} {effectivity.max():.2f}")
    assert effectivity.min() >= 1 - 1e-6
    assert np.median(effectivity) <= 3
    assert effectivity.max() <= 10, "no more than continuity over coercivity"
    assert (solution.relative >= (1 - 1e-6) * relative).all()
    assert relative.max() <= 1e-4


def test_several_a_round_cost_few_more_simulations_than_one():
    one, four = Block(cells=24), Block(cells=24)
    first = one.greedy(tolerance=1e-5, budget=60)
    second = four.greedy(tolerance=1e-5, budget=60, batch=4)
    assert first.outcome is second.outcome is GreedyOutcome.REACHED
    print(one.simulated, four.simulated)
    assert four.simulated <= 1.3 * one.simulated + 4
    assert len(second.figures) < len(first.figures) / 2


def test_it_goes_on_from_simulations_that_exist():
    block = Block(cells=24)
    start = Projection.start(block.system).extended(block.simulate(block.sample(8, seed=3)))
    block.simulated = 0
    result = weak_greedy(
        start,
        block.model.affine_coefficients,
        block.stability,
        block.training,
        block.simulate,
        tolerance=1e-3,
        budget=60,
    )
    assert result.outcome is GreedyOutcome.REACHED
    assert result.projection.rank == 8 + block.simulated


@pytest.mark.parametrize("batch", [1, 4])
def test_it_stops_where_simulations_teach_nothing(batch):
    """A model of rank one is known after one simulation, and no figure reaches 1e-30."""
    block = Block(blocks=1, cells=12, training=50)
    result = block.greedy(tolerance=1e-30, budget=10, batch=batch)
    assert result.outcome is GreedyOutcome.STALLED
    assert result.projection.rank == 1


def test_nothing_is_simulated_when_the_tolerance_holds_already():
    block = Block(blocks=1, cells=12, training=50)
    known = block.greedy(tolerance=1e-6, budget=10).projection
    block.simulated = 0
    arguments = (known, block.model.affine_coefficients, block.stability, block.training, block.simulate)
    assert weak_greedy(*arguments, tolerance=1e-6, budget=10).outcome is GreedyOutcome.REACHED
    assert block.simulated == 0


def test_what_runs_is_not_chosen_again_though_its_residuals_are_not_orthogonal():
    residuals = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    figures = np.array([3.0, 2.0, 1.0])
    running = np.vstack([residuals[:2], residuals[:1]])
    assert list(choose_parameters(figures, lambda rows: residuals[rows], 3, running)) == [2]


def test_a_round_does_not_choose_what_the_same_simulation_teaches():
    figures = np.array([1.0, 5.0, 4.9, 3.0, 0.5])
    residuals = np.array(
        [[0.0, 1.0, 0.0], [2.0, 0.0, 0.0], [2.0, 1e-9, 0.0], [0.0, 0.0, 1.0], [0.0, 0.3, 0.0]]
    )
    assert list(choose_parameters(figures, lambda rows: residuals[rows], 3)) == [1, 3, 0]
    assert list(choose_parameters(figures, None, 1)) == [1]
    silent = np.where(figures == figures.max(), np.inf, figures)
    assert list(choose_parameters(silent, lambda rows: 1e-3 * residuals[rows], 3)) == [1, 3, 0]
    assert len(choose_parameters(figures, lambda rows: np.zeros((len(rows), 2)), 3)) == 0


def test_what_runs_already_is_not_chosen_again():
    """Two loops that take one parameter at a time, the second while the first's runs: as one round of two."""
    block = Block(cells=24)
    projection = block.greedy(tolerance=1e-12, budget=6).projection
    model = CertifiedModel(projection.reduced, block.model.affine_coefficients, block.stability)
    two = next_parameters(model, block.training, 2)
    first = next_parameters(model, block.training, 1)
    second = next_parameters(model, block.training, 1, running=first)
    assert (first == two[:1]).all()
    assert (second == two[1:]).all()
    assert (first != second).any()


def test_a_parameter_without_stability_has_an_infinite_figure():
    solution = CertifiedSolution(np.ones((3, 2)), np.array([1.0, 1.0, 1e-3]), np.array([0.0, -1.0, 1.0]))
    assert list(np.isinf(solution.absolute)) == [True, True, False]
    assert list(np.isinf(solution.relative)) == [True, True, False]
    assert relative_figure(solution)[2] == pytest.approx(1e-3 / np.sqrt(2), rel=1e-3)
