"""Mesh files that meshio reads: VTK, VTU, XDMF, Gmsh, Exodus, Abaqus and some thirty more."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.highfidelity.readers.cell_centres import centres_of, highest, joined
from locum.highfidelity.readers.files import malformed, required
from locum.highfidelity.simplices import simplices


@dataclass(frozen=True)
class MeshioReader:
    """The fields of one file, on nodes or on cells.

    Between nodes elements become linear simplices. Values of cells stay at their centres, which are joined by
    the dual mesh in the plane and are a cloud in space; see
    :mod:`~locum.highfidelity.readers.cell_centres`.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    fields
        Field to its name in the file, all on nodes or all on cells. Left out, all on nodes are taken under
        their own names, or, where there are none, all on cells.
    format
        As meshio calls it, where the name of the file does not say so.
    """

    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Coordinates, cells, fields and, of an XDMF time series, times."""
        content = self._content(required(folder, self.path))
        names, on_cells = self._wanted(content.steps[0])
        points, cells, taken = _on_cells(content) if on_cells else _on_nodes(content)
        result: dict[str, Any] = {"coordinates": points}
        if cells is not None:
            result["cells"] = cells
        if content.times is not None:
            result["times"] = np.array(content.times, float)
        for name, source in names.items():
            values = [taken(step, source) for step in content.steps]
            result[name] = values[0] if content.times is None else np.stack(values)
        return result

    def _content(self, path: Path) -> _Content:
        import meshio

        chatter = io.StringIO()  # meshio prints what it thinks of a file, and ends the process at some faults
        try:
            with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter):
                if path.suffix in (".xdmf", ".xmf") and "CollectionType" in path.read_text(errors="replace"):
                    with meshio.xdmf.TimeSeriesReader(path) as reader:
                        points, blocks = reader.read_points_cells()
                        read = [reader.read_data(step) for step in range(reader.num_steps)]
                    times, steps = [time for time, _, _ in read], [_Step(*data) for _, *data in read]
                else:
                    mesh = meshio.read(path, self.format)
                    points, blocks = mesh.points, mesh.cells
                    times, steps = None, [_Step(mesh.point_data, mesh.cell_data)]
        except (Exception, SystemExit) as error:
            what = " ".join(f"{chatter.getvalue()} {type(error).__name__}: {error}".split())
            raise malformed(self.path, f"meshio cannot read it: {what}") from None
        if not steps:
            raise malformed(self.path, "it has no saved time")
        while points.shape[1] > 1 and not points[:, -1].any():
            points = points[:, :-1]  # formats in space hold plane meshes at z = 0
        return _Content(points, [(block.type, block.data) for block in blocks], times, steps)

    def _wanted(self, first: _Step) -> tuple[Mapping[str, str], bool]:
        """Names of the fields, here to there, and whether they are on cells."""
        names = self.fields or {name: name for name in first.on_nodes or first.on_cells}
        lacking = [name for name in names.values() if name not in first.on_nodes]
        if not lacking:
            return names, False
        if all(name in first.on_cells for name in names.values()):
            return names, True
        there = f"there are {', '.join(first.on_nodes) or 'none'} on nodes, "
        there += f"{', '.join(first.on_cells) or 'none'} on cells"
        for name in lacking:
            if name not in first.on_cells:
                raise malformed(self.path, f"no field {name!r}; {there}")
        raise malformed(self.path, f"some fields are on nodes and others on cells; expected either; {there}")


class _Step(NamedTuple):
    """Fields of one saved time by their names; those on cells have an array for each block of elements."""

    on_nodes: Mapping[str, AnyArray]
    on_cells: Mapping[str, Sequence[AnyArray]]


class _Content(NamedTuple):
    points: Array
    blocks: list[tuple[str, AnyArray]]
    times: list[float] | None  # None where the file is no series
    steps: list[_Step]


_Placed = tuple[Array, AnyArray | None, Callable[[_Step, str], AnyArray]]  # points, cells, values of a field


def _on_nodes(content: _Content) -> _Placed:
    return content.points, simplices(content.blocks), lambda step, name: np.asarray(step.on_nodes[name])


def _on_cells(content: _Content) -> _Placed:
    chosen = highest(content.blocks)
    points, cells = centres_of(content.points, [content.blocks[number] for number in chosen])
    kept = np.arange(len(points))
    if cells is not None:
        kept, cells = joined(cells)
    return (
        points[kept],
        cells,
        lambda step, name: np.concatenate([step.on_cells[name][number] for number in chosen])[kept],
    )
