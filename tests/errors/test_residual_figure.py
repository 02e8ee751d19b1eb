"""What the equations say of an interpolated prediction: sharper than the regression's own deviation."""

from __future__ import annotations

import numpy as np
import pytest

from locum.errors import conformal_quantile
from locum.exceptions import ModelError
from locum.highfidelity import AdvectionDiffusion, FieldDescription, Mesh
from locum.parameters import sobol_design
from locum.reduction import InnerProduct
from locum.reduction.separation import measured_separation_error, separate
from locum.reduction.stability import InterpolatedConstant
from locum.reduction.stability_eigenvalues import inf_sup_constant
from locum.surrogates import Description, FieldData, InterpolatedOptions, TrainingData, train_interpolated
from locum.surrogates.residual_figure import residual_figure

MODEL = AdvectionDiffusion(cells=20)
FREE = MODEL.free_nodes()
PRODUCT = MODEL.inner_product("concentration")


def operators(value):
    return MODEL.operators(dict(zip(MODEL.parameters.names, value.tolist(), strict=True)))


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
def separated():
    inner_product = InnerProduct(PRODUCT[FREE][:, FREE])
    return separate(operators, sample(200, 1), inner_product, rtol=1e-4)


def test_calibrated_it_is_sharper_than_the_deviation_of_the_regression(surrogate, separated):
    """Non-affine, not symmetric: figure over error at the median, both covering 90 % of held-out queries."""
    centres = sample(25, 2)
    product = PRODUCT[FREE][:, FREE]
    constants = np.array([inf_sup_constant(operators(value)[0], product) for value in centres])
    figure = residual_figure(
        surrogate.fields["concentration"].basis,
        FREE,
        separated.system,
        separated.separation.coefficients,
        InterpolatedConstant(MODEL.parameters, centres, constants),
        measured_separation_error(separated, sample(10, 3)),
    )
    assert figure.kind == "estimate"
    held_out, fresh = sample(60, 4), sample(100, 5)
    excess = {}
    asked = {
        "deviation": lambda values: surrogate.field_indicator("concentration", values),
        "residual": lambda values: figure(surrogate, "concentration", values),
    }
    errors = [surrogate.field_errors("concentration", v, fields_at(v)).total for v in (held_out, fresh)]
    for name, ask in asked.items():
        factor = conformal_quantile(errors[0] / ask(held_out), 0.9)
        figures = factor * ask(fresh)
        excess[name] = float(np.median(figures / errors[1]))
        covered = float((figures >= errors[1]).mean())
        spread = float(np.std(np.log(errors[1] / ask(fresh))))
        print(
            f"{name}: factor {factor:.2f} excess {excess[name]:.2f} covers {covered:.2f} spread {spread:.2f}"
        )
        assert covered >= 0.8
    assert excess["residual"] < excess["deviation"]


def test_a_basis_of_another_norm_is_refused(surrogate, separated):
    euclidean = InnerProduct()
    system = type(separated.system)(separated.system.matrices, separated.system.vectors, euclidean)
    with pytest.raises(ModelError, match="not orthonormal in the equations"):
        residual_figure(
            surrogate.fields["concentration"].basis,
            FREE,
            system,
            separated.separation.coefficients,
            lambda *_: None,
        )
