"""The inferred surrogate: it learns equations from a black box, knows where it errs, and is read back."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from locum.errors import Tolerance, Truth, calibrate
from locum.exceptions import FitError, ParameterError, StorageError
from locum.highfidelity import Mesh, ThermalBlock
from locum.highfidelity.field import FieldDescription
from locum.inference import Structure
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import Description, FieldData, TrainingData, load_surrogate, read_saved, write_saved
from locum.surrogates.inferred import InferredSurrogate
from locum.surrogates.inferred_training import InferredOptions, train_inferred
from locum.surrogates.saved import Saved

MODEL = ThermalBlock(cells=12)
TOY = ParameterSpace((Parameter("a", 0.5, 2.0), Parameter("b", 0.5, 2.0)))
NODES = 24


def block_truth(values):
    names = MODEL.parameters.names
    answers = [MODEL.simulate(dict(zip(names, row.tolist(), strict=True))) for row in values]
    return (
        np.stack([answer["temperature"].values for answer in answers]),
        np.array([float(answer["mean_temperature"]) for answer in answers]),
    )


def toy_truth(values, wiggle=0.0):
    """(a A + b B) u = f on a few nodes, and something that no structure of the library holds."""
    generator = np.random.default_rng(5)
    parts = generator.standard_normal((2, 6, 6))
    matrices = parts @ parts.transpose(0, 2, 1) + np.eye(6)
    states = np.linalg.solve(np.einsum("qt,tij->qij", values, matrices), np.ones((len(values), 6, 1)))[
        :, :, 0
    ]
    extra = wiggle * np.sin(6.0 * values[:, :1] + values[:, 1:])
    return np.concatenate([states, extra], axis=1) @ generator.standard_normal((7, NODES))


def toy_data(count, wiggle=0.0, tolerance=1e-3):
    values = sobol_design(TOY, count, np.random.default_rng(0))
    fields = toy_truth(values, wiggle)
    mesh = Mesh(np.linspace(0.0, 1.0, NODES)[:, None])
    description = Description(TOY, {"u": FieldDescription("u", ("node",), (NODES,), "")}, {}, mesh)
    field = FieldData(lambda: [fields], InnerProduct(), tolerance)
    return TrainingData(description, values, {"u": field}, {})


@pytest.fixture(scope="module")
def block():
    """Thirty solves of the thermal block on a coarse mesh, and what was learnt of them."""
    values = sobol_design(MODEL.parameters, 30, np.random.default_rng(0))
    fields, means = block_truth(values)
    mesh = Mesh.from_ugrid(MODEL.simulate(dict.fromkeys(MODEL.parameters.names, 1.0)))
    field = FieldDescription("temperature", ("node",), (mesh.nodes,), "")
    description = Description(MODEL.parameters, {"temperature": field}, {"mean_temperature": ""}, mesh)
    product = InnerProduct(MODEL.inner_product("temperature"))
    data = TrainingData(
        description,
        values,
        {"temperature": FieldData(lambda: [fields], product, 1e-2)},
        {"mean_temperature": means},
    )
    surrogate, statistics = train_inferred(data, InferredOptions())
    held_out = MODEL.parameters.sample(200, np.random.default_rng(1))
    truth, true_means = block_truth(held_out)
    return SimpleNamespace(
        data=data,
        surrogate=surrogate,
        statistics=statistics["temperature"],
        held_out=held_out,
        truth=truth,
        means=true_means,
    )


def test_thirty_solves_of_a_black_box_give_one_per_cent(block):
    """The structure is found, operators are symmetric, and the worst of 200 fields is below one per cent."""
    assert block.statistics.structure == str(Structure(MODEL.parameters.names, ("1",)))
    assert block.statistics.symmetric and block.surrogate.kind == "inferred"
    errors = block.surrogate.field_errors("temperature", block.held_out, block.truth)
    assert errors.total.max() < 1e-2
    assert (errors.projection <= errors.total).all()


def test_a_quantity_that_is_linear_in_the_field_is_found_to_be(block):
    assert set(block.surrogate.functionals) == {"mean_temperature"}
    found = block.surrogate.quantity_values(block.held_out)[:, 0]
    assert np.abs(found / block.means - 1.0).max() < 1e-3


def test_the_indicator_grows_with_the_error_and_is_calibrated(block):
    indicator = block.surrogate.field_indicator("temperature", block.held_out)
    errors = block.surrogate.field_errors("temperature", block.held_out, block.truth).total
    ranks = [np.argsort(np.argsort(each)) for each in (indicator, errors)]
    assert np.corrcoef(ranks)[0, 1] > 0.5
    truth = Truth(
        block.held_out[:100],
        {"temperature": lambda: [block.truth[:100]]},
        {"mean_temperature": block.means[:100]},
    )
    calibration = calibrate(
        block.surrogate,
        truth,
        coverage=0.9,
        tolerances={"temperature": Tolerance(1e-2)},
        generator=np.random.default_rng(2),
    )
    figures = calibration.outputs["temperature"].figure(indicator[100:])
    assert 0.8 <= np.mean(errors[100:] <= figures) <= 1.0
    figures = calibration.outputs["mean_temperature"].figure(
        block.surrogate.quantity_indicators(block.held_out)[100:, 0] / block.means[100:]
    )
    relative = np.abs(block.surrogate.quantity_values(block.held_out)[100:, 0] / block.means[100:] - 1.0)
    assert 0.75 <= np.mean(relative <= figures) <= 1.0


def test_far_from_the_training_samples_is_farther(block):
    surrogate = block.surrogate
    assert surrogate.distance(block.data.values).max() < 1e-7
    assert (surrogate.distance(block.held_out) > 0.0).all()
    assert surrogate.inverse_lengthscales(["temperature"]).shape == (4,)
    assert surrogate.surprise(["mean_temperature"]).shape == (30,)


def test_saved_and_loaded_it_answers_the_same_bits(block, tmp_path):
    block.surrogate.save(tmp_path)
    again = load_surrogate(tmp_path)
    assert isinstance(again, InferredSurrogate) and again.kind == "inferred"
    for ask in (
        lambda each: each.coordinates("temperature", block.held_out),
        lambda each: each.field_indicator("temperature", block.held_out),
        lambda each: each.quantity_values(block.held_out),
        lambda each: each.quantity_indicators(block.held_out),
        lambda each: each.distance(block.held_out),
    ):
        assert np.array_equal(ask(again), ask(block.surrogate))
    saved = read_saved(tmp_path, "surrogate")
    broken = {name: array for name, array in saved.arrays.items() if not name.endswith("matrices")}
    write_saved(tmp_path, "surrogate", Saved(saved.kind, saved.content, broken))
    with pytest.raises(StorageError, match="cannot be read"):
        load_surrogate(tmp_path)


def test_a_correction_is_taken_where_it_helps_and_only_there(tmp_path):
    declared = InferredOptions(Structure(("a", "b"), ("1",)))
    held_out = TOY.sample(100, np.random.default_rng(3))
    truth = toy_truth(held_out, 0.01)
    hybrid, statistics = train_inferred(toy_data(30, wiggle=0.01), declared)
    assert hybrid.kind == "hybrid"
    assert np.mean(statistics["u"].corrected ** 2) < np.mean(statistics["u"].errors ** 2)
    without = replace(hybrid, fields={"u": replace(hybrid.fields["u"], correction=None)})
    errors, plain = (each.field_errors("u", held_out, truth).total for each in (hybrid, without))
    assert np.sqrt(np.mean(errors**2)) < 0.7 * np.sqrt(np.mean(plain**2))
    assert (hybrid.field_indicator("u", held_out) > without.field_indicator("u", held_out)).all()
    hybrid.save(tmp_path)
    again = load_surrogate(tmp_path)
    assert again.kind == "hybrid"
    assert np.array_equal(again.coordinates("u", held_out), hybrid.coordinates("u", held_out))
    exact, _ = train_inferred(toy_data(30), declared)
    assert exact.kind == "inferred"


def test_data_of_a_known_model_are_recovered():
    surrogate, _ = train_inferred(toy_data(30, tolerance=1e-12), InferredOptions())
    values = TOY.sample(100, np.random.default_rng(3))
    assert surrogate.field_errors("u", values, toy_truth(values)).total.max() < 1e-10


def test_a_wrong_declared_structure_is_named():
    wrong = Structure(("1 / a", "b"), ("1",))
    with pytest.raises(FitError, match=r"declared terms \(matrix: 1 / a, b; load: 1\) leave .*matrix: a, b"):
        train_inferred(toy_data(30), InferredOptions(wrong))
    with pytest.raises(ParameterError, match="unknown name 'c'"):
        train_inferred(toy_data(30), InferredOptions(Structure(("a", "c"), ("1",))))


def test_too_few_simulations_are_refused():
    with pytest.raises(FitError, match="at least 8 simulations"):
        train_inferred(toy_data(6), InferredOptions())


def test_a_transient_field_has_an_evolution_equation(tmp_path):
    """A rod that is heated from one end: found from twelve runs, and the functional of its last mean."""
    times, space = np.linspace(0.0, 1.0, 11), TOY
    stiffness = 2.0 * np.eye(NODES) - np.eye(NODES, k=1) - np.eye(NODES, k=-1)

    def truth(values):
        state, steps = np.zeros((len(values), NODES)), [np.zeros((len(values), NODES))]
        systems = np.eye(NODES) + values[:, :1, None] * stiffness
        for _ in times[1:]:
            state = np.linalg.solve(systems, (state + 0.1 * values[:, 1:] * np.eye(NODES)[0])[:, :, None])[
                :, :, 0
            ]
            steps.append(state)
        return np.stack(steps, axis=1)

    values = sobol_design(space, 12, np.random.default_rng(0))
    fields = truth(values)
    mesh = Mesh(np.linspace(0.0, 1.0, NODES)[:, None])
    shape = FieldDescription("u", ("time", "node"), (11, NODES), "")
    description = Description(space, {"u": shape}, {"end": ""}, mesh, times)
    data = TrainingData(
        description,
        values,
        {"u": FieldData(lambda: [fields], InnerProduct(), 1e-4)},
        {"end": fields[:, -1].mean(axis=1)},
    )
    surrogate, statistics = train_inferred(data, InferredOptions(correction="never"))
    held_out = space.sample(50, np.random.default_rng(1))
    expected = truth(held_out)
    assert surrogate.field_errors("u", held_out, expected).total.max() < 1e-3
    assert "state: 1, a" in statistics["u"].structure or "state: a" in statistics["u"].structure
    assert set(surrogate.functionals) == {"end"}
    end = surrogate.quantity_values(held_out)[:, 0]
    assert end == pytest.approx(expected[:, -1].mean(axis=1), rel=1e-2)
    surrogate.save(tmp_path)
    again = load_surrogate(tmp_path)
    assert np.array_equal(again.coordinates("u", held_out), surrogate.coordinates("u", held_out))
    assert np.array_equal(again.field_indicator("u", held_out), surrogate.field_indicator("u", held_out))
