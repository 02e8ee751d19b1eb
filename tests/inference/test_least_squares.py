"""Reduced operators from coordinates: exact where the data are, the same whatever was eliminated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import FitError, StorageError
from locum.inference.least_squares import AffineData, Gauge, fit_operators, fit_parts
from locum.inference.operators import InferredOperators


def known_model(n, terms, seed, *, symmetric):
    """A random system of which sum_q A_q is the identity, positive definite for positive coefficients."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((terms, n, n))
    matrices = parts @ parts.transpose(0, 2, 1)
    if not symmetric:
        skew = generator.standard_normal((terms, n, n))
        matrices += skew - skew.transpose(0, 2, 1)
    total = matrices.sum(axis=0)
    if symmetric:
        factor = np.linalg.inv(np.linalg.cholesky(total))
        matrices = factor @ matrices @ factor.T
    else:
        matrices = np.linalg.solve(total, matrices)
    return InferredOperators(matrices, generator.standard_normal((2, n)))


def coefficients(count, terms, seed):
    theta = np.exp(np.random.default_rng(seed).uniform(-1.0, 1.0, (count, terms)))
    return theta, np.stack([np.ones(count), theta[:, 0] ** 2], axis=1)


def data_of(model, count, terms, seed):
    theta, phi = coefficients(count, terms, seed)
    return AffineData(theta, phi, model.solve(theta, phi))


@pytest.mark.parametrize(("symmetric", "count"), [(False, 40), (True, 22)])
def test_a_known_model_is_recovered(symmetric, count):
    model = known_model(8, 4, 0, symmetric=symmetric)
    data = data_of(model, count, 4, 1)
    (found,) = fit_operators(data, Gauge(np.ones(4), symmetric), [0.0])
    assert np.abs(found.matrices - model.matrices).max() < 1e-9
    theta, phi = coefficients(200, 4, 2)
    truth = model.solve(theta, phi)
    errors = np.linalg.norm(found.solve(theta, phi) - truth, axis=1) / np.linalg.norm(truth, axis=1)
    assert errors.max() < 1e-10


def test_parts_of_the_simulations_are_fitted_all_at_once():
    """Each in its own coordinates and without what it does not train on."""
    model, gauge = known_model(4, 3, 0, symmetric=False), Gauge(np.ones(3))
    data = data_of(model, 30, 3, 1)
    turned = np.linalg.qr(np.random.default_rng(2).standard_normal((4, 4)))[0]
    seen = np.stack([data.coordinates, data.coordinates @ turned])
    training = np.ones((2, 30))
    training[0, :10] = training[1, 20:] = 0.0
    spoilt = seen.copy()
    spoilt[0, :10] += 1.0
    spoilt[1, 20:] -= 1.0
    matrices, vectors = fit_parts(AffineData(data.theta, data.phi, spoilt), training, gauge, [1e-2, 1e-5])
    assert matrices.shape == (2, 2, 3, 4, 4) and vectors.shape == (2, 2, 2, 4)
    theta, phi = coefficients(50, 3, 3)
    truth = model.solve(theta, phi)
    for part, rotation in enumerate((np.eye(4), turned)):
        loose, tight = (
            np.abs(
                InferredOperators(matrices[part, k], vectors[part, k]).solve(theta, phi) - truth @ rotation
            )
            for k in (0, 1)
        )
        assert tight.max() < 1e-5 * np.abs(truth).max() < loose.max()


def test_symmetry_needs_half_the_simulations():
    model = known_model(8, 4, 0, symmetric=True)
    data = data_of(model, 22, 4, 1)
    theta, phi = coefficients(50, 4, 2)
    truth = model.solve(theta, phi)
    errors = {}
    for symmetric in (False, True):
        (found,) = fit_operators(data, Gauge(np.ones(4), symmetric), [1e-8])
        errors[symmetric] = np.linalg.norm(found.solve(theta, phi) - truth) / np.linalg.norm(truth)
    assert errors[True] < 1e-4 * errors[False]


@given(seed=st.integers(0, 10), scale=st.floats(1e-3, 1e3))
def test_answers_do_not_depend_on_the_reference_nor_on_units(seed, scale):
    """An exact fit answers alike under every gauge; a field in other units answers in those."""
    model = known_model(4, 3, seed, symmetric=False)
    data = data_of(model, 30, 3, seed + 1)
    theta, phi = coefficients(20, 3, seed + 2)
    truth = model.solve(theta, phi)
    for weights in (np.ones(3), np.array([0.3, 1.0, 2.0])):
        (found,) = fit_operators(data, Gauge(weights), [0.0])
        assert found.solve(theta, phi) == pytest.approx(truth, rel=1e-6, abs=1e-7 * np.abs(truth).max())
    scaled = AffineData(data.theta, data.phi, scale * data.coordinates)
    strengths = [1e-2]
    (plain,), (other,) = (fit_operators(each, Gauge(np.ones(3)), strengths) for each in (data, scaled))
    answers = plain.solve(theta, phi)
    assert other.solve(theta, phi) == pytest.approx(
        scale * answers, rel=1e-6, abs=1e-6 * scale * np.abs(answers).max()
    )


def test_many_symmetric_unknowns_are_found_by_iteration(monkeypatch):
    """Conjugate gradients find what the dense solution finds, and matrices are symmetric."""
    model = known_model(8, 4, 0, symmetric=True)
    data, gauge = data_of(model, 20, 4, 1), Gauge(np.ones(4), symmetric=True)
    strengths = [1e-2, 1e-3]
    theta, phi = coefficients(50, 4, 2)
    dense = fit_operators(data, gauge, strengths)
    monkeypatch.setattr("locum.inference.least_squares.MOST_DENSE", 0)
    iterated = fit_operators(data, gauge, strengths)
    for one, other in zip(dense, iterated, strict=True):
        answers = one.solve(theta, phi)
        assert np.abs(other.solve(theta, phi) - answers).max() < 1e-3 * np.abs(answers).max()
        assert np.array_equal(other.matrices, other.matrices.transpose(0, 2, 1))
        assert np.abs(one.matrices.sum(axis=0) - np.eye(8)).max() < 1e-12


def test_a_load_alone_may_depend_on_the_parameters():
    """One matrix: it is the identity, and the loads are a linear regression."""
    generator = np.random.default_rng(0)
    phi, vectors = generator.uniform(1.0, 2.0, (12, 3)), generator.standard_normal((3, 5))
    data = AffineData(np.ones((12, 1)), phi, phi @ vectors)
    for symmetric in (False, True):
        (found,) = fit_operators(data, Gauge(np.ones(1), symmetric), [0.0])
        assert found.vectors == pytest.approx(vectors)


def test_a_singular_matrix_answers_no_number():
    model = InferredOperators(np.stack([np.eye(2), -np.eye(2)]), np.ones((1, 2)))
    theta = np.array([[1.0, 1.0], [2.0, 1.0]])
    answers = model.solve(theta, np.ones((2, 1)))
    assert np.isnan(answers[0]).all() and answers[1] == pytest.approx([1.0, 1.0])


def test_what_cannot_be_fitted_is_refused():
    good = AffineData(np.ones((3, 2)), np.ones((3, 1)), np.ones((3, 2)))
    with pytest.raises(FitError, match="gauge"):
        fit_operators(good, Gauge(np.zeros(2)), [0.0])
    bad = AffineData(np.full((3, 2), np.nan), np.ones((3, 1)), np.ones((3, 2)))
    with pytest.raises(FitError, match="finite"):
        fit_operators(bad, Gauge(np.ones(2)), [0.0])


def test_saved_operators_are_read_back():
    model = known_model(3, 2, 0, symmetric=True)
    again = InferredOperators.from_arrays(model.to_arrays())
    assert np.array_equal(again.matrices, model.matrices) and np.array_equal(again.vectors, model.vectors)
    with pytest.raises(StorageError):
        InferredOperators.from_arrays({"matrices": np.ones((2, 3, 4)), "vectors": np.ones((1, 3))})
    with pytest.raises(StorageError):
        InferredOperators.from_arrays({"matrices": np.ones((2, 3, 3))})
