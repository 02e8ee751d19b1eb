"""The ensemble of snapshots on Zarr and its catalogue, read as xarray."""

from locum.snapshots.database import Database
from locum.snapshots.identity import sample_identity
from locum.snapshots.layout import Layout
from locum.snapshots.record import Cost, Outcome, Purpose, SampleRecord, Written, training_set_hash
from locum.snapshots.store import SnapshotStore
from locum.snapshots.verification import Problem

__all__ = [
    "Cost",
    "Database",
    "Layout",
    "Outcome",
    "Problem",
    "Purpose",
    "SampleRecord",
    "SnapshotStore",
    "Written",
    "sample_identity",
    "training_set_hash",
]
