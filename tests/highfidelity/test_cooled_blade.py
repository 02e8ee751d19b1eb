from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from locum.exceptions import ModelError, ParameterError, SimulationError
from locum.highfidelity import HasInnerProduct, HighFidelityModel, cooled_blade
from locum.highfidelity.cooled_blade import (
    COLD,
    PARAMETERS,
    CooledBlade,
    conduction,
    film_profile,
    outer_position,
    section,
    surfaces,
    warming,
)
from locum.highfidelity.finite_elements import lumped
from locum.highfidelity.snapshot_check import check_snapshot

QUICK = CooledBlade(saved_times=9, steps_per_interval=1)


def at(warped: np.ndarray | float) -> dict[str, float]:
    """Parameters at a place of the unit cube."""
    values = PARAMETERS.unwarp(np.broadcast_to(warped, PARAMETERS.dimension))
    return dict(zip(PARAMETERS.names, values.tolist(), strict=True))


@pytest.fixture(scope="module")
def run() -> xr.Dataset:
    return CooledBlade().simulate(at(0.5))


@pytest.fixture
def no_cache() -> Iterator[None]:
    section.cache_clear()
    yield
    section.cache_clear()


def test_it_is_a_model_with_an_inner_product() -> None:
    assert isinstance(QUICK, HighFidelityModel)
    assert isinstance(QUICK, HasInnerProduct)


def test_a_snapshot_is_complete_and_starts_cold(run: xr.Dataset) -> None:
    check_snapshot(run)
    assert run["temperature"].dims == ("time", "node")
    assert run.sizes["time"] == 41
    assert 3000 <= run.sizes["node"] <= 6000
    assert (run["temperature"].isel(time=0) == COLD).all()
    assert run["temperature"].attrs["units"] == "K"


def test_quantities_are_computed_from_the_field(run: xr.Dataset) -> None:
    temperature = run["temperature"].values
    mesh = section().mesh
    assert mesh.cells is not None
    weights = lumped(mesh.points, mesh.cells)
    assert float(run["highest_temperature"]) == temperature.max()
    assert float(run["mean_temperature"]) == pytest.approx(np.average(temperature[-1], weights=weights))
    a, b, c = (mesh.cells[:, corner] for corner in range(3))
    slopes = [
        np.linalg.solve(
            np.stack([mesh.points[b] - mesh.points[a], mesh.points[c] - mesh.points[a]], axis=1),
            np.stack([field[b] - field[a], field[c] - field[a]], axis=1)[..., None],
        )
        for field in temperature
    ]
    assert float(run["highest_gradient"]) == pytest.approx(np.linalg.norm(slopes, axis=2).max())


def test_the_metal_stays_within_the_table_over_the_whole_box() -> None:
    """Two corners bound the box (comparison principle), and a ramp only delays.

    Steady temperatures rise with every fluid temperature and with the hot film, and fall with the cold ones.
    """
    initial = np.full(section().mesh.nodes, COLD)
    table = conduction().material.temperatures
    for corner in ([1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0]):
        steady = conduction().transient(initial, np.array([0.0, 1e8]), surfaces(at(np.array(corner, float))))[
            -1
        ]
        assert table[0] < steady.min()
        assert steady.max() < table[-1]


@pytest.mark.parametrize("corner", [*product((0.0, 1.0), repeat=3)][::2])
def test_corners_run_and_stay_between_the_fluids(corner: tuple[float, ...]) -> None:
    hot, ramp, cool = corner
    parameters = at(np.array([hot, hot, cool, 1 - cool, 1 - hot, cool, ramp]))
    dataset = QUICK.simulate(parameters)
    check_snapshot(dataset)
    temperature = dataset["temperature"].values
    assert temperature.min() >= COLD - 0.5
    assert temperature.max() <= parameters["gas_temperature"]


def test_two_runs_give_the_same_bits() -> None:
    assert QUICK.simulate(at(0.3)).identical(QUICK.simulate(at(0.3)))


def test_the_time_steps_are_fine_enough(run: xr.Dataset) -> None:
    """Two steps instead of three change no temperature by 0.2 K; the blade heats up by hundreds."""
    coarse = CooledBlade(steps_per_interval=2).simulate(at(0.5))
    assert float(abs(coarse["temperature"] - run["temperature"]).max()) < 0.2


def test_the_outer_wall_is_walked_from_the_leading_edge_both_ways() -> None:
    nodes, position = outer_position()
    points = section().mesh.points[nodes]
    assert len(set(nodes.tolist())) == len(nodes)
    assert position[0] == 0
    assert points[position.argmax(), 0] > 0.99 * points[:, 0].max()
    assert position.min() == -1
    suction = (position > 0.3) & (position < 0.7)
    pressure = (position < -0.3) & (position > -0.7)
    assert points[suction, 1].min() > points[pressure, 1].max()


def test_the_film_is_strongest_at_the_leading_edge() -> None:
    position = np.linspace(-1, 1, 401)
    film = film_profile(position)
    assert abs(position[film.argmax()]) < 0.02
    assert film.max() > 3 * film.min() > 0
    assert film[0] == pytest.approx(film[-1], rel=1e-3)
    assert np.abs(np.diff(film)).max() < 0.1 * film.max()


def test_fluids_warm_up_smoothly() -> None:
    fluid = warming(1400.0, 20.0)
    times = np.linspace(-0.0, 30.0, 301)
    values = np.array([fluid(time) for time in times])
    assert values[0] == COLD
    assert (np.diff(values) >= 0).all()
    assert (values[times >= 20.0] == 1400.0).all()
    assert fluid(10.0) == pytest.approx((COLD + 1400.0) / 2)


def test_the_inner_product_is_the_area(run: xr.Dataset) -> None:
    matrix = QUICK.inner_product("temperature")
    ones = np.ones(section().mesh.nodes)
    assert ones @ matrix @ ones == pytest.approx(303.2e-6, rel=1e-3)
    assert abs(matrix - matrix.T).max() == 0


def test_version_follows_options() -> None:
    versions = {
        CooledBlade().version,
        CooledBlade(end_time=80.0).version,
        CooledBlade(saved_times=31).version,
    }
    assert len(versions) == 3
    assert CooledBlade().version == CooledBlade().version


def test_every_channel_cools() -> None:
    """A stronger film in any channel lowers the mean temperature."""
    base = at(0.5)
    mean = float(QUICK.simulate(base)["mean_temperature"])
    for channel in cooled_blade.CHANNELS:
        cooler = QUICK.simulate({**base, f"film_{channel}": 1.2 * base[f"film_{channel}"]})
        assert float(cooler["mean_temperature"]) < mean - 1


def test_metal_beyond_the_table_is_a_failed_simulation() -> None:
    with pytest.raises(SimulationError, match="beyond the material's table"):
        QUICK.simulate({**at(0.5), "gas_temperature": 2200.0})


def test_a_value_without_meaning_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="'ramp_time': must be positive"):
        QUICK.simulate({**at(0.5), "ramp_time": 0.0})


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ModelError, match="saved_times >= 2"):
        CooledBlade(saved_times=1)


def test_the_stored_mesh_is_sound() -> None:
    mesh, edges, loop, _ = section()
    assert mesh.cells is not None
    a, b, c = (mesh.points[mesh.cells[:, corner]] for corner in range(3))
    edges_1, edges_2 = b - a, c - a
    assert (edges_1[:, 0] * edges_2[:, 1] > edges_1[:, 1] * edges_2[:, 0]).all()
    assert set(mesh.cells.ravel().tolist()) == set(range(mesh.nodes))
    assert sorted(set(loop.tolist())) == [0, 1, 2, 3]
    sides = np.sort(mesh.cells[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, counts = np.unique(sides, axis=0, return_counts=True)
    assert np.array_equal(unique[counts == 1], np.unique(np.sort(edges, axis=1), axis=0))


@pytest.mark.usefixtures("no_cache")
def test_another_mesh_file_than_its_origin_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(str(files("locum.data"))) / "cooled_blade"
    copy = tmp_path / "cooled_blade"
    shutil.copytree(source, copy)
    content = bytearray((copy / "mesh.npz").read_bytes())
    content[1000] ^= 1
    (copy / "mesh.npz").write_bytes(content)
    monkeypatch.setattr(cooled_blade, "files", lambda package: tmp_path)
    with pytest.raises(ModelError, match=r"mesh\.npz is damaged or was made anew"):
        section()


def test_the_origin_names_the_stored_file() -> None:
    folder = files("locum.data") / "cooled_blade"
    origin = json.loads((folder / "mesh.json").read_text())
    assert origin["sha256"] == hashlib.sha256((folder / "mesh.npz").read_bytes()).hexdigest()
    assert origin["nodes"] == section().mesh.nodes
