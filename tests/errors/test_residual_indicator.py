"""What the equations say of an interpolated prediction: sharper than the regression's own deviation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.errors import conformal_quantile
from locum.exceptions import ModelError
from locum.highfidelity import AdvectionDiffusion, FieldDescription, Mesh
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
from locum.surrogates.residual_indicator import residual_indicator
from locum.surrogates.separated_problem import separated_problem

MODEL = AdvectionDiffusion(cells=20)
PRODUCT = MODEL.inner_product("concentration")


def fields_at(values):
    names = MODEL.parameters.names
    runs = (MODEL.simulate(dict(zip(names, row.tolist(), strict=True))) for row in values)
    return np.stack([run["concentration"].values for run in runs])


def sample(count, seed):
    return MODEL.parameters.sample(count, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def surrogate():
    """POD and Gaussian processes on 60 solves, in the norm of the equations."""
    values = sobol_design(MODEL.parameters, 60, np.random.default_rng(0))
    snapshots = fields_at(values)
    example = MODEL.simulate(dict(zip(MODEL.parameters.names, values[0], strict=True)))
    mesh = Mesh.from_ugrid(example)
    field = FieldDescription("concentration", ("node",), (mesh.nodes,), "")
    data = TrainingData(
        Description(MODEL.parameters, {"concentration": field}, {}, mesh),
        values,
        {"concentration": FieldData(lambda: [snapshots], InnerProduct(PRODUCT), 0.01)},
        {},
    )
    return train_interpolated(data, InterpolatedOptions()).surrogate


@pytest.fixture(scope="module")
def indicator(surrogate):
    problem = separated_problem(MODEL, rtol=1e-4)
    return residual_indicator(surrogate.fields["concentration"].basis, problem)


def test_calibrated_it_is_sharper_than_the_deviation_of_the_regression(surrogate, indicator):
    """Non-affine, not symmetric: figure over error at the median, both covering 90 % of held-out queries."""
    held_out, fresh = sample(60, 4), sample(100, 5)
    errors = [surrogate.field_errors("concentration", v, fields_at(v)).total for v in (held_out, fresh)]
    median = {}
    for name, asked in {
        "deviation": surrogate,
        "residual": surrogate.with_residual("concentration", indicator),
    }.items():
        factor = conformal_quantile(errors[0] / asked.field_indicator("concentration", held_out), 0.9)
        ratio = factor * asked.field_indicator("concentration", fresh) / errors[1]
        median[name] = float(np.median(ratio))
        print(f"{name}: factor {factor:.2f}, median {median[name]:.2f}, covers {(ratio >= 1).mean():.2f}")
        assert (ratio >= 1).mean() >= 0.8
    assert median["residual"] < median["deviation"]


def test_saved_with_the_surrogate_it_indicates_the_same_bits(surrogate, indicator, tmp_path):
    indicated = surrogate.with_residual("concentration", indicator)
    indicated.save(tmp_path / "with")
    surrogate.save(tmp_path / "without")
    values = sample(10, 6)
    for expected, folder in ((indicated, "with"), (surrogate, "without")):
        again = load_surrogate(tmp_path / folder)
        found = again.field_indicator("concentration", values)
        assert (found == expected.field_indicator("concentration", values)).all()
    assert (found != indicated.field_indicator("concentration", values)).all()


def test_a_basis_of_another_norm_is_refused(surrogate):
    problem = separated_problem(MODEL, rtol=1e-2)
    system = replace(problem.system, inner_product=InnerProduct())
    with pytest.raises(ModelError, match="not orthonormal in the equations"):
        residual_indicator(surrogate.fields["concentration"].basis, replace(problem, system=system))
