"""Transient fields: the right terms are found, unstable fits refused, the spread grows with the error."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import FitError
from locum.inference.evolution import EvolutionOperators, EvolutionTerms
from locum.inference.evolution_fit import Strength, fit_evolution
from locum.inference.evolution_model import EvolutionModel, squared_norms
from locum.inference.evolution_search import refuse_wrong_terms
from locum.inference.trajectories import Trajectories
from locum.inference.transient import infer_transient, unstable
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.reduction.transient import trapezoid_weights

SPACE = ParameterSpace((Parameter("a", 0.5, 2.0), Parameter("b", 0.5, 2.0)))
TIMES = np.linspace(0.0, 1.0, 16)
TERMS = EvolutionTerms(("a", "b"), ("1", "a"), ("b",))


def heat(values, quadratic=0.0):
    """Conduction along a rod of eight nodes, conductivity 1 + a, source b, perhaps loss like the square."""
    stiffness = 2.0 * np.eye(8) - np.eye(8, k=1) - np.eye(8, k=-1)
    terms = EvolutionTerms(("a", "b"), ("1", "a"), ("b",), ("1",))
    square = np.zeros((1, 8, 36))
    rows, columns = np.triu_indices(8)
    square[0, rows[rows == columns], np.flatnonzero(rows == columns)] = -quadratic
    model = EvolutionOperators(
        terms,
        1.0,
        -2.0 * np.stack([stiffness, stiffness]),
        square,
        np.linspace(1.0, 4.0, 8)[None],
        np.zeros((1, 8)),
    )
    return model.integrate(values, TIMES)


def data_of(count, quadratic=0.0):
    values = sobol_design(SPACE, count, np.random.default_rng(0))
    return Trajectories(values, heat(values, quadratic), TIMES, trapezoid_weights(TIMES))


@pytest.fixture(scope="module")
def found():
    return infer_transient(SPACE, data_of(16), goal=1e-9)


def fields(found, values):
    """Predicted states in the nodes."""
    trajectories = np.tensordot(found.model.coordinates(values), found.model.functions, axes=1)
    return trajectories @ found.basis


def test_linear_heat_conduction_is_found_and_exact(found):
    terms = found.model.structure
    assert not terms.quadratic and set(terms.linear) >= {"1", "a"}
    values = SPACE.sample(50, np.random.default_rng(1))
    truth = heat(values)
    assert np.abs(fields(found, values) - truth).max() < 1e-6 * np.abs(truth).max()
    assert found.choice.scheme.implicitness == 1.0


def test_a_quadratic_loss_needs_its_term():
    data, values = data_of(16, quadratic=3.0), SPACE.sample(50, np.random.default_rng(1))
    truth = heat(values, 3.0)
    errors = {}
    for quadratic in ((), ("1",)):
        terms = EvolutionTerms(("a", "b"), ("1", "a"), ("b",), quadratic)
        errors[quadratic] = np.abs(
            fields(infer_transient(SPACE, data, terms=terms, goal=1e-3), values) - truth
        ).max()
    assert errors[("1",)] < 1e-2 * np.abs(truth).max() < errors[()]


def test_products_and_inputs_in_time_of_a_known_evolution_are_recovered():
    """Three coordinates lifted to eight nodes: rank, scheme and strength are chosen, nothing is lost."""
    generator = np.random.default_rng(0)
    terms = EvolutionTerms(("a", "b"), ("1", "a"), ("b * sin(3 * time)", "1"), ("a",), ("1", "b"))
    parts = generator.standard_normal((2, 3, 3))
    known = EvolutionOperators(
        terms,
        0.5,
        -parts @ parts.transpose(0, 2, 1) + 0.5 * (parts - parts.transpose(0, 2, 1)),
        0.1 * generator.standard_normal((1, 3, 6)),
        generator.standard_normal((2, 3)),
        0.5 * generator.standard_normal((2, 3)),
    )
    lift = np.linalg.qr(generator.standard_normal((8, 3)))[0].T
    values = sobol_design(SPACE, 12, np.random.default_rng(0))
    trajectories = known.integrate(values, TIMES) @ lift
    data = Trajectories(values, trajectories, TIMES, trapezoid_weights(TIMES))
    found = infer_transient(SPACE, data, terms=terms, goal=1e-13)
    held_out = SPACE.sample(50, np.random.default_rng(1))
    truth = known.integrate(held_out, TIMES) @ lift
    assert np.abs(fields(found, held_out) - truth).max() < 1e-10 * np.abs(truth).max()


def test_the_spread_and_the_saved_form(found):
    values = SPACE.sample(20, np.random.default_rng(2))
    arrays, meta = found.model.to_saved()
    again = EvolutionModel.from_saved(arrays, meta)
    for one, other in zip(again.folded(values), found.model.folded(values), strict=True):
        assert np.array_equal(one, other)
    assert np.allclose(again.folded(values).centre, found.model.coordinates(values), rtol=1e-12)
    assert (found.model.folded(values).spread < 1e-5).all()
    rough = infer_transient(SPACE, data_of(16, quadratic=3.0), terms=TERMS, goal=1e-3)
    assert (rough.model.folded(values).spread > 1e-4).all()


def test_growth_and_blow_up_are_refused():
    data = data_of(8)
    terms = EvolutionTerms(("a", "b"), ("a",))
    growing = EvolutionOperators(
        terms, 1.0, 4.0 * np.eye(8)[None], np.empty((0, 8, 36)), np.empty((0, 8)), np.ones((1, 8))
    )
    assert "grows by exp(" in unstable(growing, data, data.values)
    terms = EvolutionTerms(("a", "b"), ("0",), (), ("1",))
    square = np.zeros((1, 8, 36))
    square[0, 0, 0] = 5.0
    wild = EvolutionOperators(terms, 1.0, np.zeros((1, 8, 8)), square, np.empty((0, 8)), np.ones((1, 8)))
    assert "blows up within 1.5 horizons at 100%" in unstable(wild, data, data.values)


def test_too_few_simulations_are_refused():
    with pytest.raises(FitError, match="at least 8 simulations"):
        infer_transient(SPACE, data_of(4))


def test_fast_modes_are_borne_where_the_operator_is_the_identity():
    """A stiff rod in fewer coordinates than it needs: what is left out is not magnified."""
    stiffness = 900.0 * (2.0 * np.eye(30) - np.eye(30, k=1) - np.eye(30, k=-1))
    halves = np.stack([stiffness * (np.arange(30) < 15)[:, None], stiffness * (np.arange(30) >= 15)[:, None]])
    terms = EvolutionTerms(("a", "b"), ("a", "b"), ("1",))
    loads, initial = np.ones((1, 30)), np.zeros((1, 30))
    rod = EvolutionOperators(terms, 1.0, -halves, np.empty((0, 30, 465)), loads, initial)
    generator = np.random.default_rng(3)
    values, held_out = np.exp(generator.uniform(-1.0, 1.0, (2, 40, 2)))
    data = Trajectories(values, rod.integrate(values, TIMES), TIMES, trapezoid_weights(TIMES))
    truth = rod.integrate(held_out, TIMES)
    basis = data.basis(np.arange(40))[:8]
    errors = {}
    for name, gauge in (("mass", None), ("operator", np.ones(2))):
        (fit,) = fit_evolution(
            terms,
            values,
            data.coordinates @ basis.T,
            TIMES,
            implicitness=1.0,
            strengths=[Strength(1e-6)],
            gauge=gauge,
        )
        errors[name] = np.linalg.norm(fit.integrate(held_out, TIMES) @ basis - truth) / np.linalg.norm(truth)
    assert errors["operator"] < 1e-2 and not errors["mass"] < 2.0 * errors["operator"], errors


def test_wrong_terms_are_detected_and_named():
    data = data_of(16)
    refuse_wrong_terms(TERMS, SPACE, data)
    wrong = EvolutionTerms(("a", "b"), ("b",), ("a",))
    with pytest.raises(FitError, match=r"declared terms \(state: b; load: a\) leave .* where \(state: 1, a"):
        refuse_wrong_terms(wrong, SPACE, data)
    refuse_wrong_terms(wrong, SPACE, data, goal=10.0)


@pytest.mark.filterwarnings("error")
def test_a_trajectory_that_leaves_all_bounds_is_infinitely_large_and_warns_of_nothing():
    assert squared_norms(np.full((1, 3, 2), 1e200), np.ones(3)).tolist() == [np.inf]
