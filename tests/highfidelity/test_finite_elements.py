from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import ModelError
from locum.highfidelity.finite_elements import lumped, lumped_mass, mass, measures, shape_gradients, stiffness
from locum.highfidelity.mesh import Mesh


def square(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit square in 2 n^2 triangles."""
    grid = np.linspace(0, 1, n + 1)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    lower = np.stack([corner, corner + n + 1, corner + n + 2], axis=1)
    upper = np.stack([corner, corner + n + 2, corner + 1], axis=1)
    return points, np.concatenate([lower, upper])


LINE = Mesh(np.array([0.0, 0.5, 2.0]), np.array([[0, 1], [1, 2]]))
SQUARE = Mesh(*square(4))
TETRAHEDRON = Mesh(np.concatenate([np.zeros((1, 3)), np.eye(3)]), np.array([[0, 1, 2, 3]]))


@pytest.mark.parametrize(("mesh", "measure"), [(LINE, 2.0), (SQUARE, 1.0), (TETRAHEDRON, 1 / 6)])
def test_lumped_mass_weighs_the_whole_mesh(mesh: Mesh, measure: float) -> None:
    weights = lumped_mass(mesh)
    assert weights is not None
    assert weights.shape == (mesh.nodes,)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(measure)


def test_lumped_mass_of_a_line_is_the_trapezoid_rule() -> None:
    assert lumped_mass(LINE) == pytest.approx([0.25, 1.0, 0.75])


@pytest.mark.parametrize("cells", [None, np.array([[0, 1, 2, 3]])])
def test_clouds_and_cells_that_are_not_simplices_have_no_lumped_mass(cells: np.ndarray | None) -> None:
    assert lumped_mass(Mesh(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), cells)) is None


def test_a_node_outside_every_cell_is_refused_by_number() -> None:
    with pytest.raises(ModelError, match="node 3"):
        lumped_mass(Mesh(np.array([0.0, 1.0, 2.0, 3.0]), np.array([[0, 1], [1, 2]])))


@pytest.mark.parametrize("mesh", [LINE, SQUARE, TETRAHEDRON])
@given(slope=st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_linear_fields_have_their_exact_energy_and_norm(mesh: Mesh, slope: list[float]) -> None:
    assert mesh.cells is not None
    gradient = np.array(slope[: mesh.dimension])
    field = mesh.points @ gradient
    volume = measures(mesh.points, mesh.cells).sum()
    assert field @ stiffness(mesh.points, mesh.cells) @ field == pytest.approx(
        gradient @ gradient * volume, abs=1e-9
    )
    ones = np.ones(mesh.nodes)
    assert ones @ mass(mesh.points, mesh.cells) @ field == pytest.approx(
        lumped(mesh.points, mesh.cells) @ field, abs=1e-9
    )
    found = np.einsum("mkd,mk->md", shape_gradients(mesh.points, mesh.cells), field[mesh.cells])
    assert found == pytest.approx(np.broadcast_to(gradient, found.shape), abs=1e-9)


def test_the_mass_matrix_integrates_a_square_exactly() -> None:
    assert SQUARE.cells is not None
    x = SQUARE.points[:, 0]
    assert x @ mass(SQUARE.points, SQUARE.cells) @ x == pytest.approx(1 / 3)


def test_a_surface_in_space_keeps_its_area_and_energy_under_rotation() -> None:
    points, triangles = square(3)
    angle = 0.7
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    lifted = np.pad(points, ((0, 0), (0, 1))) @ rotation.T
    assert measures(lifted, triangles) == pytest.approx(measures(points, triangles))
    difference = stiffness(lifted, triangles) - stiffness(points, triangles)
    assert abs(difference).max() < 1e-12
