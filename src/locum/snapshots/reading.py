"""Reading committed snapshots: as one lazy dataset, or in passes of blocks where memory is too small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from locum.arrays import Array
from locum.exceptions import StorageError
from locum.snapshots.ensemble import Ensemble
from locum.snapshots.labels import sample_labels
from locum.snapshots.record import SampleRecord


def lazy_dataset(
    ensemble: Ensemble, records: Sequence[SampleRecord], parameter_units: Mapping[str, str]
) -> xr.Dataset:
    """Snapshots of one ensemble along ``sample``; see :meth:`SnapshotStore.dataset`."""
    labels = sample_labels(records, ensemble.layout, parameter_units)
    rows = [record.row for record in records]
    dataset = ensemble.open_lazily().isel(sample=rows)
    quantities = {name: label for name, label in labels.items() if label.attrs["role"] == "quantity"}
    others = {name: label for name, label in labels.items() if name not in quantities}
    return dataset.assign(quantities).assign_coords(others)


def block_passes(
    ensemble: Ensemble, field: str, records: Sequence[SampleRecord], nbytes: int
) -> Callable[[], Iterator[Array]]:
    """Passes over one field in blocks; see :meth:`SnapshotStore.blocks`."""
    if field not in ensemble.layout.fields:
        raise StorageError(
            f"{ensemble.path} has no field {field!r}; it has {', '.join(ensemble.layout.fields)}"
        )

    def one_pass() -> Iterator[Array]:
        first = 0
        for block in ensemble.blocks(field, [record.row for record in records], nbytes):
            # committed fields are finite, and a chunk that is gone reads as NaN
            gone = np.isnan(block.sum(axis=tuple(range(1, block.ndim))))
            if gone.any():
                record = records[first + int(gone.argmax())]
                raise StorageError(
                    f"{record}: its {field!r} is gone from {ensemble.path}; `locum verify` tells more"
                )
            first += len(block)
            yield block

    return one_pass
