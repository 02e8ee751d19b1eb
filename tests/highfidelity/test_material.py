from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import ModelError
from locum.highfidelity.cooled_blade import conduction
from locum.highfidelity.material import TabulatedMaterial, read_material

TABLE = TabulatedMaterial(
    np.array([300.0, 500.0, 900.0]), np.array([10.0, 14.0, 20.0]), np.array([3e6, 4e6, 3.5e6])
)


@given(temperature=st.floats(200, 1000), rise=st.floats(0.01, 300))
def test_integrals_are_the_integrals_of_the_properties(temperature: float, rise: float) -> None:
    """By the trapezoid rule on a grid that holds the rows, which is exact for piecewise linear functions."""
    ends = (temperature, temperature + rise)
    grid = np.unique(
        np.concatenate(
            [ends, TABLE.temperatures[(ends[0] < TABLE.temperatures) & (TABLE.temperatures < ends[1])]]
        )
    )
    states = TABLE.evaluate(grid)
    for value, integral in ((states.conductivity, states.kirchhoff), (states.heat_capacity, states.enthalpy)):
        assert integral[-1] - integral[0] == pytest.approx(np.trapezoid(value, grid), rel=1e-9)


def test_beyond_the_table_the_end_values_hold() -> None:
    state = TABLE.evaluate(np.array([100.0, 2000.0]))
    assert state.conductivity.tolist() == [10.0, 20.0]
    assert state.heat_capacity.tolist() == [3e6, 3.5e6]


def test_an_empty_cell_is_bridged_by_a_straight_line() -> None:
    material = read_material(["T,k,c", "300,10,400", "400,,500", "500,14,600"], density=2.0)
    assert material.conductivity.tolist() == [10, 12, 14]
    assert material.heat_capacity.tolist() == [800, 1000, 1200]


def test_the_shipped_table_agrees_with_the_published_equations() -> None:
    """Agazhanov et al. (2019), equations (1), (3), (9) and (10), within the four digits of their table."""
    material = conduction().material
    density = 8170.0
    for temperature in (298.0, 400.0, 500.0, 600.0, 700.0, 800.0, 1200.0, 1300.0, 1375.0):
        low = temperature <= 800
        heat = 362 + 0.2118 * temperature if low else 639 - 3.355e-3 * temperature
        conductivity = (
            5.291 + 0.0152 * temperature + 1.382e-6 * temperature**2
            if low
            else 11.75 + 0.011 * temperature - 9.327e-7 * temperature**2
        )
        state = material.evaluate(np.array([temperature]))
        assert state.heat_capacity[0] / density == pytest.approx(heat, rel=1.5e-3)
        assert state.conductivity[0] == pytest.approx(conductivity, rel=1.5e-3)


@pytest.mark.parametrize(
    ("temperatures", "conductivity", "message"),
    [([300.0, 300.0], [1.0, 1.0], "increase"), ([300.0, 400.0], [1.0, 0.0], "conductivity")],
)
def test_a_table_that_makes_no_sense_is_refused(
    temperatures: list[float], conductivity: list[float], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        TabulatedMaterial(np.array(temperatures), np.array(conductivity), np.array([1.0, 1.0]))
