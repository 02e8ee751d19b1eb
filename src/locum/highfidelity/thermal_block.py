"""The thermal block: steady heat conduction in a square of k x k blocks, the standard test of reduced basis
methods.

-div(kappa grad u) = 1 on the unit square, u = 0 on its boundary, kappa constant on each block (Rozza, Huynh
and Patera, Arch. Comput. Methods Eng. 15 (2008), 229-275). The system is affine in the conductivities: one
stiffness matrix a block, assembled once with scikit-fem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError, ParameterError
from locum.highfidelity.banded import BandedNumbering, banded_numbering, solve_banded
from locum.highfidelity.contract import snapshot
from locum.highfidelity.mesh import Mesh
from locum.parameters import Parameter, ParameterSpace

CODE_VERSION = "1"  # raise it whenever a result could change
USUAL_CELLS = 84  # 83 x 83 = 6,889 free nodes


class _System(NamedTuple):
    mesh: Mesh
    free: AnyArray  # nodes that are not on the boundary, (n,)
    blocks: tuple[Any, ...]  # stiffness of each block on the free nodes, CSR (n, n), all with one pattern
    stacked: Array  # their stored values (k*k, entries)
    load: Array  # integral of each free node's shape function, (n,)
    numbering: BandedNumbering


@dataclass(frozen=True)
class ThermalBlock:
    """The thermal block with ``blocks`` x ``blocks`` conductivities.

    Parameters
    ----------
    blocks
        Blocks per side, k, from 1 to 9.
    cells
        Mesh cells per side, a multiple of ``blocks``; left out, the least multiple from 84 on (about 7,000
        free nodes).

    Raises
    ------
    ModelError
        Options out of range, or mesh lines that would cut through blocks.
    """

    blocks: int = 2
    cells: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= 9:
            raise ModelError(f"thermal_block: expected 1 to 9 blocks per side, got {self.blocks}")
        if self.cells is None:
            object.__setattr__(self, "cells", self.blocks * -(-USUAL_CELLS // self.blocks))
        if self.side < 2 or self.side % self.blocks:
            raise ModelError(
                f"thermal_block: cells must be a multiple of blocks and at least 2, so mesh lines follow "
                f"the blocks; got {self.cells} cells for {self.blocks} blocks"
            )

    @property
    def side(self) -> int:
        """Mesh cells per side."""
        return int(self.cells or 0)

    @property
    def name(self) -> str:
        """Name of the model."""
        return "thermal_block"

    @property
    def version(self) -> str:
        """Code and options."""
        return f"{CODE_VERSION}-{self.blocks}x{self.blocks}-{self.side}"

    @cached_property
    def parameters(self) -> ParameterSpace:
        """Conductivities ``conductivity_11``, ...: row from the bottom, then column from the left."""
        sides = range(1, self.blocks + 1)
        return ParameterSpace(
            tuple(
                Parameter(f"conductivity_{i}{j}", 0.1, 1.0, scale="log", description=f"block {i}, {j}")
                for i in sides
                for j in sides
            )
        )

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Field ``temperature`` and its mean over the square.

        Raises
        ------
        ParameterError
            A name missing or unknown, or a conductivity that is not positive.
        """
        system = self._system
        conductivities = self._conductivities(parameters)
        order = system.numbering.order
        temperature = np.zeros(system.mesh.nodes)
        temperature[system.free[order]] = solve_banded(
            system.numbering.band(conductivities @ system.stacked), system.load[order]
        )
        mean = float(system.load @ temperature[system.free])  # the square has area one
        return snapshot(system.mesh, {"temperature": (temperature, "")}, {"mean_temperature": (mean, "")})

    def inner_product(self, field: str) -> Any:
        """H1 semi-norm: sparse (N, N), positive definite.

        Boundary rows hold their diagonal only: fields of this model vanish there, so theirs is the semi-norm.
        """
        system = self._system
        diagonal = np.ones(system.mesh.nodes)
        diagonal[system.free] = 0.0
        select = sp.csr_matrix(
            (np.ones(len(system.free)), (system.free, np.arange(len(system.free)))),
            shape=(system.mesh.nodes, len(system.free)),
        )
        return (select @ sum(system.blocks) @ select.T + sp.diags_array(diagonal)).tocsr()

    def operators(self, parameters: Mapping[str, float]) -> tuple[Any, Array]:
        """Stiffness matrix (n, n) and load (n,) on the free nodes."""
        system = self._system
        matrix = system.blocks[0].copy()
        matrix.data = self._conductivities(parameters) @ system.stacked
        return matrix, system.load

    def affine_operators(self) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        """One matrix (n, n) a block and the load (n,)."""
        return self._system.blocks, (self._system.load,)

    def affine_coefficients(self, parameters: Array) -> tuple[Array, Array]:
        """The conductivities (m, k*k) themselves, and ones (m, 1)."""
        return parameters, np.ones((len(parameters), 1))

    def coefficient_expressions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the conductivities, and ``1``."""
        return self.parameters.names, ("1",)

    @property
    def solution_field(self) -> str:
        """The field of the unknowns: ``temperature``."""
        return "temperature"

    def free_nodes(self) -> AnyArray:
        """Nodes that carry the operators' unknowns, shape (n,); the others are zero."""
        return self._system.free

    def output_functionals(self) -> Mapping[str, Array]:
        """The mean temperature is the load, shape (n,), applied to the unknowns."""
        return {"mean_temperature": self._system.load}

    def _conductivities(self, parameters: Mapping[str, float]) -> Array:
        values: Array = self.parameters.matrix(parameters)[0]
        if values.min() <= 0:
            raise ParameterError(
                f"parameter {self.parameters.names[int(values.argmin())]!r}: must be positive, "
                f"got {values.min():g}"
            )
        return values

    @cached_property
    def _system(self) -> _System:
        from skfem import Basis, ElementTriP1, MeshTri
        from skfem.models.poisson import laplace, unit_load

        grid = np.linspace(0.0, 1.0, self.side + 1)
        triangulation = MeshTri.init_tensor(grid, grid)
        basis = Basis(triangulation, ElementTriP1())
        column, row = (triangulation.p[:, triangulation.t].mean(axis=1) * self.blocks).astype(int)
        free = np.setdiff1d(np.arange(triangulation.p.shape[1]), triangulation.boundary_nodes())
        pattern = laplace.assemble(basis).tocsr()[free][:, free]
        blocks = []
        for number in range(self.blocks**2):
            part = Basis(
                triangulation, ElementTriP1(), elements=np.flatnonzero(row * self.blocks + column == number)
            )
            blocks.append(_on_pattern(laplace.assemble(part).tocsr()[free][:, free], pattern))
        load = unit_load.assemble(basis)[free]
        mesh = Mesh(triangulation.p.T, triangulation.t.T, unit="")
        stacked = np.stack([block.data for block in blocks])
        return _System(mesh, free, tuple(blocks), stacked, load, banded_numbering(pattern))


def _on_pattern(matrix: Any, pattern: Any) -> Any:
    """The matrix with exactly the stored entries of ``pattern``, zeros among them."""
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    same = pattern.copy()
    same.data = np.asarray(matrix[rows, pattern.indices]).ravel()
    return same
