"""The randomised estimator: within its factor of the error for every query, without a stability constant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from locum.exceptions import ModelError
from locum.highfidelity import ThermalBlock
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.projection import Projection
from locum.reduction.randomised_estimator import (
    dual_snapshots,
    random_functionals,
    randomised_estimator,
    required_functionals,
)


@pytest.fixture(scope="module")
def block():
    model = ThermalBlock(cells=12)
    inside = model.free_nodes()
    product = InnerProduct(model.inner_product("temperature")[inside][:, inside])
    matrices, vectors = model.affine_operators()
    return model, AffineSystem(matrices, np.stack(vectors), product)


def test_the_number_of_functionals_is_the_papers():
    assert required_functionals(1000, 0.01, 4.0) == 13
    assert required_functionals(1000, 0.01, 10.0) == 7
    with pytest.raises(ValueError, match="factor >"):
        required_functionals(1000, 0.01, 1.5)


@pytest.mark.parametrize("kind", ["sparse", "diagonal", "euclidean"])
def test_functionals_have_the_inner_product_as_covariance(products, kind):
    product = products(12)[kind]
    draws = random_functionals(product, 40_000, 12, np.random.default_rng(0))
    covariance = draws.T @ draws / len(draws)
    assert covariance == pytest.approx(product.apply(np.eye(12)), abs=0.06)


def test_an_indefinite_product_is_told():
    matrix = sparse.csr_array(np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    product = InnerProduct()
    object.__setattr__(product, "matrix", matrix)
    with pytest.raises(ModelError, match="not positive definite"):
        random_functionals(product, 2, 3, np.random.default_rng(0))


def test_a_thousand_queries_lie_within_a_factor_four(block):
    model, system = block
    generator = np.random.default_rng(1)
    train, fresh = (model.affine_coefficients(model.parameters.sample(n, generator)) for n in (8, 1000))
    primal = Projection.start(system).extended(system.solve(*train))
    functionals = random_functionals(
        system.inner_product, required_functionals(1000, 0.01, 4.0), system.size, generator
    )
    at = model.affine_coefficients(model.parameters.sample(40, generator))[0]
    estimator = randomised_estimator(primal, dual_snapshots(system, at, functionals), functionals)
    coordinates = primal.reduced.solve(*fresh)
    errors = system.inner_product.norms(system.solve(*fresh) - primal.expand(coordinates))
    ratios = estimator(*fresh, coordinates) / errors
    print(estimator.dual_vectors.shape, ratios.min(), np.median(ratios), ratios.max())
    assert ((ratios > 0.25) & (ratios < 4.0)).all()
    assert np.median(ratios) == pytest.approx(1.0, abs=0.4)
