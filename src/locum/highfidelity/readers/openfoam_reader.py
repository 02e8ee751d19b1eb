"""OpenFOAM cases as fields on cell centres.

Values stay what finite volumes mean them to be: one a cell, at its centre. In two dimensions (one cell
between ``empty`` patches) the centres are joined by the dual mesh: each inner point of the grid becomes the
polygon of the centres around it, cut in triangles. In three dimensions they are a cloud of points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError
from locum.highfidelity.readers.files import malformed
from locum.highfidelity.readers.openfoam_files import FoamFile, foam_bytes, foam_file

_MESH = "constant/polyMesh"
_AXES = ("x", "y", "z")


@dataclass(frozen=True)
class OpenFoamReader:
    """Fields of a case that is not decomposed.

    Parameters
    ----------
    fields
        Field to the name of its file: ``{velocity: U, pressure: p}``.
    path
        The case, relative to the folder of the run.
    times
        ``last`` for a steady state, or ``all`` written times after 0.
    within
        Axis (x, y or z) to [lower, upper]: only cells with their centre in there.
    """

    fields: Mapping[str, str]
    path: str = "."
    times: Literal["last", "all"] = "last"
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Coordinates, cells, fields and times."""
        case = folder / self.path
        parts = ("points", "faces", "owner", "neighbour", "boundary")
        grid = _grid(*(foam_bytes(case, f"{_MESH}/{part}") for part in parts))
        kept, cells = _kept(grid, self._inside(grid))
        result: dict[str, Any] = {"coordinates": grid.centres[kept]}
        if cells is not None:
            result["cells"] = cells
        written = _written(case)
        if self.times == "last":
            taken = written[-1:]
        else:
            taken = written
            result["times"] = np.array([float(name) for name in taken])
        for name, source in self.fields.items():
            values = [foam_file(case, f"{time}/{source}").field(grid.size)[kept] for time in taken]
            values = [value[:, grid.axes] if value.shape[1:] == (3,) else value for value in values]
            result[name] = values[0] if self.times == "last" else np.stack(values)
        return result

    def _inside(self, grid: _Grid) -> AnyArray:
        inside = np.ones(grid.size, dtype=bool)
        for axis, (lower, upper) in self.within.items():
            number = _AXES.index(axis)
            if number not in grid.axes:
                raise malformed(_MESH, f"the plane of the case has no axis {axis!r}")
            coordinate = grid.centres[:, list(grid.axes).index(number)]
            inside &= (coordinate >= lower) & (coordinate <= upper)
        if not inside.any():
            raise malformed(_MESH, f"no cell lies within {dict(self.within)}")
        return inside


class _Grid(NamedTuple):
    centres: Array  # of the cells, (n, d)
    axes: list[int]  # of space that the coordinates are
    triangles: AnyArray | None  # between centres (M, 3); None in three dimensions

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.centres)


class _Faces(NamedTuple):
    """Polygons one after another: corners of all, and the polygon of each."""

    corners: AnyArray  # point numbers (k,)
    face: AnyArray  # (k,)
    first: AnyArray  # where each polygon begins (F,)

    def some(self, chosen: AnyArray) -> _Faces:
        """The chosen polygons (boolean), numbered anew."""
        return _faces(np.diff(np.r_[self.first, len(self.corners)])[chosen], self.corners[chosen[self.face]])

    @property
    def following(self) -> AnyArray:
        """The next corner of the same polygon, for every corner."""
        place = np.arange(1, len(self.corners) + 1)
        place[np.r_[self.first[1:], len(self.corners)] - 1] = self.first
        return self.corners[place]


def _faces(sizes: AnyArray, corners: AnyArray) -> _Faces:
    first = np.cumsum(sizes) - sizes
    return _Faces(corners, np.repeat(np.arange(len(sizes)), sizes), first)


@lru_cache(maxsize=2)
def _grid(points: bytes, faces: bytes, owner: bytes, neighbour: bytes, boundary: bytes) -> _Grid:
    """The grid of the files with these contents: the same for all samples, so it is made once."""
    coordinates = FoamFile.parse(f"{_MESH}/points", points).vectors()
    begins, corners = FoamFile.parse(f"{_MESH}/faces", faces).faces()
    owners = FoamFile.parse(f"{_MESH}/owner", owner).labels()
    neighbours = FoamFile.parse(f"{_MESH}/neighbour", neighbour).labels()
    if len(owners) != len(begins) - 1 or (len(corners) and corners.max() >= len(coordinates)):
        raise malformed(_MESH, "points, faces and owner do not belong together")
    grid = _faces(np.diff(begins), corners)
    cells = int(owners.max()) + 1
    flat = np.zeros(len(owners), dtype=bool)
    for patch in FoamFile.parse(f"{_MESH}/boundary", boundary).patches():
        flat[patch.start : patch.start + patch.count] |= patch.kind == "empty"
    if flat.sum() == 2 * cells:
        return _plane(coordinates, grid.some(flat), owners[flat], cells)
    # centres in space: the means of the corners of a cell's faces
    of_cell = np.concatenate([owners[grid.face], neighbours[grid.face[: begins[len(neighbours)]]]])
    mean_of = np.concatenate([corners, corners[: begins[len(neighbours)]]])
    counts = np.bincount(of_cell, minlength=cells)
    sums = [np.bincount(of_cell, coordinates[mean_of, axis], cells) for axis in range(3)]
    return _Grid(np.stack(sums, axis=1) / counts[:, None], [0, 1, 2], None)


def _plane(coordinates: Array, sides: _Faces, owners: AnyArray, cells: int) -> _Grid:
    """A grid one cell thick, as that of its faces on one side."""
    three = coordinates[sides.corners[sides.first[:, None] + [0, 1, 2]]]
    normals = np.cross(three[:, 1] - three[:, 0], three[:, 2] - three[:, 0])
    axis = int(np.abs(normals).sum(axis=0).argmax())
    axes = [other for other in range(3) if other != axis]
    front = normals[:, axis] > 0
    if front.sum() != cells or len(np.unique(owners[front])) != cells:
        raise malformed(_MESH, "the empty patches are not the two sides of a grid one cell thick")
    polygons, plane = sides.some(front), coordinates[:, axes]
    centres = np.empty((cells, 2))
    centres[owners[front]] = _centroids(plane, polygons)
    return _Grid(centres, axes, _dual(plane, centres, polygons, owners[front]))


def _centroids(plane: Array, polygons: _Faces) -> Array:
    """Centres of area (F, 2)."""
    origin = plane[polygons.corners[polygons.first]]
    here = plane[polygons.corners] - origin[polygons.face]
    following = plane[polygons.following] - origin[polygons.face]
    cross = here[:, 0] * following[:, 1] - here[:, 1] * following[:, 0]
    moments = [np.bincount(polygons.face, cross * (here + following)[:, axis]) for axis in range(2)]
    return np.asarray(origin + np.stack(moments, axis=1) / (3 * np.bincount(polygons.face, cross))[:, None])


def _dual(plane: Array, centres: Array, polygons: _Faces, owners: AnyArray) -> AnyArray:
    """Triangles (M, 3) between centres: a fan of those around each inner point."""
    points, around = polygons.corners, owners[polygons.face]
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


def _kept(grid: _Grid, inside: AnyArray) -> tuple[AnyArray, AnyArray | None]:
    """Which cells become nodes, and the triangles between these; cells in a corner touch no inner point."""
    if grid.triangles is None:
        return np.flatnonzero(inside), None
    triangles = grid.triangles[inside[grid.triangles].all(axis=1)]
    if not len(triangles):
        raise malformed(_MESH, "no inner point of the grid is left")
    kept, numbered = np.unique(triangles, return_inverse=True)
    return kept, numbered.reshape(-1, 3)


def _written(case: Path) -> list[str]:
    """Names of the folders of written times after 0, in order."""
    times = []
    for path in case.iterdir():
        try:
            number = float(path.name)
        except ValueError:
            continue
        if path.is_dir() and number > 0:
            times.append((number, path.name))
    if not times:
        decomposed = " (the case is decomposed: run reconstructPar)" if (case / "processor0").is_dir() else ""
        raise SimulationError(f"the program wrote no time after 0{decomposed}", "output missing")
    return [name for _, name in sorted(times)]
