"""The projected surrogate of nonlinear equations, on problems whose solutions are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.exceptions import FitError, ModelError, StorageError
from locum.highfidelity import FieldDescription, Mesh, SelfHeating, ThermalBlock
from locum.reduction.nonlinear import effective_constant
from locum.surrogates import Description, load_surrogate
from locum.surrogates.nonlinear_training import nonlinear_problem, projected_nonlinear
from locum.surrogates.projected_nonlinear import ProjectedNonlinear
from tests import curved


def simulated(model, values):
    names = model.parameters.names
    return [model.simulate(dict(zip(names, row.tolist(), strict=True))) for row in values]


def sample(model, count, seed):
    return model.parameters.sample(count, np.random.default_rng(seed))


def fields(model, values):
    return np.stack([each[model.solution_field].values for each in simulated(model, values)])


def made(model, quantity, tolerance=1e-2, count=12, values=None):
    """A surrogate of as many random simulations as are asked for, or of given ones."""
    problem, values = nonlinear_problem(model), sample(model, count, 0) if values is None else values
    snapshots = fields(model, values)
    mesh = Mesh.from_ugrid(simulated(model, values[:1])[0])
    field = FieldDescription(model.solution_field, ("node",), (mesh.nodes,), "")
    description = Description(model.parameters, {model.solution_field: field}, {quantity: ""}, mesh)
    allowed = tolerance * problem.inner.norms(problem.unknowns(snapshots))
    return projected_nonlinear(problem, description, values, snapshots, allowed)


def compared(surrogate, model, count=100):
    """True relative errors of the field at fresh parameters, and their figures."""
    values, field = sample(model, count, 1), model.solution_field
    errors = surrogate.field_errors(field, values, fields(model, values)).total
    return errors, surrogate.field_indicator(field, values)


@pytest.fixture(scope="module")
def slab():
    """The slab that heats itself: steep in a corner, and known by 16 simulations."""
    return made(SelfHeating(cells=40), "highest_temperature", 2e-2, 16)


@pytest.mark.parametrize("shape", ["square", "cube"])
def test_equations_that_are_polynomials_are_solved_exactly(shape):
    model = curved.Curved(shape, cells=16)
    surrogate = made(model, "mean", 1e-6)
    errors, figures = compared(surrogate, model)
    assert surrogate.rank == 2 and surrogate.figure_kind == "estimate"
    assert errors.max() < 1e-6 and (errors <= figures).all() and figures.max() < 1e-6
    highest = 2 if shape == "square" else 3
    assert surrogate.model.residual.polynomial.degrees[:, 2:].sum(axis=1).max() >= highest
    values = sample(model, 20, 3)
    means = [float(each["mean"]) for each in simulated(model, values)]
    assert surrogate.quantity_values(values)[:, 0] == pytest.approx(means, abs=1e-6)


def test_an_exponential_is_met_as_far_as_its_estimate_says():
    model = curved.Curved("exponential", 4.0)
    surrogate = made(model, "mean", 1e-3)
    errors, figures = compared(surrogate, model)
    assert 0.0 < surrogate.model.remainder < 1e-2
    assert (errors <= figures).all() and figures.max() < 1e-3
    means = np.array([float(each["mean"]) for each in simulated(model, sample(model, 30, 3))])
    found, allowed = (
        each(sample(model, 30, 3))[:, 0]
        for each in (surrogate.quantity_values, surrogate.quantity_indicators)
    )
    assert (np.abs(found - means) <= allowed).all()


def test_a_steep_response_is_followed_and_what_is_not_known_is_not_claimed(slab):
    model = SelfHeating(cells=40)
    errors, figures = compared(slab, model, 200)
    claimed = np.isfinite(figures)
    assert claimed.mean() > 0.95
    print(f"{errors[claimed].max():.1e} {np.median(figures / errors):.1f} {claimed.mean():.2f}")
    assert errors[claimed].max() < 2e-2
    assert np.mean(errors <= figures) > 0.97
    assert 1.0 < np.median(figures[claimed] / errors[claimed]) < 30.0


def test_where_newton_finds_nothing_nothing_is_claimed():
    """No simulation is as hot as what is asked for: the state lies outside of what the fit has seen."""
    model = SelfHeating(cells=20)
    values = sample(model, 40, 0)
    surrogate = made(model, "mean_temperature", 2e-2, values=values[values[:, 0] < 0.6])
    ignited = np.array([[1.3, 0.28], [1.25, 0.275]])
    solution = surrogate.solve(ignited)
    assert np.isinf(solution.absolute).all() and np.isinf(solution.relative).all()
    assert np.isfinite(solution.coordinates).all()
    assert np.isfinite(surrogate.field_indicator("temperature", values[values[:, 0] < 0.5])).all()


def test_a_large_residual_claims_nothing_by_newton_and_kantorovich():
    found = effective_constant(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.25, 0.3, 0.1]), 2.0)
    assert found == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_loaded_it_answers_the_same_bits(slab, tmp_path):
    slab.save(tmp_path)
    loaded = load_surrogate(tmp_path)
    assert isinstance(loaded, ProjectedNonlinear) and loaded.figure_kind == "estimate"
    values = sample(SelfHeating(), 40, 5)
    for each in ("quantity_values", "quantity_indicators"):
        assert (getattr(loaded, each)(values) == getattr(slab, each)(values)).all()
    assert (
        loaded.field_indicator("temperature", values) == slab.field_indicator("temperature", values)
    ).all()
    prediction = loaded.predict(values)
    assert prediction["temperature"].shape == (40, 41)
    assert loaded.residual_directions(values).shape[0] == 40


def test_parts_that_do_not_fit_are_refused(slab, tmp_path):
    residual = slab.model.residual
    for broken in (
        replace(slab.model, remainder=float("nan")),
        replace(slab.model, residual=replace(residual, spread=0.0 * residual.spread)),
        replace(slab.model, residual=replace(residual, known=residual.known[1:])),
    ):
        folder = tmp_path / str(id(broken))
        try:
            replace(slab, model=broken).save(folder)
        except ValueError:  # JSON holds no such number
            continue
        with pytest.raises(StorageError, match="the saved nonlinear model cannot be read"):
            load_surrogate(folder)


def test_a_batch_is_answered_as_its_rows_are(slab):
    values = sample(SelfHeating(), 7, 2)
    together = slab.model.solve(values)
    for row, value in enumerate(values):
        assert slab.model.solve(value[None]).coordinates[0] == pytest.approx(
            together.coordinates[row], rel=1e-9
        )
    assert slab.model.solve(values[:0]).coordinates.shape == (0, slab.rank)


def test_what_cannot_be_projected_is_told_in_a_sentence():
    with pytest.raises(ModelError, match="it needs residual, jacobian, free_nodes"):
        nonlinear_problem(ThermalBlock(2, 4))
    with pytest.raises(ModelError, match="the Jacobian is singular at every simulation"):
        made(curved.Floating(), "mean")
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ModelError, match="the residual holds values that are not finite at amplitude ="),
    ):
        made(curved.Curved("root"), "mean")


def test_equations_that_end_far_from_all_simulations_are_fitted_nearer_to_them(monkeypatch):
    model = curved.Curved("farther root", cells=8)
    surrogate = made(model, "mean", 3e-2)
    residual = surrogate.model.residual
    assert residual.spread == pytest.approx(0.75 * np.ptp(residual.known, axis=0), rel=1e-6)
    errors, figures = compared(surrogate, model)
    assert (errors <= figures).all() and figures.max() < 3e-2
    monkeypatch.setattr("locum.surrogates.nonlinear_training._MARGINS", (0.5,))
    with pytest.raises(ModelError, match="the residual holds values that are not finite at amplitude ="):
        made(model, "mean", 3e-2)


def test_equations_that_no_polynomial_follows_say_so_by_their_figures():
    model = curved.Curved("front", 60.0)
    try:
        errors, figures = compared(made(model, "mean", 1e-3), model)
    except FitError as error:
        assert "finds no solution" in str(error)
    else:
        assert np.median(figures) > 1e-2 and np.mean(errors <= figures) > 0.95
