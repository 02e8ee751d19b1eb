"""The heat equation on the thermal block: instationary, affine in the conductivities.

du/dt - div(kappa grad u) = 1 on the unit square, u = 0 on its boundary and at the start, kappa constant on
each of k x k blocks; linear triangles and a one-step scheme, implicit Euler or Crank-Nicolson (Thomee,
*Galerkin Finite Element Methods for Parabolic Problems*, chapter 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from scipy.sparse.linalg import splu

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.finite_elements import mass
from locum.highfidelity.mesh import Mesh
from locum.highfidelity.thermal_block import ThermalBlock
from locum.parameters import ParameterSpace

CODE_VERSION = "1"  # raise it whenever a result could change


@dataclass(frozen=True)
class HeatEquation:
    """Heating of the thermal block from zero.

    Parameters
    ----------
    blocks, cells
        As for :class:`ThermalBlock`.
    steps
        Time steps, at least one.
    horizon
        End of the time interval, positive.
    implicitness
        1 for implicit Euler, 0.5 for Crank-Nicolson.

    Raises
    ------
    ModelError
        Options out of range.
    """

    blocks: int = 2
    cells: int | None = None
    steps: int = 40
    horizon: float = 1.0
    implicitness: float = 1.0
    block: ThermalBlock = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.horizon > 0 or self.implicitness not in (0.5, 1.0):
            raise ModelError(
                "heat_equation: expected steps >= 1, horizon > 0 and implicitness 1 (implicit Euler) or 0.5 "
                f"(Crank-Nicolson), got {self.steps}, {self.horizon} and {self.implicitness}"
            )
        object.__setattr__(self, "block", ThermalBlock(self.blocks, self.cells))

    @property
    def name(self) -> str:
        """Name of the model."""
        return "heat_equation"

    @property
    def version(self) -> str:
        """Code and options."""
        options = f"{self.steps}-{self.horizon:g}-{self.implicitness:g}"
        return f"{CODE_VERSION}-{options}-{self.block.version}"

    @property
    def parameters(self) -> ParameterSpace:
        """The conductivities of the blocks."""
        return self.block.parameters

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Field ``temperature`` at all times and the mean temperature at the end.

        Raises
        ------
        ParameterError
            A name missing or unknown, or a conductivity that is not positive.
        """
        matrix, load = self.block.operators(parameters)
        step, theta = self.horizon / self.steps, self.implicitness
        mass_matrix = self.mass_matrix() / step
        solve = splu((mass_matrix + theta * matrix).tocsc(), permc_spec="MMD_AT_PLUS_A").solve
        states = [self.initial_value()]
        for _ in range(self.steps):
            before = states[-1]
            states.append(solve(load + mass_matrix @ before - (1.0 - theta) * (matrix @ before)))
        temperature = np.zeros((self.steps + 1, self._mesh.nodes))
        temperature[:, self.free_nodes()] = states
        mean = float(load @ states[-1])  # the square has area one
        fields = {"temperature": (temperature, "")}
        return snapshot(self._mesh, fields, {"final_mean_temperature": (mean, "")}, self.time_grid(), "")

    def mass_matrix(self) -> Any:
        """Consistent mass (n, n)."""
        return self._mass

    def initial_value(self) -> Array:
        """Zero, shape (n,)."""
        return np.zeros(len(self.free_nodes()))

    def time_grid(self) -> Array:
        """Equal steps, shape (steps + 1,)."""
        return np.linspace(0.0, self.horizon, self.steps + 1)

    def affine_operators(self) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        """One stiffness matrix (n, n) a block and the load (n,)."""
        return self.block.affine_operators()

    def affine_coefficients(self, parameters: Array) -> tuple[Array, Array]:
        """The conductivities (m, k*k) themselves, and ones (m, 1)."""
        return self.block.affine_coefficients(parameters)

    def coefficient_expressions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the conductivities, and ``1``."""
        return self.block.coefficient_expressions()

    def inner_product(self, field: str) -> Any:
        """H1 semi-norm at one time, sparse (N, N)."""
        return self.block.inner_product(field)

    @property
    def solution_field(self) -> str:
        """The field of the unknowns: ``temperature``."""
        return self.block.solution_field

    def free_nodes(self) -> AnyArray:
        """Nodes inside, shape (n,)."""
        return self.block.free_nodes()

    def output_functionals(self) -> Mapping[str, Array]:
        """The mean temperature at the end is the load, shape (n,), applied to the last unknowns."""
        return {"final_mean_temperature": self.block.affine_operators()[1][0]}

    @cached_property
    def _mesh(self) -> Mesh:
        return Mesh.from_ugrid(self.block.simulate(dict.fromkeys(self.parameters.names, 1.0)))

    @cached_property
    def _mass(self) -> Any:
        assert self._mesh.cells is not None
        free = self.free_nodes()
        return mass(self._mesh.points, self._mesh.cells)[free][:, free].tocsr()
