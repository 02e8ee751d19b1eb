"""OpenFOAM cases as fields on cell centres.

Values stay one a cell, at its centre: see :mod:`~locum.highfidelity.readers.cell_centres`. A grid one cell
thick between ``empty`` patches is one in the plane. Of a case that was decomposed, and not reconstructed,
the fields of all processors are put together.
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
from locum.highfidelity.readers.cell_centres import Polygons, centroids, dual_mesh, joined
from locum.highfidelity.readers.files import malformed
from locum.highfidelity.readers.openfoam_files import FoamFile, foam_bytes, foam_file

_MESH = "constant/polyMesh"
_AXES = ("x", "y", "z")


@dataclass(frozen=True)
class OpenFoamReader:
    """Fields of a case, decomposed or not.

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
        written, processors = _written(case)
        numbered = _cells(case, processors, grid.size)
        if self.times == "last":
            taken = written[-1:]
        else:
            taken = written
            result["times"] = np.array([float(name) for name in taken])
        for name, source in self.fields.items():
            names = [f"{time}/{source}" for time in taken]
            values = [_values(case, name, processors, numbered, grid.size)[kept] for name in names]
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


@lru_cache(maxsize=2)
def _grid(points: bytes, faces: bytes, owner: bytes, neighbour: bytes, boundary: bytes) -> _Grid:
    """The grid of the files with these contents: the same for all samples, so it is made once."""
    coordinates = FoamFile.parse(f"{_MESH}/points", points).vectors()
    begins, corners = FoamFile.parse(f"{_MESH}/faces", faces).faces()
    owners = FoamFile.parse(f"{_MESH}/owner", owner).labels()
    neighbours = FoamFile.parse(f"{_MESH}/neighbour", neighbour).labels()
    if len(owners) != len(begins) - 1 or (len(corners) and corners.max() >= len(coordinates)):
        raise malformed(_MESH, "points, faces and owner do not belong together")
    grid = Polygons.of(np.diff(begins), corners)
    cells = int(owners.max()) + 1
    flat = np.zeros(len(owners), dtype=bool)
    for patch in FoamFile.parse(f"{_MESH}/boundary", boundary).patches():
        flat[patch.start : patch.start + patch.count] |= patch.kind == "empty"
    if flat.sum() == 2 * cells:
        return _plane(coordinates, grid.some(flat), owners[flat], cells)
    # centres in space: the means of the corners of a cell's faces
    of_cell = np.concatenate([owners[grid.polygon], neighbours[grid.polygon[: begins[len(neighbours)]]]])
    mean_of = np.concatenate([corners, corners[: begins[len(neighbours)]]])
    counts = np.bincount(of_cell, minlength=cells)
    sums = [np.bincount(of_cell, coordinates[mean_of, axis], cells) for axis in range(3)]
    return _Grid(np.stack(sums, axis=1) / counts[:, None], [0, 1, 2], None)


def _plane(coordinates: Array, sides: Polygons, owners: AnyArray, cells: int) -> _Grid:
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
    centres[owners[front]] = centroids(plane, polygons)
    return _Grid(centres, axes, dual_mesh(plane, centres, polygons, owners[front]))


def _kept(grid: _Grid, inside: AnyArray) -> tuple[AnyArray, AnyArray | None]:
    """Which cells become nodes, and the triangles between these; cells in a corner touch no inner point."""
    if grid.triangles is None:
        return np.flatnonzero(inside), None
    triangles = grid.triangles[inside[grid.triangles].all(axis=1)]
    if not len(triangles):
        raise malformed(_MESH, "no inner point of the grid is left")
    return joined(triangles)


def _written(case: Path) -> tuple[list[str], list[str]]:
    """Names of the folders of written times after 0, in order; and of those of processors that hold them.

    There are none of the latter where the case is not decomposed, or was reconstructed.
    """
    if times := _times(case):
        return times, []
    parts = sorted((path.name for path in case.glob("processor[0-9]*")), key=lambda name: (len(name), name))
    if parts and (times := _times(case / parts[0])):
        return times, parts
    collated = "; its files are collated: run reconstructPar" if any(case.glob("processors*")) else ""
    raise SimulationError(f"the program wrote no time after 0{collated}", "output missing")


def _times(folder: Path) -> list[str]:
    times = []
    for path in folder.iterdir():
        try:
            number = float(path.name)
        except ValueError:
            continue
        if path.is_dir() and number > 0:
            times.append((number, path.name))
    return [name for _, name in sorted(times)]


def _cells(case: Path, processors: list[str], size: int) -> list[AnyArray]:
    """Cells of each processor, by their numbers in the mesh."""
    cells = [foam_file(case, f"{part}/{_MESH}/cellProcAddressing").labels() for part in processors]
    if processors and not np.array_equal(np.sort(np.concatenate(cells)), np.arange(size)):
        raise malformed(_MESH, f"its {size} cells are not those of the {len(processors)} processors together")
    return cells


def _values(case: Path, name: str, processors: list[str], cells: list[AnyArray], size: int) -> Array:
    """Values of a field in all cells (size,) or (size, c)."""
    if not processors:
        return foam_file(case, name).field(size)
    found = [
        foam_file(case, f"{part}/{name}").field(len(mine))
        for part, mine in zip(processors, cells, strict=True)
    ]
    return np.concatenate(found)[np.argsort(np.concatenate(cells))]
