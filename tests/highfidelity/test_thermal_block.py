from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.exceptions import ModelError, ParameterError
from locum.highfidelity import HasAffineOperators, HasInnerProduct, HasOperators, HighFidelityModel
from locum.highfidelity.finite_elements import stiffness
from locum.highfidelity.mesh import Mesh
from locum.highfidelity.snapshot_check import check_snapshot
from locum.highfidelity.thermal_block import ThermalBlock

SMALL = ThermalBlock(blocks=2, cells=12)
conductivities = st.lists(st.floats(0.1, 1.0), min_size=4, max_size=4)


def named(model: ThermalBlock, values: list[float]) -> dict[str, float]:
    return dict(zip(model.parameters.names, values, strict=True))


@pytest.mark.parametrize("capability", [HighFidelityModel, HasInnerProduct, HasOperators, HasAffineOperators])
def test_it_offers_every_capability(capability: type) -> None:
    assert isinstance(SMALL, capability)


def test_the_default_has_about_seven_thousand_unknowns() -> None:
    model = ThermalBlock()
    assert len(model.free_nodes()) == 83**2
    check_snapshot(model.simulate(dict.fromkeys(model.parameters.names, 1.0)))


def test_one_block_gives_the_known_mean_at_order_two() -> None:
    """64 / pi^6 times the sum of 1 / (m^2 n^2 (m^2 + n^2)) over odd m and n."""
    errors = []
    for cells in (10, 20, 40, 80):
        mean = float(ThermalBlock(1, cells).simulate({"conductivity_11": 1.0})["mean_temperature"])
        errors.append(0.0351442537 - mean)
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert all(1.9 < order < 2.1 for order in orders)


@settings(max_examples=15)
@given(values=conductivities)
def test_the_field_solves_the_assembled_system(values: list[float]) -> None:
    parameters = named(SMALL, values)
    matrix, load = SMALL.operators(parameters)
    field = SMALL.simulate(parameters)["temperature"].values
    assert matrix @ field[SMALL.free_nodes()] == pytest.approx(load, abs=1e-12)
    outside = np.delete(field, SMALL.free_nodes())
    assert (outside == 0).all()


@settings(max_examples=15)
@given(values=conductivities)
def test_the_affine_sum_is_the_operator(values: list[float]) -> None:
    matrices, loads = SMALL.affine_operators()
    theta, phi = SMALL.affine_coefficients(np.array([values]))
    matrix, load = SMALL.operators(named(SMALL, values))
    assert abs(sum(t * a for t, a in zip(theta[0], matrices, strict=True)) - matrix).max() < 1e-12
    assert phi[0] @ np.stack(loads) == pytest.approx(load)


@settings(max_examples=10)
@given(values=conductivities)
def test_the_norm_is_the_semi_norm_of_the_field(values: list[float]) -> None:
    dataset = SMALL.simulate(named(SMALL, values))
    mesh = Mesh.from_ugrid(dataset)
    assert mesh.cells is not None
    field = dataset["temperature"].values
    expected = field @ stiffness(mesh.points, mesh.cells) @ field
    assert field @ SMALL.inner_product("temperature") @ field == pytest.approx(expected)


def test_the_inner_product_is_positive_definite() -> None:
    matrix = SMALL.inner_product("temperature")
    assert matrix.shape == (13**2, 13**2)
    assert np.linalg.eigvalsh(matrix.toarray()).min() > 0


def test_each_parameter_rules_its_own_block() -> None:
    """A poor conductor in row 1 (bottom), column 2 (right) is hottest there."""
    parameters = dict.fromkeys(SMALL.parameters.names, 1.0) | {"conductivity_12": 0.1}
    dataset = SMALL.simulate(parameters)
    hottest = int(dataset["temperature"].values.argmax())
    x, y = float(dataset["node_x"][hottest]), float(dataset["node_y"][hottest])
    assert x > 0.5 > y


def test_scaling_all_conductivities_scales_the_field() -> None:
    one = SMALL.simulate(dict.fromkeys(SMALL.parameters.names, 0.2))
    two = SMALL.simulate(dict.fromkeys(SMALL.parameters.names, 0.8))
    assert one["temperature"].values == pytest.approx(4 * two["temperature"].values)


@pytest.mark.parametrize(("blocks", "cells"), [(0, None), (10, None), (3, 10), (1, 1)])
def test_options_that_do_not_fit_are_refused(blocks: int, cells: int | None) -> None:
    with pytest.raises(ModelError, match="thermal_block"):
        ThermalBlock(blocks, cells)


def test_a_conductivity_that_is_not_positive_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="conductivity_21"):
        SMALL.simulate(named(SMALL, [1.0, 1.0, -1.0, 1.0]))


def test_version_follows_options() -> None:
    assert len({ThermalBlock(b, c).version for b, c in ((1, None), (2, None), (2, 12), (2, 14))}) == 4
