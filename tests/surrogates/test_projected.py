"""The projected surrogate: answers with a bound, and after loading the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from locum.adaptivity.greedy import GreedyOutcome, weak_greedy
from locum.exceptions import ModelError, StorageError
from locum.highfidelity import (
    AdvectionDiffusion,
    FieldDescription,
    HeatEquation,
    Mesh,
    SelfHeating,
    ThermalBlock,
)
from locum.reduction.projection import Projection
from locum.reduction.stability import KnownConstant, MinTheta
from locum.surrogates import Description, load_surrogate
from locum.surrogates.projected import ProjectedSurrogate
from locum.surrogates.projection_training import affine_problem, projected_surrogate
from locum.surrogates.separated_problem import separated_problem

MODEL = ThermalBlock(cells=16)


def simulated(values):
    return [MODEL.simulate(dict(zip(MODEL.parameters.names, row.tolist(), strict=True))) for row in values]


def sample(count, seed):
    return MODEL.parameters.sample(count, np.random.default_rng(seed))


def described(quantities=("mean_temperature",)):
    mesh = Mesh.from_ugrid(simulated(sample(1, 0))[0])
    field = FieldDescription("temperature", ("node",), (mesh.nodes,), "")
    return Description(MODEL.parameters, {"temperature": field}, dict.fromkeys(quantities, ""), mesh)


@pytest.fixture(scope="module")
def problem():
    return affine_problem(MODEL)


@pytest.fixture(scope="module")
def surrogate(problem):
    result = weak_greedy(
        Projection.start(problem.system),
        problem.coefficients,
        problem.stability,
        sample(500, 0),
        lambda values: problem.unknowns(np.stack([s["temperature"].values for s in simulated(values)])),
        tolerance=1e-3,
        budget=30,
    )
    assert result.outcome is GreedyOutcome.REACHED
    return projected_surrogate(problem, described(), result.projection, result.chosen)


def test_min_theta_is_found_where_it_holds(problem):
    """X is the operator at ones: the constant is the smallest conductivity, up to the eigenvalue solver."""
    assert isinstance(problem.stability, MinTheta)
    values = sample(20, 1)
    assert problem.stability(values, values) == pytest.approx(values.min(axis=1), rel=1e-6)
    assert (problem.stability(values, values) <= values.min(axis=1)).all()


def test_every_answer_lies_within_its_bound(surrogate):
    assert surrogate.figure_kind == "bound"
    values = sample(100, 2)
    truth = simulated(values)
    fields = np.stack([snapshot["temperature"].values for snapshot in truth])
    errors = surrogate.field_errors("temperature", values, fields)
    bounds = surrogate.field_indicator("temperature", values)
    assert (errors.total <= bounds).all()
    assert (errors.projection <= errors.total).all()
    assert bounds.max() < 1e-2
    means = np.array([float(snapshot["mean_temperature"]) for snapshot in truth])
    found = surrogate.quantity_values(values)[:, 0]
    assert (np.abs(found - means) <= surrogate.quantity_indicators(values)[:, 0]).all()


def test_a_dual_corrects_the_quantity_and_sharpens_its_bound(problem, surrogate):
    """The load is the functional, so that the primal snapshots are dual solutions."""
    snapshots = problem.system.solve(*problem.coefficients(surrogate.training))
    primal = Projection.start(problem.system).extended(snapshots)
    functional = problem.functionals["mean_temperature"]
    dual = Projection.start(problem.system.adjoint(functional)).extended(snapshots)
    sharper = projected_surrogate(
        problem, described(), primal, surrogate.training, {"mean_temperature": dual}
    )
    values = sample(50, 3)
    means = np.array([float(snapshot["mean_temperature"]) for snapshot in simulated(values)])
    figures = sharper.quantity_indicators(values)[:, 0]
    assert (np.abs(sharper.quantity_values(values)[:, 0] - means) <= figures).all()
    assert np.median(figures) < 0.01 * np.median(surrogate.quantity_indicators(values)[:, 0])


def test_a_prediction_has_field_and_quantity(surrogate):
    values = sample(3, 4)
    prediction = surrogate.predict(values)
    dataset = prediction.to_xarray()
    truth = simulated(values)
    for row in range(3):
        assert dataset["temperature"].values[row] == pytest.approx(truth[row]["temperature"].values, abs=1e-4)
    assert prediction["mean_temperature"] == pytest.approx(
        [float(s["mean_temperature"]) for s in truth], rel=1e-3
    )


def test_loaded_it_answers_the_same_bits(surrogate, tmp_path):
    surrogate.save(tmp_path)
    again = load_surrogate(tmp_path)
    assert isinstance(again, ProjectedSurrogate)
    values = sample(50, 5)
    assert again.figure_kind == "bound"
    assert (again.coordinates("temperature", values) == surrogate.coordinates("temperature", values)).all()
    for ask in ("quantity_values", "quantity_indicators"):
        assert (getattr(again, ask)(values) == getattr(surrogate, ask)(values)).all()
    assert (
        again.field_indicator("temperature", values) == surrogate.field_indicator("temperature", values)
    ).all()
    one = again.expand("temperature", again.coordinates("temperature", values))
    assert (one == surrogate.expand("temperature", surrogate.coordinates("temperature", values))).all()


def test_the_same_surrogate_is_saved_as_the_same_bytes(surrogate, tmp_path):
    surrogate.save(tmp_path / "one")
    load_surrogate(tmp_path / "one").save(tmp_path / "two")
    for name in ("surrogate.json", "surrogate.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_code_is_never_saved(problem, surrogate, tmp_path):
    model = surrogate.model
    for damaged in ("coefficients", "stability"):
        broken = type(model)(model.reduced, model.coefficients, model.stability)
        code = (
            MODEL.affine_coefficients
            if damaged == "coefficients"
            else KnownConstant(lambda values: values[:, 0])
        )
        object.__setattr__(broken, damaged, code)
        other = ProjectedSurrogate(
            surrogate.description, surrogate.basis, broken, surrogate.outputs, surrogate.training
        )
        with pytest.raises(StorageError, match=r"never saved|cannot be saved"):
            other.save(tmp_path)


def test_a_model_that_only_assembles_is_projected_with_an_estimate(tmp_path):
    """Separation, interpolated coefficients and constants: no code is left, and the figure is an estimate."""
    model = AdvectionDiffusion(cells=12)

    def fields_at(values):
        runs = (
            model.simulate(dict(zip(model.parameters.names, row.tolist(), strict=True))) for row in values
        )
        return np.stack([run["concentration"].values for run in runs])

    problem = separated_problem(model, rtol=1e-4)
    training = model.parameters.sample(40, np.random.default_rng(1))
    projection = Projection.start(problem.system).extended(problem.unknowns(fields_at(training)))
    mesh = Mesh.from_ugrid(model.simulate(dict(zip(model.parameters.names, training[0], strict=True))))
    field = FieldDescription("concentration", ("node",), (mesh.nodes,), "")
    description = Description(model.parameters, {"concentration": field}, {"mean_concentration": ""}, mesh)
    surrogate = projected_surrogate(problem, description, projection, training)
    assert surrogate.figure_kind == "estimate"
    values = model.parameters.sample(60, np.random.default_rng(2))
    errors = surrogate.field_errors("concentration", values, fields_at(values)).total
    figures = surrogate.field_indicator("concentration", values)
    print(problem.separation_error, np.median(errors), np.median(figures), np.mean(figures >= errors))
    assert np.mean(figures >= errors) >= 0.95
    assert np.median(errors) < 3e-3
    surrogate.save(tmp_path)
    again = load_surrogate(tmp_path)
    assert (again.field_indicator("concentration", values) == figures).all()


def test_what_cannot_be_projected_is_told_in_a_sentence(problem, surrogate):
    with pytest.raises(ModelError, match="needs affine_operators"):
        affine_problem(SelfHeating(cells=4))
    with pytest.raises(ModelError, match="needs affine_operators"):
        affine_problem(AdvectionDiffusion(cells=4))
    with pytest.raises(ModelError, match="needs operators"):
        separated_problem(SelfHeating(cells=4))
    with pytest.raises(ModelError, match="evolves in time"):
        affine_problem(HeatEquation(cells=4))
    with pytest.raises(ModelError, match="'highest_temperature' is no linear functional"):
        projected_surrogate(
            problem, described(("highest_temperature",)), Projection.start(problem.system), np.ones((1, 4))
        )


def test_a_parameter_without_stability_has_an_infinite_figure(surrogate):
    values = sample(1, 0)
    values[0, 2] = -0.5
    assert np.isinf(surrogate.field_indicator("temperature", values)).all()
