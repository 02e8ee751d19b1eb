"""A checked surrogate whose figures are bounds: nothing is scaled, everything else works unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from locum.errors import CheckedSurrogate, Domain, Tolerance, Truth, Verdict, calibrate
from locum.errors.calibration import measured_indicator
from locum.errors.measured import quantity_errors
from locum.highfidelity import FieldDescription, Mesh, ThermalBlock
from locum.reduction.projection import Projection
from locum.surrogates import Description
from locum.surrogates.projection_training import affine_problem, projected_surrogate

MODEL = ThermalBlock(cells=12)
TOLERANCES = {"temperature": Tolerance(1e-2), "mean_temperature": Tolerance(1e-2)}


def simulated(values):
    return [MODEL.simulate(dict(zip(MODEL.parameters.names, row.tolist(), strict=True))) for row in values]


def sample(count, seed):
    return MODEL.parameters.sample(count, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def checked():
    problem = affine_problem(MODEL)
    training, held_out = sample(12, 0), sample(25, 1)
    snapshots = simulated(training)
    mesh = Mesh.from_ugrid(snapshots[0])
    field = FieldDescription("temperature", ("node",), (mesh.nodes,), "")
    description = Description(MODEL.parameters, {"temperature": field}, {"mean_temperature": ""}, mesh)
    fields = np.stack([snapshot["temperature"].values for snapshot in snapshots])
    projection = Projection.start(problem.system).extended(problem.unknowns(fields))
    surrogate = projected_surrogate(problem, description, projection, training)
    runs = simulated(held_out)
    truth = Truth(
        held_out,
        {"temperature": lambda: iter([np.stack([run["temperature"].values for run in runs])])},
        {"mean_temperature": np.array([float(run["mean_temperature"]) for run in runs])},
    )
    calibration = calibrate(
        surrogate, truth, coverage=0.9, tolerances=TOLERANCES, generator=np.random.default_rng(2)
    )
    return CheckedSurrogate(surrogate, calibration, Domain(MODEL.parameters, 1.0), TOLERANCES)


def test_its_figures_are_the_bounds_themselves(checked):
    values = sample(40, 3)
    prediction = checked.predict(values)
    figure = prediction.error_figures["temperature"]
    assert figure.kind == "bound"
    assert figure.coverage is None
    assert (figure.value == checked.surrogate.field_indicator("temperature", values)).all()
    assert prediction.error_figures["mean_temperature"].kind == "bound"
    fields = np.stack([run["temperature"].values for run in simulated(values)])
    assert (checked.surrogate.field_errors("temperature", values, fields).total <= figure.value).all()
    assert set(prediction.verdict) <= {Verdict.WITHIN, Verdict.OVER}
    attributes = prediction.to_xarray()["temperature_error_figure"].attrs
    assert attributes["kind"] == "bound"
    assert "coverage" not in attributes


def test_a_relative_bound_holds_for_any_true_value_that_the_absolute_one_allows() -> None:
    generator = np.random.default_rng(0)
    values, bounds = generator.normal(size=2000), generator.exponential(size=2000)
    figures = measured_indicator(values, bounds, "relative", "bound")
    for share in (-1.0, -0.9, 0.3, 1.0):
        truth = values + share * bounds
        errors = quantity_errors(values, truth, "relative")
        assert (errors <= figures * (1 + 1e-12)).all()
    assert (np.isinf(figures) == (bounds >= np.abs(values))).all()
    sharp = np.isfinite(figures)
    nearest = values - np.sign(values) * bounds  # the true value that is closest to zero
    assert np.allclose(quantity_errors(values, nearest, "relative")[sharp], figures[sharp])


def test_a_relative_quantity_is_measured_by_its_least_true_value(checked) -> None:
    values = sample(40, 5)
    value, bound = checked.surrogate.quantity_values(values), checked.surrogate.quantity_indicators(values)
    figure = checked.predict(values).figure("mean_temperature")
    expected = bound / (np.abs(value) - bound)
    assert np.allclose(figure, np.where(expected > 0, expected, np.inf)[:, 0])
    assert np.isfinite(figure).any()


def test_the_held_out_simulations_tell_how_it_held(checked):
    output = checked.calibration.outputs["temperature"]
    assert output.factor == 1.0
    assert output.summary == "the model's equations; it held on 25 of 25 independent simulations"
    assert output.scores.max() <= 1.0


def test_saved_and_loaded_it_is_still_a_bound(checked, tmp_path):
    checked.save(tmp_path)
    again = CheckedSurrogate.load(tmp_path)
    values = sample(10, 4)
    one, other = (each.predict(values).error_figures["temperature"] for each in (checked, again))
    assert other.kind == "bound"
    assert (one.value == other.value).all()
