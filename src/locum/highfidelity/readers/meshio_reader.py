"""Mesh files that meshio reads: VTK, VTU, XDMF, Gmsh, Exodus, Abaqus and some thirty more."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError
from locum.highfidelity.readers.files import malformed, required
from locum.highfidelity.simplices import simplices


@dataclass(frozen=True)
class MeshioReader:
    """The nodal fields of one file; elements as linear simplices between their nodes.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    fields
        Field to its name among the file's point data. Left out, all of these are taken under their own names.
    format
        As meshio calls it, where the name of the file does not say so.
    """

    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Coordinates, cells, fields and, of an XDMF time series, times."""
        import meshio

        path = required(folder, self.path)
        chatter = io.StringIO()  # meshio prints what it thinks of a file, and ends the process at some faults
        try:
            with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter):
                if path.suffix in (".xdmf", ".xmf") and "CollectionType" in path.read_text(errors="replace"):
                    return self._series(path)
                mesh = meshio.read(path, self.format)
        except SimulationError:
            raise
        except (Exception, SystemExit) as error:
            what = " ".join(f"{chatter.getvalue()} {type(error).__name__}: {error}".split())
            raise malformed(self.path, f"meshio cannot read it: {what}") from None
        mapping = self._mesh(mesh.points, [(block.type, block.data) for block in mesh.cells])
        return mapping | self._fields(mesh.point_data, list(mesh.cell_data))

    def _series(self, path: Path) -> Mapping[str, Any]:
        import meshio

        times, fields = [], []
        with meshio.xdmf.TimeSeriesReader(path) as reader:
            points, cells = reader.read_points_cells()
            for step in range(reader.num_steps):
                time, point_data, cell_data = reader.read_data(step)
                times.append(time)
                fields.append(self._fields(point_data, list(cell_data)))
        mapping = self._mesh(points, [(block.type, block.data) for block in cells])
        stacked = {name: np.stack([found[name] for found in fields]) for name in fields[0]} if fields else {}
        return mapping | {"times": np.array(times, float)} | stacked

    def _mesh(self, points: Array, blocks: list[tuple[str, AnyArray]]) -> dict[str, Any]:
        cells = simplices(blocks)
        while points.shape[1] > 1 and not points[:, -1].any():
            points = points[:, :-1]  # formats in space hold plane meshes at z = 0
        return {"coordinates": points} if cells is None else {"coordinates": points, "cells": cells}

    def _fields(self, point_data: Mapping[str, AnyArray], on_cells: list[str]) -> dict[str, AnyArray]:
        wanted = self.fields or {name: name for name in point_data}
        for name in wanted.values():
            if name not in point_data:
                there = f"no field {name!r} on nodes; there are {', '.join(point_data) or 'none'}"
                raise malformed(self.path, there + (f"; on cells {', '.join(on_cells)}" if on_cells else ""))
        return {name: np.asarray(point_data[source]) for name, source in wanted.items()}
