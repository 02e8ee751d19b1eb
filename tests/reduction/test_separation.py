"""Separation of a non-affine, non-symmetric model from its assembled matrices alone."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from locum.exceptions import ModelError
from locum.highfidelity import AdvectionDiffusion, ThermalBlock
from locum.parameters import Parameter, ParameterSpace
from locum.reduction import InnerProduct
from locum.reduction.certified import CertifiedModel
from locum.reduction.projection import Projection
from locum.reduction.separation import (
    measured_separation_error,
    pattern_of,
    separate,
    stored_entries,
)
from locum.reduction.stability import InterpolatedConstant, KnownConstant
from locum.reduction.stability_eigenvalues import coercivity_constant, extreme_eigenvalues, inf_sup_constant

MODEL = AdvectionDiffusion(cells=20)


def operators_of(model):
    names = model.parameters.names
    return lambda value: model.operators(dict(zip(names, value.tolist(), strict=True)))


def product_of(model):
    inside = model.free_nodes()
    return model.inner_product(model.solution_field)[inside][:, inside]


def sample(count, seed, model=MODEL):
    return model.parameters.sample(count, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def separated():
    return separate(operators_of(MODEL), sample(200, seed=0), InnerProduct(product_of(MODEL)), rtol=1e-7)


def test_the_wind_takes_the_terms_that_its_angle_has(separated):
    """K, cos, sin, cos^2, sin cos: with cos^2 + sin^2 = 1 absorbed, five matrices."""
    assert len(separated.system.matrices) == 5
    print(len(separated.system.vectors), "vectors")


def test_chosen_parameters_are_reproduced_by_their_own_matrices(separated):
    separation = separated.separation
    chosen = sample(200, seed=0)[separation.matrix_interpolation.parameters]
    theta, _ = separation.coefficients(chosen)
    assert theta == pytest.approx(np.eye(len(chosen)), abs=1e-8)


def test_the_affine_form_is_the_system_at_fresh_parameters(separated):
    fresh = sample(20, seed=1)
    theta, phi = separated.separation.coefficients(fresh)
    for row, value in enumerate(fresh):
        matrix, load = separated.separation.operators(value)
        found, vector = separated.system.assembled(theta[row], phi[row])
        assert abs(found - matrix).max() <= 1e-9 * abs(matrix).max()
        assert np.abs(vector - load).max() <= 1e-5 * np.abs(load).max()


def test_the_figure_with_the_measured_separation_error_is_an_estimate_that_holds(separated):
    """A coarse separation: without its error the figure would be too small once the basis is good."""
    coarse = separate(operators_of(MODEL), sample(200, seed=0), InnerProduct(product_of(MODEL)), rtol=1e-2)
    error = measured_separation_error(coarse, sample(30, seed=2))
    system, separation = coarse
    train, fresh = sample(60, seed=3), sample(100, seed=4)
    projection = Projection.start(system).extended(system.solve(*separation.coefficients(train)))
    stability = KnownConstant(MODEL.coercivity_bound)
    model = CertifiedModel(projection.reduced, separation.coefficients, stability, error)
    assert model.kind == "estimate"
    solution = model.solve(fresh)
    truth = np.stack(
        [
            MODEL.simulate(dict(zip(MODEL.parameters.names, value, strict=True)))["concentration"].values
            for value in fresh
        ]
    )[:, MODEL.free_nodes()]
    errors = system.inner_product.norms(truth - projection.expand(solution.coordinates))
    claimed_without = (
        CertifiedModel(projection.reduced, separation.coefficients, stability).solve(fresh).absolute
    )
    print(error, np.median(errors), np.median(solution.absolute), np.median(claimed_without))
    assert (claimed_without < errors).any(), "the separation error should matter here"
    assert (solution.absolute >= errors).mean() >= 0.97
    assert np.median(solution.absolute / errors) < 200


def test_an_affine_model_is_found_again_from_its_matrices():
    block = ThermalBlock(cells=12)
    found = separate(operators_of(block), sample(40, 0, block), InnerProduct(product_of(block)))
    assert len(found.system.matrices) == 4
    assert len(found.system.vectors) == 1
    error = measured_separation_error(found, sample(5, 1, block))
    assert error.matrix < 1e-12
    assert error.vector < 1e-12


def test_a_pattern_that_changes_is_told():
    full, empty = sp.csr_array(np.ones((3, 3))), sp.csr_array(np.eye(3))
    pattern = pattern_of(full)
    assert stored_entries(empty, pattern) == pytest.approx(np.eye(3).ravel())
    with pytest.raises(ModelError, match="pattern changes"):
        stored_entries(full, pattern_of(empty))
    with pytest.raises(ModelError, match="square"):
        pattern_of(sp.csr_array(np.ones((2, 3))))


def test_norms_and_constants_agree_with_dense_algebra(separated):
    system = separated.system
    product = product_of(MODEL)
    matrix, _ = separated.separation.operators(np.array([0.6, 0.5, 0.5]))
    root = np.linalg.cholesky(product.toarray())
    dense = np.linalg.solve(root, np.linalg.solve(root, matrix.toarray()).T).T
    values = np.linalg.svd(dense, compute_uv=False)
    assert inf_sup_constant(matrix, product) == pytest.approx(values[-1], rel=1e-6)
    assert system.representatives.operator_norm(matrix) == pytest.approx(values[0], rel=0.05)
    symmetric = np.linalg.eigvalsh(0.5 * (dense + dense.T))
    assert 0.999 * symmetric[0] <= coercivity_constant(matrix, product) <= symmetric[0]
    lowest, highest = extreme_eigenvalues(matrix, product)
    slack = 1e-3 * np.abs(symmetric).max()
    assert symmetric[0] - slack <= lowest <= symmetric[0]
    assert symmetric[-1] <= highest <= symmetric[-1] + slack


def test_an_interpolated_constant_is_an_estimate_close_to_the_true_one():
    centres, fresh = sample(25, seed=5), sample(10, seed=6)
    product = product_of(MODEL)
    operators = operators_of(MODEL)
    constants = np.array([inf_sup_constant(operators(value)[0], product) for value in centres])
    constant = InterpolatedConstant(MODEL.parameters, centres, constants)
    assert not constant.proved
    assert constant(centres, centres) == pytest.approx(constants, rel=1e-8)
    truth = np.array([inf_sup_constant(operators(value)[0], product) for value in fresh])
    assert constant(fresh, fresh) == pytest.approx(truth, rel=0.05)


def test_constants_that_make_no_sense_are_told():
    space = ParameterSpace((Parameter("k", 0.1, 1.0),))
    with pytest.raises(ModelError, match=r"is -1 at parameter \[0.5\]"):
        InterpolatedConstant(space, np.array([[0.2], [0.5], [0.9]]), np.array([1.0, -1.0, 2.0]))
    with pytest.raises(ModelError, match="need more than 1"):
        InterpolatedConstant(space, np.array([[0.2]]), np.array([1.0]))
