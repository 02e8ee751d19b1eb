"""What is drawn of a mesh: lines, surfaces, the skin of a volume, or points."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from locum.dashboard.field_view import drawable
from locum.highfidelity import Mesh


def cube(n: int) -> Mesh:
    """The unit cube in ``n`` times ``n`` times ``n`` hexahedra."""
    points = np.array(list(itertools.product(np.linspace(0, 1, n + 1), repeat=3)))
    corner = lambda i, j, k: (i * (n + 1) + j) * (n + 1) + k  # noqa: E731
    cells = [
        [corner(i + a, j + b, k + c) for c in (0, 1) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
        for i, j, k in itertools.product(range(n), repeat=3)
    ]
    return Mesh(points, np.array(cells))


def area(mesh: Mesh) -> float:
    seen = drawable(mesh)
    a, b, c = (
        np.pad(mesh.points[seen.nodes[seen.faces[:, j]]], ((0, 0), (0, 3 - mesh.dimension))) for j in range(3)
    )
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_a_volume_its_skin_is_drawn_and_nothing_inside(n: int) -> None:
    mesh = cube(n)
    seen = drawable(mesh)
    assert area(mesh) == pytest.approx(6.0)
    on_skin = ((mesh.points == 0) | (mesh.points == 1)).any(axis=1)
    np.testing.assert_array_equal(seen.nodes, np.flatnonzero(on_skin))
    assert seen.faces.max() < len(seen.nodes) and seen.outline.max() < len(seen.nodes)


def test_the_skin_of_tetrahedra_is_that_of_the_body_they_fill() -> None:
    """A cube of six tetrahedra around its diagonal, as triangulations after Kuhn have them."""
    points = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    cells = []
    for axes in itertools.permutations(range(3)):
        path = np.zeros((4, 3), dtype=int)
        for step, axis in enumerate(axes, 1):
            path[step:, axis] = 1
        cells.append(path @ [4, 2, 1])
    assert area(Mesh(points, np.array(cells))) == pytest.approx(6.0)


def test_a_plane_of_quadrilaterals_keeps_its_area_and_its_outline() -> None:
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0))
    node = np.arange(12).reshape(3, 4)
    cells = np.stack([node[:-1, :-1], node[:-1, 1:], node[1:, 1:], node[1:, :-1]], axis=-1).reshape(-1, 4)
    mesh = Mesh(np.stack([x.ravel(), y.ravel()], axis=1), cells)
    assert area(mesh) == pytest.approx(6.0)
    assert len(drawable(mesh).outline) == 10


def test_lines_and_clouds_have_no_faces() -> None:
    assert drawable(Mesh(np.linspace(0, 1, 5))).kind == "line"
    assert drawable(Mesh(np.random.default_rng(0).random((5, 3)))).kind == "points"
