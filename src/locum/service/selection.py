"""Which part of a field is wanted: at some nodes, or at points in the mesh; at some of the saved times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from locum.arrays import Array
from locum.exceptions import ParameterError
from locum.highfidelity import Mesh
from locum.surrogates import Description

_NEAR = 32  # cells around a point that may hold it
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Selection:
    """Part of a field.

    Parameters
    ----------
    nodes
        Nodes that are read, shape (a,) or, for points in cells, (a, c) with weights of that shape; None for
        all nodes.
    weights
        What the values at the nodes are multiplied by before they are summed; None for single nodes.
    times
        Places of the saved times that are wanted; None for all.
    """

    nodes: np.ndarray[Any, np.dtype[np.int64]] | None = None
    weights: Array | None = None
    times: np.ndarray[Any, np.dtype[np.int64]] | None = None

    def of(self, field: Array, dimensions: Sequence[str]) -> Array:
        """That part of a field (q, ...) whose further axes are ``dimensions``."""
        if self.times is not None and "time" in dimensions:
            field = field.take(self.times, axis=1 + dimensions.index("time"))
        if self.nodes is None:
            return field
        axis = 1 + dimensions.index("node")
        if self.weights is None:
            return field.take(self.nodes, axis=axis)
        corners = np.moveaxis(field.take(self.nodes, axis=axis), (axis, axis + 1), (-2, -1))
        return np.moveaxis((corners * self.weights).sum(axis=-1), -1, axis)

    def shape(self, description: Description, field: str) -> tuple[int, ...]:
        """Shape of the part of one parameter set."""
        sizes = []
        for name, size in zip(
            description.fields[field].dimensions, description.fields[field].shape, strict=True
        ):
            wanted = {"time": self.times, "node": self.nodes}.get(name)
            sizes.append(size if wanted is None else len(wanted))
        return tuple(sizes)


def select(
    description: Description,
    nodes: Sequence[int] | None,
    points: Sequence[Sequence[float]] | None,
    times: Sequence[float] | None,
) -> Selection:
    """Find what is wanted of every field.

    Parameters
    ----------
    nodes
        Node numbers.
    points
        Coordinates in the mesh, (a, d); not together with ``nodes``.
    times
        Saved times.

    Raises
    ------
    ParameterError
        A node, point or time that does not exist.
    """
    if nodes is not None and points is not None:
        raise ParameterError("fields are wanted at nodes and at points; ask for one of the two")
    places = None if times is None else _places(description, times)
    if points is not None:
        cells, weights = _in_cells(description.mesh, points)
        return Selection(cells, weights, places)
    if nodes is None:
        return Selection(times=places)
    beyond = [node for node in nodes if node >= description.mesh.nodes]
    if beyond:
        raise ParameterError(
            f"node {beyond[0]} does not exist; the mesh has nodes 0 to {description.mesh.nodes - 1}"
        )
    return Selection(np.array(nodes), times=places)


def _places(description: Description, times: Sequence[float]) -> np.ndarray[Any, np.dtype[np.int64]]:
    saved = description.times
    if saved is None:
        raise ParameterError("times are wanted of a steady field; leave them out")
    wanted = np.array(times)
    places = np.abs(saved - wanted[:, None]).argmin(axis=1)
    off = np.abs(saved[places] - wanted) > 1e-6 * (saved[-1] - saved[0])
    if off.any():
        first = int(np.flatnonzero(off)[0])
        raise ParameterError(
            f"time {wanted[first]:g} is not saved; the nearest saved time is {saved[places[first]]:g} "
            f"{description.time_unit}"
        )
    return np.asarray(places)


def _in_cells(
    mesh: Mesh, points: Sequence[Sequence[float]]
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Array]:
    """Nodes of the cell around each point, (a, d + 1), and its barycentric coordinates there."""
    try:
        wanted = np.array(points, dtype=np.float64).reshape(len(points), -1)
    except ValueError:
        wanted = np.empty((0, 0))
    if wanted.shape[1:] != (mesh.dimension,):
        raise ParameterError(f"points: expected lists of {mesh.dimension} coordinates each")
    if mesh.cells is None or mesh.cells.shape[1] != mesh.dimension + 1:
        raise ParameterError("the mesh has no simplices to interpolate in; ask at nodes instead of points")
    corners = mesh.points[mesh.cells]
    near = cKDTree(corners.mean(axis=1)).query(wanted, k=min(_NEAR, len(corners)))[1].reshape(len(wanted), -1)
    nodes = np.empty((len(wanted), mesh.dimension + 1), dtype=np.int64)
    weights = np.empty(nodes.shape)
    for row, (point, candidates) in enumerate(zip(wanted, near, strict=True)):
        inside = _barycentric(corners[candidates], point)
        best = int(inside.min(axis=1).argmax())
        if inside[best].min() < -_SLACK:
            raise ParameterError(f"point {row} ({', '.join(f'{x:g}' for x in point)}) lies outside the mesh")
        nodes[row], weights[row] = mesh.cells[candidates[best]], inside[best]
    return nodes, weights


def _barycentric(corners: Array, point: Array) -> Array:
    """Barycentric coordinates of a point in simplices (m, d + 1, d), shape (m, d + 1)."""
    edges = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2)
    with np.errstate(all="ignore"):
        flat = np.abs(np.linalg.det(edges)) == 0
    edges[flat] = np.eye(edges.shape[1])
    rest = np.linalg.solve(edges, (point - corners[:, 0])[:, :, None])[:, :, 0]
    weights = np.column_stack([1 - rest.sum(axis=1), rest])
    weights[flat] = -np.inf
    return weights
