from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from locum.snapshots import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty catalogue, of each kind."""
    if request.param == "sqlite":
        return Database(tmp_path / "catalogue.db")
    empty: Callable[[], str] = request.getfixturevalue("postgresql")
    return Database(empty())
