"""The projected surrogate of a model that evolves in time: bounds hold, loading keeps the bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.errors import Tolerance
from locum.exceptions import ModelError, StorageError
from locum.execution.projecting import project
from locum.highfidelity import FieldDescription, HeatEquation, Mesh, ThermalBlock
from locum.reduction.stability import KnownConstant
from locum.surrogates import Description, ProjectedEvolution, Saved, load_surrogate, read_saved
from locum.surrogates.evolution_training import evolution_problem, projected_evolution

MODELS = {theta: HeatEquation(cells=12, steps=10, implicitness=theta) for theta in (1.0, 0.5)}
TOLERANCES = {"temperature": Tolerance(0.05), "final_mean_temperature": Tolerance(0.002)}


def simulated(model, values):
    return [model.simulate(dict(zip(model.parameters.names, row.tolist(), strict=True))) for row in values]


def sample(count, seed):
    return MODELS[1.0].parameters.sample(count, np.random.default_rng(seed))


def fields(snapshots):
    return np.stack([snapshot["temperature"].values for snapshot in snapshots])


def described(model, quantities=("final_mean_temperature",)):
    mesh = Mesh.from_ugrid(simulated(model, sample(1, 0))[0])
    times = model.time_grid()
    field = FieldDescription("temperature", ("time", "node"), (len(times), mesh.nodes), "")
    return Description(
        model.parameters, {"temperature": field}, dict.fromkeys(quantities, ""), mesh, times, ""
    )


def trained(model, values):
    snapshots = fields(simulated(model, values))
    return project(
        evolution_problem(model),
        described(model),
        values,
        lambda: (snapshots[start : start + 5] for start in range(0, len(snapshots), 5)),
        TOLERANCES,
        0.2,
    )


@pytest.fixture(scope="module", params=[1.0, 0.5], ids=["implicit Euler", "Crank-Nicolson"])
def surrogate(request):
    return trained(MODELS[request.param], sample(12, 1))


@pytest.fixture(scope="module")
def euler():
    return trained(MODELS[1.0], sample(8, 1))


def test_every_answer_lies_within_its_bound(surrogate):
    """200 random parameters: the figure bounds just what an audit measures."""
    assert isinstance(surrogate, ProjectedEvolution) and surrogate.figure_kind == "bound"
    values = sample(200, 2)
    truth = simulated(MODELS[surrogate.model.implicitness], values)
    errors = surrogate.field_errors("temperature", values, fields(truth))
    bounds = surrogate.field_indicator("temperature", values)
    assert (errors.total <= bounds).all() and (errors.projection <= errors.total).all()
    print(np.median(bounds / errors.total), np.median(bounds), surrogate.rank)
    means = np.array([float(snapshot["final_mean_temperature"]) for snapshot in truth])
    found = surrogate.quantity_values(values)[:, 0]
    figures = surrogate.quantity_indicators(values)[:, 0]
    assert (np.abs(found - means) <= figures).all()
    assert np.median(figures / means) < 0.002


def test_modes_are_kept_until_the_simulations_lie_well_within_tolerance(surrogate):
    figures = surrogate.field_indicator("temperature", surrogate.training)
    assert 1e-3 < figures.max() <= 0.025
    values = surrogate.quantity_values(surrogate.training)
    assert (surrogate.quantity_indicators(surrogate.training) <= 0.001 * values).all()


def test_a_prediction_has_all_times_and_the_quantity(surrogate):
    values = sample(3, 4)
    truth = simulated(MODELS[surrogate.model.implicitness], values)
    dataset = surrogate.predict(values).to_xarray()
    assert dataset["temperature"].dims == ("sample", "time", "node")
    assert (dataset["time"].values == surrogate.model.times).all()
    assert dataset["temperature"].values == pytest.approx(fields(truth), abs=2e-2)
    assert dataset["final_mean_temperature"].values == pytest.approx(
        [float(s["final_mean_temperature"]) for s in truth], rel=1e-2
    )


def test_coordinates_are_orthonormal_in_the_norm_over_space_and_time(surrogate):
    values = sample(4, 5)
    coordinates = surrogate.coordinates("temperature", values)
    expanded = surrogate.expand("temperature", coordinates)
    assert np.linalg.norm(coordinates, axis=1) == pytest.approx(surrogate.basis.norms(expanded))
    assert surrogate.basis.coordinates(expanded) == pytest.approx(coordinates, abs=1e-12)
    assert surrogate.solve(values).norms == pytest.approx(surrogate.basis.norms(expanded))


def test_loaded_it_answers_the_same_bits_and_is_saved_as_the_same_bytes(euler, tmp_path):
    euler.save(tmp_path / "one")
    again = load_surrogate(tmp_path / "one")
    assert isinstance(again, ProjectedEvolution) and again.figure_kind == "bound"
    values = sample(50, 5)
    for one, other in zip(again.solve(values), euler.solve(values), strict=True):
        assert (one == other).all()
    coordinates = euler.coordinates("temperature", values[:3])
    assert (again.coordinates("temperature", values[:3]) == coordinates).all()
    assert (again.expand("temperature", coordinates) == euler.expand("temperature", coordinates)).all()
    again.save(tmp_path / "two")
    for name in ("surrogate.json", "surrogate.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_last_sweep_is_kept_and_never_mistaken_for_another(euler):
    values = sample(1000, 6)
    assert euler.solve(values[:9]) is not euler.solve(values[:9])
    first = euler.solve(values)
    assert euler.solve(values.copy()) is first
    values[0, 0] *= 1.5
    assert euler.solve(values).outputs[0] != first.outputs[0]
    assert euler.quantity_values(values) == pytest.approx(euler.model.outputs(values), rel=1e-12)


def test_damaged_or_foreign_parts_are_refused(euler, tmp_path):
    euler.save(tmp_path)
    saved = read_saved(tmp_path, "surrogate")
    cases = [
        ({"implicitness": 0.2}, {}),
        ({}, {"steps.initial": np.zeros(3)}),
        ({}, {"steps.mass_norms": np.zeros(4)}),
        ({}, {"steps.times": np.linspace(0.0, 2.0, 11)}),
        ({}, {"basis.times": np.zeros(11)}),
    ]
    for content, arrays in cases:
        with pytest.raises(StorageError, match="cannot be read"):
            ProjectedEvolution.from_saved(
                Saved(saved.kind, {**saved.content, **content}, {**saved.arrays, **arrays})
            )
    with pytest.raises(StorageError, match="cannot be read"):
        ProjectedEvolution.from_saved(Saved(saved.kind, {}, saved.arrays))


def test_code_is_never_saved(euler, tmp_path):
    code = replace(euler.model, stability=KnownConstant(lambda values: values[:, 0]))
    with pytest.raises(StorageError, match="cannot be saved"):
        replace(euler, model=code).save(tmp_path)


def test_a_parameter_without_stability_has_infinite_figures(surrogate):
    values = sample(2, 0)
    values[0, 2] = -0.5
    found = surrogate.solve(values)
    assert np.isinf(found.relative[0]) and np.isinf(found.output_errors[0]).all()
    assert np.isfinite(found.relative[1]) and np.isfinite(found.output_errors[1]).all()


def test_what_cannot_be_projected_is_told_in_a_sentence():
    with pytest.raises(ModelError, match="'thermal_block' has no time steps to project: it needs"):
        evolution_problem(ThermalBlock(cells=4))
    problem = evolution_problem(MODELS[1.0])
    with pytest.raises(ModelError, match="'highest_temperature' is no linear functional"):
        projected_evolution(
            problem,
            described(MODELS[1.0], ("highest_temperature",)),
            problem.evolved.start(),
            np.ones((1, 4)),
        )
