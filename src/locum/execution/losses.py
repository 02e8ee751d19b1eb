"""Samples whose simulation process timed out or was killed, and so could not record their own outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from locum.exceptions import SimulationError, StorageError
from locum.highfidelity.attempts import Attempt
from locum.snapshots import Cost, SampleRecord, SnapshotStore


def record_loss(
    store: SnapshotStore,
    record: SampleRecord,
    error: SimulationError,
    timeout: float | None,
    lost: Callable[[SampleRecord], Sequence[Attempt]],
) -> Cost:
    """Record a sample as failed whose process timed out or was killed; gives what that has cost.

    Raises
    ------
    StorageError
        The process could not commit the sample's outcome, and did not die.
    """
    if error.failure == "storage":
        raise StorageError(error.reason)
    seconds = timeout or 0.0 if error.failure == "timed out" else 0.0
    left = [
        attempt if attempt.failure else replace(attempt, failure=error.failure, reason=error.reason)
        for attempt in lost(record)
    ]
    cost = Cost(seconds=seconds, attempts=tuple(left))
    store.fail(record, error.failure, error.reason, cost)
    return cost
