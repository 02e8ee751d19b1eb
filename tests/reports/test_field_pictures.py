"""Fields of every kind of mesh find their picture."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from locum.highfidelity.finite_elements import measures
from locum.highfidelity.readers.netcdf_reader import grid_cells
from locum.reports.content import Case, Report
from locum.reports.field_pictures import boundary_edges, case_pictures, enlargement, triangles
from locum.reports.volume_pictures import View, can_render, outside, rendered


@pytest.fixture
def case(blade_report: Report) -> Case:
    return blade_report.cases[0]


def on(
    case: Case,
    points: np.ndarray,
    cells: np.ndarray | None,
    field: np.ndarray,
    times: np.ndarray | None = None,
) -> Case:
    return replace(case, points=points, cells=cells, simulated=field, predicted=field * 1.01, times=times)


def test_a_surface_in_time_is_drawn_at_the_largest_difference(case: Case) -> None:
    difference = np.zeros_like(case.simulated)
    difference[7, 3] = 5.0
    drawn = case_pictures(replace(case, predicted=case.simulated + difference))
    assert len(drawn.pictures) == 3
    assert f"at {case.times[7]:.1f}\u202fs, the time of the largest difference" in drawn.moment
    assert "Largest difference 5.00\u202fK" in drawn.pictures[2][2]


def test_high_fidelity_and_surrogate_share_their_colours(case: Case) -> None:
    drawn = case_pictures(replace(case, predicted=case.simulated))
    high_fidelity, surrogate, _ = (svg[svg.index("data:image") :][:2000] for svg, _, _ in drawn.pictures)
    assert high_fidelity == surrogate


def test_a_cloud_of_points_is_scattered(case: Case) -> None:
    points = np.random.default_rng(0).random((400, 2))
    drawn = case_pictures(on(case, points, None, points[:, 0]))
    assert [title for _, title, _ in drawn.pictures] == ["High-fidelity.", "Surrogate.", "Error."]
    assert all("data:image/png" in svg for svg, _, _ in drawn.pictures)
    assert drawn.moment == ""


def test_a_steady_line_is_drawn_as_curves(case: Case) -> None:
    x = np.linspace(0, 1, 30)[:, None]
    drawn = case_pictures(on(case, x, None, x[:, 0]))
    assert [title for _, title, _ in drawn.pictures] == ["Field.", "Error."]
    assert all("data:image" not in svg for svg, _, _ in drawn.pictures)


def test_a_line_in_time_is_drawn_over_place_and_time(case: Case) -> None:
    x, times = np.linspace(0, 1, 30)[:, None], np.linspace(0, 2, 5)
    drawn = case_pictures(on(case, x, None, np.outer(times, x[:, 0]), times))
    assert len(drawn.pictures) == 3
    assert "all 5 saved times" in drawn.moment
    assert "time (s)" in drawn.pictures[0][0]
    assert drawn.pictures[2][2].startswith("Surrogate less")


def test_vectors_on_a_line_differ_by_a_length_and_long_numbers_below_their_colours_stand_apart(
    case: Case,
) -> None:
    x, times = np.linspace(0, 1, 30)[:, None], np.linspace(0, 2, 5)
    field = np.stack([251.9225 + 0.006 * np.outer(times, x[:, 0]) / 2, np.zeros((5, 30))], axis=-1)
    drawn = case_pictures(replace(on(case, x, None, field, times), predicted=field))
    (bar, _, _), _, (_, _, error) = drawn.pictures
    assert error.startswith("Length of the difference")
    assert 2 <= len(set(re.findall(r">\s*(251\.9\d+)\s*<", bar))) <= 3


@pytest.mark.parametrize("components", [1, 2, 3])
def test_vectors_are_drawn_by_their_length(case: Case, components: int) -> None:
    field = np.ones((*case.simulated.shape, components))
    drawn = case_pictures(replace(case, simulated=field, predicted=2 * field))
    largest = f"Largest difference {np.sqrt(components):.2f}"
    assert largest in drawn.pictures[2][2]
    assert drawn.pictures[2][2].startswith("Surrogate less" if components == 1 else "Length of")


@pytest.fixture(scope="module")
def bar() -> tuple[np.ndarray, np.ndarray]:
    """Points and tetrahedra of a bar of 1 x 1 x 4."""
    axes = [np.arange(n + 1.0) for n in (1, 1, 4)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return points, grid_cells((2, 2, 5))


def test_outside_has_the_faces_of_one_tetrahedron_only(bar: tuple[np.ndarray, np.ndarray]) -> None:
    points, cells = bar
    faces = outside(cells)
    assert measures(points, faces).sum() == pytest.approx(2 + 4 * 4)
    assert np.array_equal(outside(faces), faces)


def test_the_whole_body_is_seen_and_its_longest_axis_is_upright(bar: tuple[np.ndarray, np.ndarray]) -> None:
    points, _ = bar
    view = View.of(points)
    across, up = np.array([view.place(point) for point in points]).T
    assert across.min() >= 0 and across.max() <= view.width
    assert up.min() >= 0 and up.max() <= view.height
    assert view.height > 2 * view.width
    assert np.linalg.det([view.right, view.up, view.towards]) == pytest.approx(1)


def test_displacements_are_enlarged_by_a_round_factor(case: Case, bar: tuple[np.ndarray, np.ndarray]) -> None:
    points, cells = bar
    moved = replace(on(case, points, cells, points[:, 0]), displacement=[np.full((20, 3), 0.01)] * 2)
    assert enlargement(moved) == 20  # 0.017 becomes 0.35 of 4
    assert enlargement(replace(moved, displacement=[np.full((20, 3), 9.0)])) == 1
    assert enlargement(replace(moved, displacement=())) == 1


def test_a_body_in_space_is_drawn_in_its_deformed_shape(
    case: Case, bar: tuple[np.ndarray, np.ndarray]
) -> None:
    if not can_render():
        pytest.skip("VTK finds neither Mesa nor a graphics card")
    points, cells = bar
    body = on(case, points, cells, points[:, 2])
    body = replace(body, displacement=[0.01 * points, 0.02 * points])
    drawn = case_pictures(body)
    assert [title for _, title, _ in drawn.pictures] == ["High-fidelity.", "Surrogate.", "Error."]
    assert "Displacements are drawn 2 times as large." in drawn.pictures[0][2]
    assert all("data:image/png" in svg for svg, _, _ in drawn.pictures)
    image = rendered(points, outside(cells), points[:, 2], (0.0, 4.0), "gray", View.of(points))
    seen = image[..., 3] > 0
    assert 0.3 < seen.mean() < 1
    bright = image[..., 0].astype(float)
    rows = np.flatnonzero(seen.any(axis=1))
    top, bottom = rows[: len(rows) // 4], rows[-len(rows) // 4 :]
    assert bright[top][seen[top]].mean() > bright[bottom][seen[bottom]].mean() + 50  # z grows upwards


def test_a_constant_field_without_error_is_drawn(case: Case) -> None:
    constant = np.full_like(case.simulated, 300.0)
    drawn = case_pictures(replace(case, simulated=constant, predicted=constant)).pictures
    assert len(drawn) == 3 and "Largest difference 0\u202fK" in drawn[2][2]


def test_faces_split_into_triangles_cover_the_same_area() -> None:
    points = np.array([[0, 0], [2, 0], [2, 1], [0, 1], [3, 0.5]])
    parts = triangles(np.array([[0, 1, 2, 3]]))
    a, b, c = (points[parts[:, j]] for j in range(3))
    area = 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum()
    assert area == 2.0


def test_outline_has_the_edges_of_one_face_only() -> None:
    edges = {tuple(edge) for edge in boundary_edges(np.array([[0, 1, 2], [0, 2, 3]])).tolist()}
    assert edges == {(0, 1), (1, 2), (2, 3), (0, 3)}
