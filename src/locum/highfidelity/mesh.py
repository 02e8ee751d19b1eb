"""Meshes: node coordinates and cells, stored once by their content hash and described after UGRID.

UGRID 1.0 conventions: https://ugrid-conventions.github.io/ugrid-conventions/
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from locum.arrays import Array
from locum.exceptions import ModelError

_AXES = ("x", "y", "z")
_CELLS = {1: "edge", 2: "face", 3: "volume"}  # by dimension of the cells


@dataclass(frozen=True, eq=False)
class Mesh:
    """Nodes and cells of one dimension.

    Parameters
    ----------
    points
        Node coordinates, shape (N, d) with d = 1, 2 or 3.
    cells
        Node numbers of each cell, shape (M, k), or None for a cloud of points.
    unit
        Unit of the coordinates.

    Raises
    ------
    ModelError
        Wrong shapes, coordinates that are not finite, or cells that name nodes that do not exist.
    """

    points: Array
    cells: np.ndarray[Any, np.dtype[np.int64]] | None = None
    unit: str = "m"

    def __post_init__(self) -> None:
        points = np.ascontiguousarray(self.points, dtype=np.float64)
        if points.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
            raise ModelError(
                f"mesh: node coordinates must have shape (nodes, 1 to 3), got {np.shape(self.points)}"
            )
        if not np.isfinite(points).all():
            raise ModelError(
                f"mesh: node {int(np.argwhere(~np.isfinite(points))[0, 0])} has a coordinate "
                "that is not finite"
            )
        object.__setattr__(self, "points", points)
        if self.cells is not None:
            cells = np.ascontiguousarray(self.cells, dtype=np.int64)
            shaped = cells.ndim == 2 and cells.shape[1] >= 2
            if not shaped or (cells.size and (cells.min() < 0 or cells.max() >= len(points))):
                raise ModelError(
                    "mesh: cells must have shape (cells, two or more nodes of a cell) with node numbers 0 to "
                    f"{len(points) - 1}"
                )
            object.__setattr__(self, "cells", cells)

    @property
    def nodes(self) -> int:
        """Number of nodes, N."""
        return len(self.points)

    @property
    def dimension(self) -> int:
        """Dimension of the coordinates, d."""
        return int(self.points.shape[1])

    @cached_property
    def hash(self) -> str:
        """SHA-256 of coordinates, cells and unit."""
        digest = hashlib.sha256(f"{self.points.shape} {self.unit}".encode())
        digest.update(self.points.astype("<f8").tobytes())
        if self.cells is not None:
            digest.update(f"{self.cells.shape}".encode())
            digest.update(self.cells.astype("<i8").tobytes())
        return digest.hexdigest()

    def to_ugrid(self) -> xr.Dataset:
        """Describe the mesh as variables ``mesh``, ``node_x``, ... and the cells' connectivity (UGRID)."""
        axes = _AXES[: self.dimension]
        coordinates = {
            f"node_{axis}": (
                "node",
                self.points[:, j],
                {"units": self.unit, "long_name": f"{axis} coordinate of the nodes", "axis": axis.upper()},
            )
            for j, axis in enumerate(axes)
        }
        attributes: dict[str, Any] = {
            "cf_role": "mesh_topology",
            "topology_dimension": 0,
            "node_coordinates": " ".join(coordinates),
            "hash": self.hash,
        }
        variables: dict[str, Any] = {}
        if self.cells is not None:
            # two nodes make an edge and three a face wherever they lie; four in space make a tetrahedron
            dimension = min(self.dimension, self.cells.shape[1] - 1)
            cell = _CELLS[dimension]
            connectivity = f"{cell}_node_connectivity"
            attributes |= {"topology_dimension": dimension, connectivity: f"mesh_{cell}_nodes"}
            variables[f"mesh_{cell}_nodes"] = (
                (cell, f"{cell}_node"),
                self.cells,
                {"cf_role": connectivity, "start_index": 0, "long_name": f"node numbers of each {cell}"},
            )
        variables["mesh"] = ((), np.int32(0), attributes)
        return xr.Dataset(variables, coords=coordinates)

    @classmethod
    def from_ugrid(cls, dataset: xr.Dataset) -> Mesh:
        """Read a mesh back from a dataset that holds what :meth:`to_ugrid` wrote."""
        attributes = dataset["mesh"].attrs
        names = attributes["node_coordinates"].split()
        points = np.stack([np.asarray(dataset[name].values) for name in names], axis=1)
        connectivity = next(
            (value for key, value in attributes.items() if key.endswith("_node_connectivity")), None
        )
        cells = None if connectivity is None else np.asarray(dataset[connectivity].values)
        return cls(points, cells, dataset[names[0]].attrs.get("units", ""))


MESH_VARIABLES = (
    "mesh",
    "mesh_edge_nodes",
    "mesh_face_nodes",
    "mesh_volume_nodes",
    "node_x",
    "node_y",
    "node_z",
)
