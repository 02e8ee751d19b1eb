"""Choosing by K-fold error: right for fields that nobody has seen, and careful between the samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.exceptions import FitError
from locum.inference.folds import make_folds, relative_errors, root_mean_square
from locum.inference.least_squares import Gauge
from locum.inference.operators import InferredOperators
from locum.inference.selection import Sampled, evaluated, parting, select, unsafe

ONES = np.ones(4)


def sampled(block, count):
    ones = np.ones((len(block.held_out), 1))
    return Sampled(block.values[:count], np.ones((count, 1)), block.coordinates[:count], block.held_out, ones)


@pytest.fixture(scope="module")
def selected(block):
    return select(sampled(block, 30), [Gauge(ONES), Gauge(ONES, symmetric=True)], goal=1e-4)


def test_thirty_solves_of_the_thermal_block_are_enough(block, selected):
    """Symmetric operators win by themselves; no Gaussian process comes below 3e-2 here."""
    assert selected.choice.gauge.symmetric
    predicted = selected.operators.solve(block.held_out, np.ones((200, 1))) @ selected.basis
    errors = relative_errors(predicted, block.true_coordinates)
    assert errors.max() < 1e-2
    assert selected.choice.score / 20 < root_mean_square(errors) < 2 * selected.choice.score


def test_one_wild_fold_says_little_and_a_wild_fit_parts_from_all(block, selected):
    swept, folds = sampled(block, 30), selected.choice.folds
    basis, tame = folds[0]
    wild = InferredOperators(tame.matrices, 1e3 * tame.vectors)
    one = replace(selected, choice=replace(selected.choice, folds=((basis, wild), *folds[1:])))
    assert parting(one, swept) < 10 * parting(selected, swept)
    itself = replace(
        selected, operators=replace(selected.operators, vectors=1e3 * selected.operators.vectors)
    )
    assert parting(itself, swept) > 0.9


def test_what_some_folds_show_to_be_far_worse_is_not_followed(block, selected):
    """One conductivity for all: no strength and no number of coordinates mends that."""
    data, folds = sampled(block, 30), make_folds(block.coordinates[:30])
    wrong = Sampled(data.theta[:, :1], data.phi, data.coordinates, data.sweep[:, :1], data.sweep_loads)
    assert evaluated(wrong, Gauge(ONES[:1]), folds, 6, [1e-3])
    assert not evaluated(wrong, Gauge(ONES[:1]), folds, 6, [1e-3], selected.choice)


def test_no_fold_has_seen_what_it_is_tested_on(block):
    folds = make_folds(block.coordinates)
    tested = np.concatenate([fold.tested for fold in folds])
    assert np.array_equal(np.sort(tested), np.arange(45))
    for fold in folds:
        assert not set(fold.tested) & set(fold.training)
        apart = fold.basis @ fold.basis.T - np.eye(len(fold.basis))
        assert np.abs(apart).max() < 1e-10
        training = block.coordinates[fold.training]
        left = training - training @ fold.basis.T @ fold.basis
        assert np.abs(left).max() < 1e-10 * np.abs(training).max()


def test_a_model_that_is_nearly_singular_between_the_samples_is_refused(block):
    """A - mu B with an eigenvalue that passes through zero in the middle of the range."""
    operators = InferredOperators(np.stack([np.eye(2), -np.diag([1.0, 0.1])]), np.ones((1, 2)))
    theta = np.stack([np.ones(4), np.array([0.1, 0.2, 1.8, 1.9])], axis=1)
    sweep = np.stack([np.ones(101), np.linspace(0.1, 1.9, 101)], axis=1)
    data = Sampled(theta, np.ones((4, 1)), np.ones((4, 2)), sweep, np.ones((len(sweep), 1)))
    assert "near to singular" in unsafe(operators, data, Gauge(np.array([1.0, 0.0])))
    narrow = Sampled(theta, np.ones((4, 1)), np.ones((4, 2)), sweep[:20], np.ones((20, 1)))
    assert unsafe(operators, narrow, Gauge(np.array([1.0, 0.0]))) is None


def test_where_no_fit_is_safe_the_reason_is_given():
    """A resonance inside the range, with simulations on both sides of it only."""
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.uniform(0.0, 0.8, 10), generator.uniform(1.2, 2.0, 10)])
    theta = np.stack([np.ones(20), -values], axis=1)
    operators = InferredOperators(np.stack([np.eye(2), np.diag([1.0, 0.2])]), np.ones((1, 2)))
    sweep = np.stack([np.ones(401), -np.linspace(0.0, 2.0, 401)], axis=1)
    data = Sampled(
        theta, np.ones((20, 1)), operators.solve(theta, np.ones((20, 1))), sweep, np.ones((len(sweep), 1))
    )
    with pytest.raises(FitError, match=r"no safe fit of this structure.*near to singular"):
        select(data, [Gauge(np.array([1.0, 0.0]))])
