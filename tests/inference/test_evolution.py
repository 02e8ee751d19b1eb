"""Evolution equations: recovered from trajectories of a known model, whatever its scheme."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import FitError, ParameterError, StorageError
from locum.inference.evolution import EvolutionOperators, EvolutionTerms, integrate_all
from locum.inference.evolution_fit import Strength, fit_evolution

TIMES = np.linspace(0.0, 2.0, 21)
LINEAR = EvolutionTerms(("a", "b"), ("1", "a"), ("b", "b * sin(3 * time)"), initial=("1", "a"))
QUADRATIC = EvolutionTerms(("a", "b"), ("1", "a"), ("b * cos(2 * time)",), ("a", "1"))


def known_model(terms, implicitness, n=4, seed=0):
    """A random dissipative system; its quadratic part is small."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((len(terms.linear), n, n))
    linear = -0.3 * parts @ parts.transpose(0, 2, 1) + parts - parts.transpose(0, 2, 1)
    quadratic = 0.1 * generator.standard_normal((len(terms.quadratic), n, n * (n + 1) // 2))
    loads, initial = (generator.standard_normal((len(each), n)) for each in (terms.load, terms.initial))
    return EvolutionOperators(terms, implicitness, linear, quadratic, loads, initial)


def values_of(count, seed):
    return np.random.default_rng(seed).uniform(0.5, 1.5, (count, 2))


@pytest.mark.parametrize("terms", [LINEAR, QUADRATIC])
@pytest.mark.parametrize("implicitness", [1.0, 0.5])
@pytest.mark.parametrize("gauge", [None, np.ones(2)])
def test_a_known_evolution_is_recovered(terms, implicitness, gauge):
    model = known_model(terms, implicitness)
    values, held_out = values_of(12, 1), values_of(30, 2)
    (found,) = fit_evolution(
        terms,
        values,
        model.integrate(values, TIMES),
        TIMES,
        implicitness=implicitness,
        strengths=[Strength(0.0)],
        gauge=gauge,
    )
    truth = model.integrate(held_out, TIMES)
    assert np.isfinite(truth).all()
    errors = np.linalg.norm(found.integrate(held_out, TIMES) - truth, axis=(1, 2))
    assert (errors < 1e-10 * np.linalg.norm(truth, axis=(1, 2))).all()


@pytest.mark.parametrize("terms", [LINEAR, QUADRATIC])
def test_several_evolutions_integrated_at_once_answer_the_same(terms):
    models = [known_model(terms, 0.5, seed=seed) for seed in (0, 1)]
    values = [values_of(3, 1), values_of(5, 2)]
    for model, own, found in zip(models, values, integrate_all(models, values, TIMES), strict=True):
        assert np.allclose(found, model.integrate(own, TIMES), rtol=1e-10, atol=1e-12)


def test_steps_may_differ_and_forwards_is_a_scheme_too():
    model = known_model(LINEAR, 0.0)
    times = np.cumsum(np.r_[0.0, np.linspace(0.01, 0.08, 25)])
    values, held_out = values_of(12, 1), values_of(5, 2)
    (found,) = fit_evolution(
        LINEAR, values, model.integrate(values, times), times, implicitness=0.0, strengths=[Strength(0.0)]
    )
    truth = model.integrate(held_out, times)
    assert np.abs(found.integrate(held_out, times) - truth).max() < 1e-9 * np.abs(truth).max()


def test_an_implicit_step_solves_its_equation():
    """c_k - c_{k-1} = dt F(c_k, t_k), quadratic term included."""
    model = known_model(QUADRATIC, 1.0)
    values = values_of(3, 0)
    found = model.integrate(values, TIMES)
    coefficients = QUADRATIC.state(values)
    loads = QUADRATIC.load_values(values, TIMES) @ model.loads
    for k in (1, 20):
        state = found[:, k]
        products = np.stack([state[:, i] * state[:, j] for i in range(4) for j in range(i, 4)], axis=1)
        rate = np.einsum("mq,qab,mb->ma", coefficients[:, :2], model.linear, state) + loads[:, k]
        rate += np.einsum("ms,sab,mb->ma", coefficients[:, 2:], model.quadratic, products)
        assert state - found[:, k - 1] == pytest.approx(0.1 * rate, abs=1e-10)


def test_regularisation_of_the_quadratic_term_is_its_own():
    """Data of a linear model: a strong quadratic Tikhonov term leaves the linear operators alone."""
    model = known_model(EvolutionTerms(("a", "b"), ("1", "a"), ("b",)), 1.0)
    terms = EvolutionTerms(("a", "b"), ("1", "a"), ("b",), ("1",))
    values = values_of(12, 1)
    data = model.integrate(values, TIMES)
    (found,) = fit_evolution(terms, values, data, TIMES, implicitness=1.0, strengths=[Strength(1e-10, 1e6)])
    assert np.abs(found.quadratic).max() < 1e-4
    assert np.abs(found.linear - model.linear).max() < 1e-5 * np.abs(model.linear).max()


def test_what_blows_up_answers_no_number():
    """c' = c^2 from one ends at t = 1."""
    terms = EvolutionTerms(("a",), ("0",), (), ("1",))
    model = EvolutionOperators(
        terms, 1.0, np.zeros((1, 1, 1)), np.ones((1, 1, 1)), np.empty((0, 1)), np.ones((1, 1))
    )
    found = model.integrate(np.ones((1, 1)), np.linspace(0.0, 2.0, 41))[0, :, 0]
    assert np.isfinite(found[:10]).all() and np.isnan(found[-1])


def test_growth_rates_are_those_of_the_linear_operator():
    terms = EvolutionTerms(("a",), ("a",))
    model = EvolutionOperators(
        terms, 1.0, np.diag([-1.0, 2.0])[None], np.empty((0, 2, 3)), np.empty((0, 2)), np.ones((1, 2))
    )
    assert model.growth_rates(np.array([[1.0], [-3.0]])) == pytest.approx([2.0, 3.0])


def test_wrong_terms_and_data_are_refused():
    with pytest.raises(ParameterError, match="unknown name 'time'"):
        EvolutionTerms(("a",), ("time",))
    with pytest.raises(ParameterError, match="may not be called 'time'"):
        EvolutionTerms(("time",), ("1",))
    with pytest.raises(ParameterError, match="needs a linear term"):
        EvolutionTerms(("a",), ())
    arguments = {"implicitness": 1.0, "strengths": [Strength(0.0)]}
    with pytest.raises(FitError, match="finite coordinates"):
        fit_evolution(LINEAR, values_of(2, 0), np.full((2, 3, 4), np.nan), TIMES[:3], **arguments)
    with pytest.raises(FitError, match="term is not finite"):
        terms = EvolutionTerms(("a", "b"), ("1 / (a - a)",))
        fit_evolution(terms, values_of(2, 0), np.ones((2, 3, 4)), TIMES[:3], **arguments)


def test_a_saved_evolution_is_read_back():
    model = known_model(QUADRATIC, 0.5)
    arrays, meta = model.to_saved()
    again = EvolutionOperators.from_saved(arrays, meta)
    values = values_of(3, 0)
    assert np.array_equal(again.integrate(values, TIMES), model.integrate(values, TIMES))
    with pytest.raises(StorageError):
        EvolutionOperators.from_saved({**arrays, "linear": arrays["linear"][:1]}, meta)
    with pytest.raises(StorageError):
        EvolutionOperators.from_saved(arrays, {"implicitness": 1.0})
