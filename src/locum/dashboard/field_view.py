"""A field on its mesh in the browser: what is drawn of a mesh, and the component that draws it.

The browser gets the nodes and triangles once, and then only a number a node: it colours them itself, so that
a field follows a slider.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import panel as pn
import param

from locum.arrays import Array
from locum.highfidelity import Mesh
from locum.reports.field_pictures import boundary_edges, triangles

Numbers = np.ndarray[Any, np.dtype[np.int64]]

# Faces of cells in space by their corners; quadratic cells have the same corners first.
_TETRAHEDRON = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2))
_HEXAHEDRON = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
_SOLIDS = {4: _TETRAHEDRON, 10: _TETRAHEDRON, 8: _HEXAHEDRON, 20: _HEXAHEDRON}


@dataclass(frozen=True, eq=False)
class Drawable:
    """What is drawn of a mesh.

    Parameters
    ----------
    kind
        ``line``, ``surface`` or ``points``.
    nodes
        Which nodes of the mesh are drawn, shape (n,).
    faces, outline
        Triangles (k, 3) and edges (e, 2) between these, counted among them.
    """

    kind: str
    nodes: Numbers
    faces: Numbers
    outline: Numbers


def drawable(mesh: Mesh) -> Drawable:
    """What can be seen of a mesh: a line, a surface, the surface of a volume, or its points."""
    none = np.empty((0, 3), dtype=np.int64), np.empty((0, 2), dtype=np.int64)
    every = np.arange(mesh.nodes)
    if mesh.dimension == 1:
        return Drawable("line", every, *none)
    if mesh.cells is None or mesh.cells.shape[1] < 3:
        return Drawable("points", every, *none)
    corners = mesh.cells.shape[1]
    if mesh.dimension == 3 and corners in _SOLIDS:
        polygons = _skin(mesh.cells, _SOLIDS[corners])
        edges = _edges(polygons)
    elif mesh.dimension == 3 and corners > 3:
        return Drawable("points", every, *none)
    else:
        polygons, edges = mesh.cells, boundary_edges(mesh.cells)
    faces = triangles(polygons)
    used, numbered = np.unique(faces, return_inverse=True)
    place = np.searchsorted(used, edges)
    return Drawable("surface", used, numbered.reshape(faces.shape), place)


def _skin(cells: Numbers, faces: tuple[tuple[int, ...], ...]) -> Numbers:
    """Faces (F, k) that belong to one cell only."""
    every = cells[:, np.array(faces)].reshape(-1, len(faces[0]))
    _, first, counts = np.unique(np.sort(every, axis=1), axis=0, return_index=True, return_counts=True)
    return np.asarray(every[first[counts == 1]])


def _edges(polygons: Numbers) -> Numbers:
    """Every edge (E, 2) of polygons (F, k), once."""
    pairs = np.stack([polygons, np.roll(polygons, -1, axis=1)], axis=-1).reshape(-1, 2)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def palette(name: str) -> bytes:
    """256 colours of a map of matplotlib's, three bytes each."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    return np.round(255 * colours).astype(np.uint8).tobytes()


class FieldView(pn.custom.JSComponent):  # type: ignore[misc]
    """A field, coloured on its mesh or as a curve; see ``field.js`` for what travels."""

    _esm = Path(__file__).with_name("field.js")

    mesh = param.String(default="{}")
    unit = param.String(default="")
    nodes = param.Bytes(default=b"")
    faces = param.Bytes(default=b"")
    outline = param.Bytes(default=b"")
    palette = param.Bytes(default=b"")
    frame = param.Bytes(default=b"")

    def __init__(self, mesh: Mesh, drawn: Drawable, unit: str, colours: str, **options: Any) -> None:
        places = np.zeros((len(drawn.nodes), 3))
        places[:, : mesh.dimension] = mesh.points[drawn.nodes]
        centre = (places.min(axis=0) + places.max(axis=0)) / 2
        described = {
            "kind": drawn.kind,
            "dimension": mesh.dimension,
            "unit": mesh.unit,
            "centre": centre[: mesh.dimension].tolist(),
        }
        super().__init__(
            mesh=json.dumps(described),
            unit=unit,
            nodes=(places - centre).astype("<f4").tobytes(),
            faces=drawn.faces.astype("<u4").tobytes(),
            outline=drawn.outline.astype("<u4").tobytes(),
            palette=palette(colours),
            sizing_mode="stretch_width",
            **options,
        )
        self._drawn = drawn

    def show(self, values: Array, low: float, high: float) -> None:
        """Draw nodal values (N,) with colours from ``low`` to ``high``."""
        frame = np.empty(2 + len(self._drawn.nodes), dtype="<f4")
        frame[:2] = (low, high) if high > low else (low - 0.5, low + 0.5)
        frame[2:] = values[self._drawn.nodes]
        self.frame = frame.tobytes()
