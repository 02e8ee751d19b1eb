"""A heat-conducting material given by a table: conductivity, heat capacity, and their integrals over
temperature.

Both properties are linear between the rows, so their integrals, Kirchhoff's variable theta(T) and the
enthalpy H(T), are known exactly: what Newton's method differentiates is what it integrates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError


class MaterialState(NamedTuple):
    """Properties at given temperatures, all of the temperatures' shape."""

    conductivity: Array  # k, W/(m K)
    kirchhoff: Array  # theta = integral of k, W/m
    heat_capacity: Array  # c, J/(m3 K)
    enthalpy: Array  # H = integral of c, J/m3


@dataclass(frozen=True, eq=False)
class TabulatedMaterial:
    """Properties that are linear between the rows of a table and constant beyond its ends.

    Parameters
    ----------
    temperatures
        Kelvin, shape (n,), increasing.
    conductivity
        W/(m K), shape (n,), positive.
    heat_capacity
        Per volume, J/(m3 K), shape (n,), positive.
    """

    temperatures: Array
    conductivity: Array
    heat_capacity: Array

    def __post_init__(self) -> None:
        if not (np.diff(self.temperatures) > 0).all():
            raise ModelError("material table: temperatures must increase from row to row")
        for name in ("conductivity", "heat_capacity"):
            values = getattr(self, name)
            if values.shape != self.temperatures.shape or not (values > 0).all():
                raise ModelError(f"material table: {name} must be one positive number a row")

    @cached_property
    def _integrals(self) -> tuple[Array, Array]:
        steps = np.diff(self.temperatures)
        trapezoids = (
            np.concatenate([[0.0], np.cumsum(steps * (values[:-1] + values[1:]) / 2)])
            for values in (self.conductivity, self.heat_capacity)
        )
        theta, enthalpy = trapezoids
        return theta, enthalpy

    def evaluate(self, temperature: Array) -> MaterialState:
        """Properties and integrals at any temperatures; beyond the table the integrals go on with its end
        values.
        """
        rows = np.searchsorted(self.temperatures, temperature, side="right") - 1
        rows = np.clip(rows, 0, len(self.temperatures) - 2)
        inside = np.clip(temperature, self.temperatures[0], self.temperatures[-1])
        offset, beyond = inside - self.temperatures[rows], temperature - inside
        widths = np.diff(self.temperatures)
        theta, enthalpy = self._integrals
        found = []
        for values, integral in ((self.conductivity, theta), (self.heat_capacity, enthalpy)):
            slope = (np.diff(values) / widths)[rows]
            value = values[rows] + slope * offset
            found += [value, integral[rows] + (values[rows] + value) / 2 * offset + value * beyond]
        return MaterialState(*found)


def read_material(lines: Iterable[str], density: float) -> TabulatedMaterial:
    """Read a table of ``temperature_K,conductivity_W_per_mK,specific_heat_J_per_kgK`` with one line of names.

    A cell may be empty: that property is then linear between the rows that have it.

    Parameters
    ----------
    lines
        Lines of a CSV file.
    density
        kg/m3, constant: that of the unheated material where the mesh is the cold shape.
    """
    table = np.genfromtxt(lines, delimiter=",", skip_header=1)
    temperatures = table[:, 0]
    columns = []
    for values in table[:, 1:3].T:
        known = np.isfinite(values)
        columns.append(np.interp(temperatures, temperatures[known], values[known]))
    return TabulatedMaterial(temperatures, columns[0], density * columns[1])
