"""Fields of every kind of mesh find their picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.reports.content import Case, Report
from locum.reports.field_pictures import boundary_edges, case_pictures, triangles


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


@pytest.mark.parametrize("components", [1, 2, 3])
def test_vectors_are_drawn_by_their_length(case: Case, components: int) -> None:
    field = np.ones((*case.simulated.shape, components))
    drawn = case_pictures(replace(case, simulated=field, predicted=2 * field))
    largest = f"Largest difference {np.sqrt(components):.2f}"
    assert largest in drawn.pictures[2][2]
    assert drawn.pictures[2][2].startswith("Surrogate less" if components == 1 else "Length of")


def test_a_volume_is_not_drawn(case: Case) -> None:
    points = np.random.default_rng(0).random((20, 3))
    assert case_pictures(on(case, points, None, points[:, 0])).pictures == ()


def test_a_constant_field_without_error_is_drawn(case: Case) -> None:
    constant = np.full_like(case.simulated, 300.0)
    assert len(case_pictures(replace(case, simulated=constant, predicted=constant)).pictures) == 3


def test_faces_split_into_triangles_cover_the_same_area() -> None:
    points = np.array([[0, 0], [2, 0], [2, 1], [0, 1], [3, 0.5]])
    parts = triangles(np.array([[0, 1, 2, 3]]))
    a, b, c = (points[parts[:, j]] for j in range(3))
    area = 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum()
    assert area == 2.0


def test_outline_has_the_edges_of_one_face_only() -> None:
    edges = {tuple(edge) for edge in boundary_edges(np.array([[0, 1, 2], [0, 2, 3]])).tolist()}
    assert edges == {(0, 1), (1, 2), (2, 3), (0, 3)}
