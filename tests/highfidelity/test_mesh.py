from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from locum.exceptions import ModelError, SimulationError
from locum.highfidelity import Mesh, field_names, quantity_names, snapshot

TRIANGLE = Mesh(np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]]))


@given(
    points=hnp.arrays(
        np.float64, st.tuples(st.integers(2, 6), st.integers(1, 3)), elements=st.floats(-10, 10)
    ),
    cells=st.booleans(),
    unit=st.sampled_from(["m", "", "mm"]),
)
def test_a_mesh_survives_the_way_through_ugrid(points: np.ndarray, cells: bool, unit: str) -> None:
    mesh = Mesh(points, np.array([[0, 1], [1, 0]]) if cells else None, unit)
    back = Mesh.from_ugrid(mesh.to_ugrid())
    assert back.hash == mesh.hash
    assert np.array_equal(back.points, mesh.points)


def test_the_hash_sees_points_cells_and_unit() -> None:
    others = [
        TRIANGLE,
        Mesh(TRIANGLE.points + 1e-12, TRIANGLE.cells),
        Mesh(TRIANGLE.points, np.array([[1, 2, 0]])),
        Mesh(TRIANGLE.points),
        Mesh(TRIANGLE.points, TRIANGLE.cells, unit="mm"),
    ]
    assert len({mesh.hash for mesh in others}) == len(others)


@pytest.mark.parametrize(
    ("points", "cells", "message"),
    [
        (np.zeros((3, 4)), None, "1 to 3"),
        (np.array([[0.0, 0], [np.nan, 0]]), None, "node 1 has a coordinate that is not finite"),
        (np.zeros((3, 2)), np.array([[0, 1, 3]]), "0 to 2"),
        (np.zeros((3, 2)), np.array([0, 1, 2]), "cells must have shape"),
        (np.zeros((3, 2)), np.array([[0], [1]]), "cells must have shape"),
    ],
)
def test_a_mesh_that_makes_no_sense_is_refused(
    points: np.ndarray, cells: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        Mesh(points, cells)


@pytest.mark.parametrize(
    ("shape", "times", "dimensions"),
    [
        ((3,), None, ("node",)),
        ((3, 2), None, ("node", "component")),
        ((4, 3), 4, ("time", "node")),
        ((4, 3, 2), 4, ("time", "node", "component")),
    ],
)
def test_dimensions_are_named_after_the_shape(
    shape: tuple[int, ...], times: int | None, dimensions: tuple[str, ...]
) -> None:
    saved = None if times is None else np.arange(times, dtype=float)
    dataset = snapshot(TRIANGLE, {"u": (np.zeros(shape), "K")}, {"peak": (1.0, "K")}, saved)
    assert dataset["u"].dims == dimensions
    assert field_names(dataset) == ("u",)
    assert quantity_names(dataset) == ("peak",)


@pytest.mark.parametrize(("shape", "times"), [((4,), None), ((3, 2, 2), None), ((3,), 3), ((2, 3), 4)])
def test_a_field_that_does_not_fit_is_refused_by_name(shape: tuple[int, ...], times: int | None) -> None:
    saved = None if times is None else np.arange(times, dtype=float)
    with pytest.raises(SimulationError, match="field 'u' has shape") as caught:
        snapshot(TRIANGLE, {"u": (np.zeros(shape), "K")}, times=saved)
    assert caught.value.failure == "shape"


@pytest.mark.parametrize(
    ("dimension", "corners", "cell"),
    [
        (1, 2, "edge"),
        (2, 2, "edge"),
        (2, 3, "face"),
        (2, 4, "face"),
        (3, 3, "face"),
        (3, 4, "volume"),
        (3, 8, "volume"),
    ],
)
def test_cells_are_named_after_their_own_dimension(dimension: int, corners: int, cell: str) -> None:
    mesh = Mesh(np.random.default_rng(1).random((corners, dimension)), np.arange(corners)[None])
    dataset = mesh.to_ugrid()
    assert f"mesh_{cell}_nodes" in dataset
    assert dataset["mesh"].attrs["topology_dimension"] == {"edge": 1, "face": 2, "volume": 3}[cell]
    assert Mesh.from_ugrid(dataset).hash == mesh.hash
