"""Sums of products of Chebyshev polynomials: what they fit, and by how few."""

from __future__ import annotations

import numpy as np
import pytest

from locum.reduction.chebyshev import ChebyshevSum, sparse_sum, total_degree


def fresh(dimension, count=200):
    return np.random.default_rng(7).uniform(-1.0, 1.0, (count, dimension))


def curved(points):
    """Steep in one of five variables, bent in two, and two of its values."""
    x, y, z, w, _ = points.T
    return np.stack([np.exp(2.0 * x) + 0.1 * x * y**2 + 0.01 * z, np.sin(y + 0.1 * w)], axis=1)


def test_few_products_meet_the_tolerance():
    found = sparse_sum(curved, 5, atol=1e-6, max_terms=400)
    assert np.abs(found(fresh(5)) - curved(fresh(5))).max() < 1e-5
    assert len(found.degrees) < 150
    assert (found.degrees[:, 4].max(), found.degrees[:, 0].max()) < (2, 15)


def test_a_polynomial_is_found_exactly():
    truth = ChebyshevSum(total_degree(3, 3), np.random.default_rng(0).normal(size=(20, 2)))
    found = sparse_sum(truth, 3, atol=1e-12, max_terms=60)
    assert found(fresh(3)) == pytest.approx(truth(fresh(3)), abs=1e-11)


def test_an_even_function_is_found_through_products_that_it_lacks():
    found = sparse_sum(lambda points: np.cos(3.0 * points[:, :1]), 2, atol=1e-8, max_terms=80)
    assert np.abs(found(fresh(2))[:, 0] - np.cos(3.0 * fresh(2)[:, 0])).max() < 1e-7


def test_the_number_of_products_is_limited():
    found = sparse_sum(lambda points: np.abs(points).sum(axis=1)[:, None], 4, atol=1e-9, max_terms=50)
    assert len(found.degrees) == 50


def test_derivatives_are_those_of_the_values():
    found = sparse_sum(curved, 5, atol=1e-6, max_terms=200)
    points = 0.99 * fresh(5, 20)
    values, derivatives = found.with_derivatives(points, 2)
    assert values == pytest.approx(found(points), rel=1e-13)
    for axis in range(2, 5):
        step = 1e-6 * np.eye(5)[axis]
        expected = (found(points + step) - found(points - step)) / 2e-6
        assert derivatives[:, :, axis - 2] == pytest.approx(expected, abs=1e-8)
