"""What Newton corrections say of an interpolated field of a nonlinear model: sharper than the deviation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from locum.errors import conformal_quantile
from locum.errors.newton_corrector import estimated_errors, newton_scaled
from locum.exceptions import FitError, ModelError
from locum.highfidelity import FieldDescription, Mesh, SelfHeating, lumped_mass
from locum.parameters import sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import (
    Description,
    FieldData,
    InterpolatedOptions,
    TrainingData,
    load_surrogate,
    train_interpolated,
)

MODEL = SelfHeating(cells=40)
SPACE = MODEL.parameters
FIELD = "temperature"


def fields_at(values):
    runs = (MODEL.simulate(dict(zip(SPACE.names, row.tolist(), strict=True))) for row in values)
    return np.stack([run[FIELD].values for run in runs])


def sample(count, seed):
    return SPACE.sample(count, np.random.default_rng(seed))


def trained(snapshots, values, **times):
    shape = snapshots.shape[1:]
    mesh = Mesh.from_ugrid(MODEL.simulate(dict(zip(SPACE.names, values[0].tolist(), strict=True))))
    dimensions = ("time", "node")[-len(shape) :]
    described = Description(SPACE, {FIELD: FieldDescription(FIELD, dimensions, shape, "")}, {}, mesh, **times)
    field = FieldData(lambda: [snapshots], InnerProduct(lumped_mass(mesh)), 0.02)
    return train_interpolated(
        TrainingData(described, values, {FIELD: field}, {}), InterpolatedOptions()
    ).surrogate


@pytest.fixture(scope="module")
def surrogate():
    """POD and Gaussian processes on 40 simulations of a response that is steep in a narrow band."""
    values = sobol_design(SPACE, 40, np.random.default_rng(0))
    return trained(fields_at(values), values)


@pytest.fixture(scope="module")
def scaled(surrogate):
    return newton_scaled(surrogate, MODEL, np.random.default_rng(3))


def test_an_estimated_error_is_the_error(surrogate):
    values = sample(30, 4)
    errors = surrogate.field_errors(FIELD, values, fields_at(values)).total
    ratios = estimated_errors(surrogate, MODEL, values) / errors
    assert np.median(np.abs(ratios - 1.0)) < 1e-2


def test_calibrated_it_is_sharper_than_the_deviation_of_the_regression(surrogate, scaled):
    """Figure over error, both covering 90 % of held-out queries."""
    held_out, fresh = sample(80, 4), sample(120, 5)
    errors = [surrogate.field_errors(FIELD, v, fields_at(v)).total for v in (held_out, fresh)]
    median = {}
    for name, asked in {"deviation": surrogate, "scaled": scaled}.items():
        factor = conformal_quantile(errors[0] / asked.field_indicator(FIELD, held_out), 0.9)
        ratio = factor * asked.field_indicator(FIELD, fresh) / errors[1]
        median[name] = float(np.median(ratio))
        print(f"{name}: factor {factor:.2f}, median {median[name]:.2f}, covers {(ratio >= 1).mean():.2f}")
        assert (ratio >= 1).mean() >= 0.8
    assert median["scaled"] < 0.5 * median["deviation"]


def test_saved_with_the_surrogate_it_indicates_the_same_bits_and_needs_no_model(scaled, tmp_path):
    values = sample(10, 6)
    scaled.save(tmp_path)
    found = load_surrogate(tmp_path)
    assert (found.field_indicator(FIELD, values) == scaled.field_indicator(FIELD, values)).all()


def test_it_still_knows_what_is_being_simulated(scaled):
    running = sample(1, 7)
    before, after = (
        each.field_indicator(FIELD, running) for each in (scaled, scaled.conditioned_on(running))
    )
    assert after < before


def test_equations_that_say_nothing_are_told(surrogate):
    class Flat(SelfHeating):
        def jacobian(self, state, parameters):
            return sp.csr_array((len(state), len(state)))

    with pytest.raises(FitError, match="0 of 8 estimated errors"):
        newton_scaled(surrogate, Flat(cells=40), np.random.default_rng(0), count=8)


def test_a_field_that_changes_in_time_is_refused():
    values = sobol_design(SPACE, 12, np.random.default_rng(0))
    snapshots = np.stack([0.5 * fields_at(values), fields_at(values)], axis=1)
    with pytest.raises(ModelError, match="changes in time"):
        estimated_errors(trained(snapshots, values, times=np.array([0.0, 1.0])), MODEL, values[:1])
