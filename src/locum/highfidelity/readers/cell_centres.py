"""Values of cells as fields: one a cell, at its centre, as finite volumes mean them.

In the plane the centres are joined by the dual mesh: each inner point of the grid becomes the polygon of the
centres around it, cut in triangles. In space they are a cloud of points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError

# of elements by their names in meshio, without the number of nodes: dimension and corners, which come first
_ELEMENTS = {
    "line": (1, 2),
    "triangle": (2, 3),
    "quad": (2, 4),
    "polygon": (2, None),
    "tetra": (3, 4),
    "pyramid": (3, 5),
    "wedge": (3, 6),
    "hexahedron": (3, 8),
}


class Polygons(NamedTuple):
    """Polygons one after another: corners of all, and the polygon of each."""

    corners: AnyArray  # point numbers (k,)
    polygon: AnyArray  # (k,)
    first: AnyArray  # where each polygon begins (F,)

    @classmethod
    def of(cls, sizes: AnyArray, corners: AnyArray) -> Polygons:
        """From the number of corners of each."""
        return cls(corners, np.repeat(np.arange(len(sizes)), sizes), np.cumsum(sizes) - sizes)

    def some(self, chosen: AnyArray) -> Polygons:
        """The chosen polygons (boolean), numbered anew."""
        sizes = np.diff(np.r_[self.first, len(self.corners)])
        return Polygons.of(sizes[chosen], self.corners[chosen[self.polygon]])

    @property
    def following(self) -> AnyArray:
        """The next corner of the same polygon, for every corner."""
        place = np.arange(1, len(self.corners) + 1)
        place[np.r_[self.first[1:], len(self.corners)] - 1] = self.first
        return self.corners[place]


def centroids(plane: Array, polygons: Polygons) -> Array:
    """Centres of area (F, 2), where points have coordinates (N, 2)."""
    origin = plane[polygons.corners[polygons.first]]
    here = plane[polygons.corners] - origin[polygons.polygon]
    following = plane[polygons.following] - origin[polygons.polygon]
    cross = here[:, 0] * following[:, 1] - here[:, 1] * following[:, 0]
    moments = [np.bincount(polygons.polygon, cross * (here + following)[:, axis]) for axis in range(2)]
    area = np.bincount(polygons.polygon, cross)
    return np.asarray(origin + np.stack(moments, axis=1) / (3 * area)[:, None])


def dual_mesh(plane: Array, centres: Array, polygons: Polygons, owners: AnyArray) -> AnyArray:
    """Triangles (M, 3) between centres: a fan of those around each inner point.

    Parameters
    ----------
    plane
        Coordinates of the points (N, 2).
    centres
        Of the cells (n, 2).
    polygons, owners
        The cells, and the number of each among the centres.
    """
    points, around = polygons.corners, owners[polygons.polygon]
    edges = np.sort(np.stack([points, polygons.following], axis=1), axis=1)
    edges, counts = np.unique(edges, axis=0, return_counts=True)
    inner = np.ones(len(plane), dtype=bool)
    inner[edges[counts == 1]] = False
    points, around = points[inner[points]], around[inner[points]]
    away = centres[around] - plane[points]
    order = np.lexsort((np.arctan2(away[:, 1], away[:, 0]), points))
    points, around = points[order], around[order]
    starts = np.flatnonzero(np.r_[True, points[1:] != points[:-1]])
    first = np.repeat(starts, np.diff(np.r_[starts, len(points)]))
    fan = np.flatnonzero((np.arange(len(points)) > first) & (np.r_[first[1:], -1] == first))
    return np.stack([around[first[fan]], around[fan], around[fan + 1]], axis=1)


def joined(triangles: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Which centres triangles join, and these numbered among them; cells in a corner touch no inner point."""
    kept, numbered = np.unique(triangles, return_inverse=True)
    return kept, numbered.reshape(-1, 3)


def highest(blocks: Sequence[tuple[str, AnyArray]]) -> list[int]:
    """Numbers of the blocks of elements of the highest dimension that there is.

    Raises
    ------
    SimulationError
        An element that is not known here.
    """
    dimensions = [0 if name == "vertex" else _element(name)[0] for name, _ in blocks]
    return [number for number, found in enumerate(dimensions) if found and found == max(dimensions)]


def centres_of(points: Array, blocks: Sequence[tuple[str, AnyArray]]) -> tuple[Array, AnyArray | None]:
    """Centres (n, d) of elements of one dimension, and triangles between them; None but in the plane.

    Parameters
    ----------
    points
        Coordinates (N, d).
    blocks
        Pairs of an element's name, as in meshio, and the node numbers of its elements.
    """
    cells = [np.asarray(cells)[:, : _element(name)[1]] for name, cells in blocks]
    if _element(blocks[0][0])[0] != 2 or points.shape[1] != 2:
        return np.concatenate([points[corners].mean(axis=1) for corners in cells]), None
    sizes = np.concatenate([np.full(len(corners), corners.shape[1]) for corners in cells])
    polygons = Polygons.of(sizes, np.concatenate([corners.ravel() for corners in cells]))
    centres = centroids(points, polygons)
    return centres, dual_mesh(points, centres, polygons, np.arange(len(centres)))


def _element(name: str) -> tuple[int, int | None]:
    base = name.rstrip("0123456789")
    if base not in _ELEMENTS:
        raise SimulationError(
            f"the mesh has elements {name!r}; locum knows {', '.join(_ELEMENTS)}", "output malformed"
        )
    return _ELEMENTS[base]
