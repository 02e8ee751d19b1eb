"""The thermal block on a coarse mesh, as a black box: values, and coordinates of all its snapshots."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from locum.highfidelity import ThermalBlock
from locum.parameters import sobol_design
from locum.reduction import InnerProduct, field_basis


@pytest.fixture(scope="session")
def block():
    """Designs of 45 and held-out draws of the 2 x 2 thermal block, in one orthonormal basis of the first."""
    model = ThermalBlock(cells=12)
    generator = np.random.default_rng(0)
    values = sobol_design(model.parameters, 45, generator)
    held_out = model.parameters.sample(200, generator)

    def simulated(rows):
        names = model.parameters.names
        return np.stack(
            [
                model.simulate(dict(zip(names, row.tolist(), strict=True)))["temperature"].values
                for row in rows
            ]
        )

    snapshots, truth = simulated(values), simulated(held_out)
    product = InnerProduct(model.inner_product("temperature"))
    basis = field_basis(
        lambda: [snapshots.copy()], shape=snapshots.shape[1:], inner_product=product, rtol=1e-13
    )
    return SimpleNamespace(
        model=model,
        space=model.parameters,
        values=values,
        snapshots=snapshots,
        held_out=held_out,
        truth=truth,
        basis=basis,
        product=product,
        coordinates=basis.coordinates(snapshots),
        true_coordinates=basis.coordinates(truth),
    )
