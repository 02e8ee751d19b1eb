"""Steady advection and diffusion of a substance that a Gaussian source releases into a wind: neither affine
nor symmetric in its parameters.

-eps div grad u + b . grad u = s on the unit square, u = 0 on its boundary, with the unit wind b = (cos a,
sin a) at the angle a and the source s = exp(-|x - x_s|^2 / (2 w^2)) around the parameter x_s. Linear
triangles with streamline diffusion (Brooks and Hughes, Comput. Methods Appl. Mech. Eng. 32, 1982): test
functions v + tau b . grad v, tau = h / 2 (coth P - 1 / P) with the mesh Peclet number P = h / (2 eps). The
symmetric part of the matrix is eps K + tau S, with S semidefinite: in the H1 semi-norm its coercivity
constant is at least eps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.sparse.linalg import splu

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.finite_elements import assembled, measures, shape_gradients, stiffness
from locum.highfidelity.mesh import Mesh
from locum.parameters import Parameter, ParameterSpace

CODE_VERSION = "1"  # raise it whenever a result could change

PARAMETERS = ParameterSpace(
    (
        Parameter("angle", 0.0, math.pi / 2, unit="rad", description="of the wind, from the x axis"),
        Parameter("source_x", 0.3, 0.7, description="centre of the source"),
        Parameter("source_y", 0.3, 0.7, description="centre of the source"),
    )
)
# at the midpoints of the edges a quadrature of degree two; values of the three shape functions there
_MIDPOINTS = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]])


class _Elements(NamedTuple):
    mesh: Mesh
    free: AnyArray  # nodes inside, (n,)
    areas: Array  # (M,)
    gradients: Array  # of the shape functions, (M, 3, 2)
    diffusion: Any  # stiffness on all nodes


@dataclass(frozen=True)
class AdvectionDiffusion:
    """The released substance on a mesh of ``cells`` x ``cells`` squares, each cut in two.

    Parameters
    ----------
    cells
        Squares per side, at least two.
    diffusivity
        eps, positive.
    width
        w of the source, positive.

    Raises
    ------
    ModelError
        Options out of range.
    """

    cells: int = 60
    diffusivity: float = 0.02
    width: float = 0.15

    def __post_init__(self) -> None:
        if self.cells < 2 or not self.diffusivity > 0 or not self.width > 0:
            raise ModelError(
                "advection_diffusion: expected cells >= 2, diffusivity > 0 and width > 0, got "
                f"{self.cells}, {self.diffusivity} and {self.width}"
            )

    @property
    def name(self) -> str:
        """Name of the model."""
        return "advection_diffusion"

    @property
    def version(self) -> str:
        """Code and options."""
        return f"{CODE_VERSION}-{self.cells}-{self.diffusivity:g}-{self.width:g}"

    @property
    def parameters(self) -> ParameterSpace:
        """The angle of the wind and the centre of the source."""
        return PARAMETERS

    @property
    def stabilisation(self) -> float:
        """Tau of the streamline diffusion."""
        size = 1.0 / self.cells
        peclet = size / (2.0 * self.diffusivity)
        return size / 2.0 * (1.0 / math.tanh(peclet) - 1.0 / peclet)

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Field ``concentration`` and its mean over the square.

        Raises
        ------
        ParameterError
            A name missing or unknown.
        """
        matrix, load = self.operators(parameters)
        elements = self._elements
        concentration = np.zeros(elements.mesh.nodes)
        concentration[elements.free] = splu(matrix.tocsc()).solve(load)
        mean = float(self._mean @ concentration[elements.free])
        fields = {"concentration": (concentration, "")}
        return snapshot(elements.mesh, fields, {"mean_concentration": (mean, "")})

    def operators(self, parameters: Mapping[str, float]) -> tuple[Any, Array]:
        """Sparse matrix (n, n), always with the same pattern, and load (n,), on the nodes inside."""
        angle, *centre = PARAMETERS.matrix(parameters)[0].tolist()

        def source(points: Array) -> Array:
            squared = ((points - np.array(centre)) ** 2).sum(axis=-1)
            return np.asarray(np.exp(-squared / (2.0 * self.width**2)))

        return self.system(angle, source)

    def system(self, angle: float, source: Callable[[Array], Array]) -> tuple[Any, Array]:
        """Matrix (n, n) and load (n,) for any source: a function of points (..., 2)."""
        mesh, free, areas, gradients, diffusion = self._elements
        assert mesh.cells is not None
        along = gradients @ np.array(
            [math.cos(angle), math.sin(angle)]
        )  # b . grad of each shape function (M, 3)
        local = along[:, None, :] / 3.0 + self.stabilisation * along[:, :, None] * along[:, None, :]
        transport = assembled(local * areas[:, None, None], mesh.cells, mesh.nodes)
        matrix = (self.diffusivity * diffusion + transport)[free][:, free]
        values = source(_MIDPOINTS @ mesh.points[mesh.cells])  # (M, 3)
        tested = values @ _MIDPOINTS / 3.0 + self.stabilisation * along * values.mean(axis=1, keepdims=True)
        load = np.bincount(mesh.cells.ravel(), (tested * areas[:, None]).ravel(), minlength=mesh.nodes)
        return matrix.tocsr(), np.asarray(load, dtype=np.float64)[free]

    def inner_product(self, field: str) -> Any:
        """H1 semi-norm, sparse (N, N); rows of boundary nodes, where fields vanish, hold a one."""
        mesh, free, *_, diffusion = self._elements
        outside = np.ones(mesh.nodes)
        outside[free] = 0.0
        inside = _diagonal(1.0 - outside)
        return (inside @ diffusion @ inside + _diagonal(outside)).tocsr()

    def coercivity_bound(self, parameters: Array) -> Array:
        """The diffusivity, shape (m,), in the norm of :meth:`inner_product`."""
        return np.full(len(parameters), self.diffusivity)

    @property
    def solution_field(self) -> str:
        """The field of the unknowns: ``concentration``."""
        return "concentration"

    def free_nodes(self) -> AnyArray:
        """Nodes inside, shape (n,)."""
        return self._elements.free

    def output_functionals(self) -> Mapping[str, Array]:
        """The mean over the square, shape (n,)."""
        return {"mean_concentration": self._mean}

    @cached_property
    def _mean(self) -> Array:
        mesh, free, areas, *_ = self._elements
        assert mesh.cells is not None
        shares = np.repeat(areas / 3.0, 3)
        return np.bincount(mesh.cells.ravel(), shares, minlength=mesh.nodes).astype(np.float64)[free]

    @cached_property
    def _elements(self) -> _Elements:
        mesh = square_mesh(self.cells)
        assert mesh.cells is not None
        inside = ((mesh.points > 0.0) & (mesh.points < 1.0)).all(axis=1)
        return _Elements(
            mesh,
            np.flatnonzero(inside),
            measures(mesh.points, mesh.cells),
            shape_gradients(mesh.points, mesh.cells),
            stiffness(mesh.points, mesh.cells),
        )


def square_mesh(cells: int) -> Mesh:
    """The unit square in ``cells`` x ``cells`` squares, each cut in two triangles."""
    ticks = np.linspace(0.0, 1.0, cells + 1)
    points = np.stack(np.meshgrid(ticks, ticks, indexing="xy"), axis=-1).reshape(-1, 2)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    right, above, across = corner + 1, corner + cells + 1, corner + cells + 2
    lower, upper = np.stack([corner, right, across], axis=1), np.stack([corner, across, above], axis=1)
    return Mesh(points, np.concatenate([lower, upper]), unit="")


def _diagonal(values: Array) -> Any:
    from scipy.sparse import diags_array

    return diags_array(values)
