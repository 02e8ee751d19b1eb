"""Pictures of the surface of a body in space, rendered off-screen by pyvista (VTK).

The view is parallel, from the side where the body is broadest, its longest axis upright or across.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.execution.environment import python

_PIXELS = 640  # across
_TILT = (1.0, 0.35, 0.25)  # of the view, along the shortest, the middle and the longest axis of the body
_FROM_ABOVE = 0.25  # radians
_MARGIN = 1.06


@dataclass(frozen=True, eq=False)
class View:
    """A parallel view, the same for several pictures of one body.

    Parameters
    ----------
    centre
        What is seen in the middle of the picture, (3,).
    towards, right, up
        Unit vectors (3,): from the body to the viewer, and of the picture.
    width, height
        Lengths that the picture shows.
    """

    centre: Array
    towards: Array
    right: Array
    up: Array
    width: float
    height: float

    @classmethod
    def of(cls, points: Array) -> View:
        """Choose the view of points (N, 3)."""
        middle = points.mean(axis=0)
        _, axes = np.linalg.eigh(np.cov((points - middle).T))  # of inertia, the shortest first
        axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), range(3)] < 0, -1.0, 1.0)
        lies = abs(axes[2, 2]) < 0.5 < abs(axes[2, 1])  # a long body that lies stays so
        upright = axes[:, 1 if lies else 2]
        right = np.cross(upright, axes @ np.array(_TILT))
        right = right / np.linalg.norm(right)
        towards = np.cross(right, upright) * np.cos(_FROM_ABOVE) + upright * np.sin(_FROM_ABOVE)
        picture = np.stack([right, np.cross(towards, right)], axis=1)
        seen = points @ picture
        low, high = seen.min(axis=0), seen.max(axis=0)
        centre = middle + picture @ ((low + high) / 2 - middle @ picture)
        width, height = (float(size) * _MARGIN or 1.0 for size in high - low)
        return cls(centre, towards, right, picture[:, 1], width, height)

    def place(self, point: Array) -> tuple[float, float]:
        """Where a point (3,) is seen: across and up, in lengths from the lower left corner."""
        away = point - self.centre
        return float(away @ self.right) + self.width / 2, float(away @ self.up) + self.height / 2


def outside(cells: AnyArray) -> AnyArray:
    """Triangles (K, 3) around tetrahedra (M, 4): faces of one of them only; triangles as they are."""
    if cells.shape[1] < 4:
        return cells
    faces = np.concatenate(
        [cells[:, [0, 1, 2]], cells[:, [0, 1, 3]], cells[:, [0, 2, 3]], cells[:, [1, 2, 3]]]
    )
    unique, counts = np.unique(np.sort(faces, axis=1), axis=0, return_counts=True)
    return np.asarray(unique[counts == 1])


@cache
def can_render() -> bool:
    """Whether VTK finds a way to draw here: tried in a process of its own, which may end without a word."""
    attempt = (
        "import pyvista as p; v = p.Plotter(off_screen=True); v.add_mesh(p.Sphere()); v.screenshot(None)"
    )
    try:
        tried = subprocess.run(python("-c", attempt), capture_output=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode == 0


def rendered(
    points: Array,
    triangles: AnyArray | None,
    values: Array,
    ends: tuple[float, float],
    colours: str,
    view: View,
) -> AnyArray:
    """The body as an image (rows, columns, 4), transparent around it.

    Parameters
    ----------
    points
        Shape (N, 3).
    triangles
        Of its surface, (K, 3); None for a cloud of points.
    values
        What is coloured, (N,).
    ends
        Values of the first and the last colour.
    colours
        Name of matplotlib's map of colours.
    view
        From where it is seen.
    """
    import pyvista

    body: Any
    if triangles is None:
        body = pyvista.PolyData(points)
    else:
        body = pyvista.PolyData.from_regular_faces(points, triangles)
    body["values"] = values
    with _silent():
        plotter = pyvista.Plotter(
            off_screen=True, window_size=(_PIXELS, round(_PIXELS * view.height / view.width))
        )
        try:
            plotter.add_mesh(
                body,
                scalars="values",
                clim=ends,
                cmap=colours,
                show_scalar_bar=False,
                ambient=0.5,
                diffuse=0.6,
                specular=0.0,
                point_size=6.0,
                render_points_as_spheres=triangles is None,
            )
            camera: Any = plotter.camera
            camera.parallel_projection = True
            camera.focal_point = view.centre
            camera.position = view.centre + 10 * max(view.width, view.height) * view.towards
            camera.up = view.up
            camera.parallel_scale = view.height / 2
            plotter.renderer.reset_camera_clipping_range()
            return np.asarray(plotter.screenshot(None, transparent_background=True, return_img=True))
        finally:
            plotter.close()


@contextmanager
def _silent() -> Iterator[None]:
    """VTK says on standard error that it found no screen before it draws without one."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
