"""Advection and diffusion: converges at its order, keeps what it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse.linalg import splu

from locum.exceptions import ModelError
from locum.highfidelity import AdvectionDiffusion, HasCoercivityBound, check_capabilities
from locum.highfidelity.finite_elements import mass

SMALL = AdvectionDiffusion(cells=16)


def manufactured(cells, diffusivity, angle=0.7):
    """L2 and H1 errors against u = sin(pi x) sin(pi y)."""
    model = AdvectionDiffusion(cells=cells, diffusivity=diffusivity)
    wind = np.array([math.cos(angle), math.sin(angle)])

    def exact(points):
        return np.sin(math.pi * points[..., 0]) * np.sin(math.pi * points[..., 1])

    def source(points):
        x, y = math.pi * points[..., 0], math.pi * points[..., 1]
        gradient = math.pi * np.stack([np.cos(x) * np.sin(y), np.sin(x) * np.cos(y)], axis=-1)
        return 2 * math.pi**2 * diffusivity * exact(points) + gradient @ wind

    matrix, load = model.system(angle, source)
    mesh = model._elements.mesh
    error = -exact(mesh.points)
    error[model.free_nodes()] += splu(matrix.tocsc()).solve(load)
    l2 = math.sqrt(error @ mass(mesh.points, mesh.cells) @ error)
    return l2, math.sqrt(error @ model.inner_product("concentration") @ error)


@pytest.mark.parametrize("diffusivity", [1.0, 0.02, 1e-4])
def test_it_converges_at_its_order(diffusivity):
    """Order two in L2 at the nodes where diffusion rules; at least 1.4 where the wind does (theory: 1.5)."""
    errors = np.array([manufactured(cells, diffusivity)[0] for cells in (10, 20, 40, 80)])
    orders = np.log2(errors[:-1] / errors[1:])
    print(diffusivity, errors, orders)
    assert orders[-1] > (1.9 if diffusivity == 1.0 else 1.4)


def test_it_keeps_its_promises():
    check_capabilities(SMALL)
    assert isinstance(SMALL, HasCoercivityBound)


def test_its_operator_is_neither_symmetric_nor_less_coercive_than_it_says():
    values = SMALL.parameters.sample(3, np.random.default_rng(0))
    inside = SMALL.free_nodes()
    product = SMALL.inner_product("concentration")[inside][:, inside].toarray()
    for value, constant in zip(values, SMALL.coercivity_bound(values), strict=True):
        matrix = SMALL.operators(dict(zip(SMALL.parameters.names, value, strict=True)))[0].toarray()
        assert np.abs(matrix - matrix.T).max() > 0.1 * np.abs(matrix).max()
        symmetric = 0.5 * (matrix + matrix.T)
        assert np.linalg.eigvalsh(symmetric - (1 - 1e-9) * constant * product).min() > 0


def test_the_plume_follows_the_wind_and_does_not_oscillate():
    model = AdvectionDiffusion(cells=40, diffusivity=1e-4)
    dataset = model.simulate({"angle": 0.0, "source_x": 0.5, "source_y": 0.5})
    field = dataset["concentration"].values
    x, y = dataset["node_x"].values, dataset["node_y"].values
    downwind = field[np.hypot(x - 0.8, y - 0.5) < 0.02].max()
    assert downwind > 50 * np.abs(field[np.hypot(x - 0.1, y - 0.5) < 0.02]).max()
    assert field.min() > -0.02 * field.max()


def test_options_that_do_not_fit_are_refused():
    for options in ({"cells": 1}, {"diffusivity": 0.0}, {"width": -1.0}):
        with pytest.raises(ModelError, match="advection_diffusion"):
            AdvectionDiffusion(**options)


def test_version_follows_options():
    models = [AdvectionDiffusion(), AdvectionDiffusion(cells=8), AdvectionDiffusion(diffusivity=0.1)]
    assert len({model.version for model in models}) == 3
