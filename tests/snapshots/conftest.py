from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from locum.highfidelity import Mesh, snapshot
from locum.snapshots import Cost, SampleRecord, SnapshotStore


@pytest.fixture
def mesh() -> Mesh:
    points = np.random.default_rng(0).random((30, 2))
    cells = np.arange(30).reshape(10, 3)
    return Mesh(points, cells)


@pytest.fixture
def simulate(mesh: Mesh) -> Callable[[float], xr.Dataset]:
    """Two fields and a quantity of interest that depend on one number."""

    def run(x: float) -> xr.Dataset:
        times = np.linspace(0.0, 2.0, 4)
        values = np.sin(x * mesh.points[:, 0]) + times[:, None]
        flux = np.stack([values, -2 * values], axis=-1)
        fields = {"temperature": (values, "K"), "flux": (flux, "W m-2")}
        return snapshot(mesh, fields, {"peak": (values.max(), "K")}, times)

    return run


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore.open(tmp_path / "study", study="plate", model="toy", create=True)


@pytest.fixture
def plan(store: SnapshotStore) -> Callable[..., list[SampleRecord]]:
    def samples(*values: float, version: str = "1", purpose: str = "design") -> list[SampleRecord]:
        named = [{"x": value, "load": 2.0} for value in values]
        return store.plan(named, model="toy", version=version, purpose=purpose)

    return samples


@pytest.fixture
def filled(store: SnapshotStore, plan, simulate) -> SnapshotStore:
    """Five finished samples, one failed, one planned."""
    store.save_study("model: toy\n", {"x": "m", "load": "N"})
    records = plan(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    for record in records[:5]:
        store.save(record, simulate(record.parameters["x"]), Cost(1.5, 10, "here"))
    store.fail(records[5], "raised", "it broke", Cost(0.5))
    store.publish()
    return store
