"""Successive constraints: below the true constant, and closer than min-theta where that has little to say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import eigvalsh

from locum.highfidelity import ThermalBlock
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.stability import MinTheta
from locum.reduction.stability_eigenvalues import coercivity_constant, extreme_eigenvalues
from locum.reduction.successive_constraints import successive_constraints


@pytest.fixture(scope="module")
def problem():
    model = ThermalBlock(cells=14)
    inside = model.free_nodes()
    product = model.inner_product("temperature")[inside][:, inside]
    matrices, loads = model.affine_operators()
    # a difference of blocks: its matrix is indefinite, so that min-theta claims nothing
    mixed = (matrices[0] + matrices[3], matrices[1] + matrices[2], matrices[0] - matrices[3])
    return AffineSystem(mixed, np.stack(loads), InnerProduct(product))


def coefficients(values):
    return values, np.ones((len(values), 1))


def sample(count, seed):
    generator = np.random.default_rng(seed)
    return np.column_stack([generator.uniform(0.2, 1.0, (count, 2)), generator.uniform(-0.15, 0.15, count)])


def test_it_lies_below_the_true_constant_and_within_the_gap_asked_for(problem):
    found = successive_constraints(problem, coefficients, sample(200, 0), rtol=0.2)
    fresh = sample(40, 1)
    lower, upper = found(fresh, fresh), found.upper(fresh)
    product = problem.inner_product.matrix
    assembled = (problem.assembled(row, np.ones(1))[0].toarray() for row in fresh)
    truth = np.array([eigvalsh(matrix, product.toarray())[0] for matrix in assembled])
    print(len(found.constants), (lower / truth).min(), (lower / truth).max(), (upper / truth).max())
    assert (lower <= truth * (1 + 1e-9)).all()
    assert (upper >= truth * (1 - 1e-9)).all()
    assert (lower >= 0.6 * truth).all()
    assert len(found.constants) <= 20
    assert found.proved


def test_min_theta_would_claim_nothing_here(problem):
    fresh = sample(40, 1)
    assert (MinTheta(np.array([0.5, 0.5, 0.1]))(fresh, fresh) <= 0).any()


def test_the_smallest_eigenvalue_of_an_indefinite_matrix_is_not_the_one_nearest_to_zero(problem):
    product = problem.inner_product.matrix
    indefinite = problem.matrices[2] - 0.5 * problem.matrices[0]
    expected = eigvalsh(indefinite.toarray(), product.toarray())
    assert np.abs(expected).argmin() != 0
    assert 1.001 * expected[0] <= coercivity_constant(indefinite, product) <= expected[0]


def test_eigenvalues_that_accumulate_at_the_smallest_one_are_bounded_all_the_same():
    """Diffusion and decay, measured by diffusion: those of smooth functions are apart, and nearly all others
    as good as equal.
    """
    size, width = 400, 1 / 401
    stiffness = sp.diags_array([2.0, -1.0, -1.0], offsets=[0, 1, -1], shape=(size, size)).tocsr() / width
    mass = sp.diags_array([4.0, 1.0, 1.0], offsets=[0, 1, -1], shape=(size, size)).tocsr() * width / 6
    shares = np.pi * np.arange(1, size + 1) / (size + 1)
    exact = width**2 / 6 * (2 + np.cos(shares)) / (1 - np.cos(shares))  # of the mass against the stiffness
    bound = coercivity_constant(0.3 * stiffness + 9 * mass, stiffness)
    assert 0.999 * (0.3 + 9 * exact[-1]) <= bound <= 0.3 + 9 * exact[-1]
    lowest, highest = extreme_eigenvalues(mass, stiffness)
    assert -1e-3 * exact[0] <= lowest <= exact[-1]
    assert exact[0] <= highest <= 1.001 * exact[0]
    assert extreme_eigenvalues(0.0 * mass, stiffness) == (0.0, 0.0)
