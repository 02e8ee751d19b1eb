"""The same matrices, pyMOR beside locum. How many solves each needs, ``benchmarks/projected.py`` counts."""

from __future__ import annotations

import numpy as np
import pytest
from pymor import basic

from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import CertifiedModel
from locum.reduction.projection import Projection
from locum.reduction.stability import MinTheta


class PymorBlock:
    """pyMOR's thermal block, its matrices as locum takes them, boundary rows removed."""

    def __init__(self, blocks, cells):
        basic.set_log_levels({"pymor": "ERROR"})
        self.problem = basic.thermal_block_problem((blocks, blocks))
        self.fom, _ = basic.discretize_stationary_cg(self.problem, diameter=1 / cells)
        product = self.fom.h1_0_semi_product.matrix.tocsr()
        # essential rows are unit rows in pyMOR's operators; its load vanishes there
        essential = np.diff(product.indptr) == 1
        self.free = np.flatnonzero(~essential)
        parts = [part.matrix.tocsr()[self.free][:, self.free] for part in self.fom.operator.operators]
        self.matrices = tuple(part for part in parts if abs(part).sum() > 0)
        assert len(self.matrices) == blocks**2, "pyMOR's boundary part acts on essential rows alone"
        load = self.fom.rhs.as_vector().to_numpy().reshape(-1)[self.free]
        self.system = AffineSystem(self.matrices, load[None], InnerProduct(product[self.free][:, self.free]))

    def coefficients(self, values):
        return values, np.ones((len(values), 1))

    def solve(self, values):
        rows = [self.fom.solve(self.fom.parameters.parse(row)).to_numpy().reshape(-1) for row in values]
        return np.stack(rows)[:, self.free]


@pytest.fixture(scope="module")
def block():
    return PymorBlock(2, 24)


def sample(count, blocks, seed):
    return np.random.default_rng(seed).uniform(0.1, 1.0, (count, blocks**2))


def test_the_matrices_are_those_of_the_model(block):
    values = sample(2, 2, seed=0)
    assert block.system.solve(*block.coefficients(values)) == pytest.approx(block.solve(values), rel=1e-9)


def test_the_reduced_solution_and_the_bound_are_pymors(block):
    """The same snapshots, two projections: fields agree to 1e-10, bounds to six digits."""
    snapshots = block.solve(sample(10, 2, seed=1))
    projection = Projection.start(block.system).extended(snapshots)
    reductor = basic.CoerciveRBReductor(
        block.fom,
        product=block.fom.h1_0_semi_product,
        coercivity_estimator=basic.ExpressionParameterFunctional("min(diffusion)", block.fom.parameters),
    )
    full = np.zeros((len(snapshots), block.fom.order))
    full[:, block.free] = snapshots
    reductor.extend_basis(block.fom.solution_space.from_numpy(full.T))
    rom = reductor.reduce()
    values = sample(50, 2, seed=2)
    model = CertifiedModel(projection.reduced, block.coefficients, MinTheta(np.ones(4)))
    solution = model.solve(values)
    fields = projection.expand(solution.coordinates)
    for row, value in enumerate(values):
        mu = block.fom.parameters.parse(value)
        theirs = reductor.reconstruct(rom.solve(mu)).to_numpy().reshape(-1)[block.free]
        assert np.abs(fields[row] - theirs).max() <= 1e-10 * np.abs(theirs).max()
        estimate = float(np.ravel(rom.estimate_error(mu))[0])
        assert solution.absolute[row] == pytest.approx(estimate, rel=1e-6)
