from collections.abc import Callable
from pathlib import Path

import pytest

from locum.registry import Registry, Version
from locum.snapshots import SnapshotStore


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore.open(tmp_path / "study", study="plate", model="toy", create=True)


@pytest.fixture
def registry(store: SnapshotStore) -> Registry:
    return Registry.open(store)


@pytest.fixture
def register(registry: Registry) -> Callable[..., Version]:
    def one(content: str = "hello", **manifest: object) -> Version:
        def write(folder: Path) -> None:
            (folder / "parts").mkdir()
            (folder / "parts" / "basis.npz").write_text(content)
            (folder / "surrogate.json").write_text("{}")

        required = {"study_hash": "s", "training_set_hash": "t", "model_version": "1"}
        return registry.register(write, {**required, **manifest})

    return one
