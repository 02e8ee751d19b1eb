from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from locum.execution.workspace import Workspace, open_workspace
from locum.snapshots import Cost, SampleRecord


@pytest.fixture
def work(wave_study: Callable[..., Path]) -> Iterator[Workspace]:
    """The smallest study, of which nothing has been simulated."""
    with open_workspace(wave_study(), quiet=True) as work:
        yield work


@pytest.fixture
def finished_work(finished_study: Path) -> Iterator[Workspace]:
    """The smallest study, finished."""
    with open_workspace(finished_study, quiet=True) as work:
        yield work


@pytest.fixture(scope="session")
def finish() -> Callable[..., None]:
    """Simulate planned samples here and commit them; those in ``failing`` fail."""

    def run(work: Workspace, records: list[SampleRecord], failing: set[str] = frozenset()) -> None:
        for record in records:
            if record.identity in failing:
                work.store.fail(record, "raised", "no wave today", Cost())
            else:
                work.store.save(record, work.model.simulate(record.parameters), Cost())

    return run
