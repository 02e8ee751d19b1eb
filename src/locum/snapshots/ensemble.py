"""An ensemble on disk: a Zarr v3 group that any xarray user reads without locum.

Every field is one array ``(sample, time?, node, component?)`` with one chunk row a sample, so that two
writers never share a chunk. Mesh (UGRID 1.0) and times are stored once. The first snapshot defines the
schema; rows that nobody has written read as NaN. This module is the only one that touches Zarr.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.highfidelity import FieldDescription, Mesh
from locum.snapshots.durable import PARTIAL, DurableStore, file_lock, sync_directory, told_as_storage_error
from locum.snapshots.layout import Layout

FORMAT = 1
_CONVENTIONS = "CF-1.11 UGRID-1.0"
_CHUNK_BYTES = 32 * 2**20  # a snapshot larger than this is cut along time
_LABEL_CHUNK = 4096  # samples in one chunk of a label: labels have one writer
_CAPACITY = 64
# a name a file, and all files of an array in one folder: one folder to sync
_KEYS: dict[str, Any] = {"name": "default", "separator": "."}
_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    StopIteration,
)  # what damaged metadata or chunks raise


def content_hash(fields: Mapping[str, Array], quantities: Mapping[str, float]) -> str:
    """SHA-256 over names, shapes and little-endian bytes of fields, and over the quantities of interest."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        digest.update(json.dumps([name, fields[name].shape]).encode())
        digest.update(np.ascontiguousarray(fields[name], dtype="<f8").data)
    values = {name: float(value).hex() for name, value in quantities.items()}
    digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


class Ensemble:
    """The snapshots of one version of a model.

    Parameters
    ----------
    path
        The Zarr group's folder; it need not exist yet.
    locks
        Folder of the locks that guard creation and growth.
    """

    def __init__(self, path: Path, locks: Path) -> None:
        self.path = path
        self._lock = locks / f"{path.name}.lock"
        self._layout: Layout | None = None
        self._arrays: dict[str, zarr.Array[Any]] = {}

    @property
    def exists(self) -> bool:
        """Whether a first snapshot has defined the schema."""
        return (self.path / "zarr.json").exists()

    @property
    def layout(self) -> Layout:
        """What all snapshots share.

        Raises
        ------
        StorageError
            No snapshot is stored yet, or the schema cannot be read.
        """
        if self._layout is None:
            if not self.exists:
                raise StorageError(
                    f"{self.path} holds no snapshot; run one simulation, or put back a copy of it"
                )
            with self._told("read the schema of"), self._dataset(chunks=None) as dataset:
                self._layout = _read_layout(dataset, self.path)
        return self._layout

    def create(self, layout: Layout, capacity: int, attributes: Mapping[str, str]) -> None:
        """Make the schema, all of it or nothing; whoever comes second finds it made."""
        with told_as_storage_error("create", self.path), file_lock(self._lock):
            if self.exists:
                return
            partial = self.path.with_name(f".{self.path.name}.{uuid4().hex}{PARTIAL}")
            try:
                _write_schema(partial, layout, max(capacity, _CAPACITY), attributes)
                os.rename(partial, self.path)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            sync_directory(self.path.parent)

    def grow(self, rows: int) -> None:
        """Make room for at least ``rows`` samples; never shrinks."""
        if self.holds(rows):
            return
        with self._told("grow"), file_lock(self._lock):
            self._arrays.clear()
            arrays = [array for _, array in self._group().arrays() if _dimensions(array)[:1] == ("sample",)]
            capacity = max(array.shape[0] for array in arrays)
            while capacity < rows:
                capacity *= 2
            for array in arrays:
                array.resize((capacity, *array.shape[1:]))
            self._arrays.clear()

    def holds(self, rows: int) -> bool:
        """Whether there is room for so many samples; another process may have made it."""
        if rows > self._capacity():
            self._arrays.clear()
        return rows <= self._capacity()

    def write(self, row: int, fields: Mapping[str, Array], quantities: Mapping[str, float]) -> str:
        """Write one sample's chunks durably and return the content hash of what reads back.

        Raises
        ------
        StorageError
            Disk full, no permission, or what reads back is not what was written.
        """
        self.grow(row + 1)
        with self._told(f"write row {row} of"):
            for name, values in fields.items():
                self._array(name)[row] = values
        back = {name: self.read(name, row) for name in fields}
        for name, values in fields.items():
            if not np.array_equal(back[name], values):
                raise StorageError(f"row {row} of {self.path}: {name!r} does not read back as it was written")
        return content_hash(back, quantities)

    def read(self, field: str, row: int) -> Array:
        """Read one field of one sample, of the field's shape; all NaN where nothing is stored."""
        with self._told(f"decode {field!r} in row {row} of"):
            return np.asarray(self._array(field)[row], dtype=np.float64)

    def blocks(self, field: str, rows: Sequence[int], nbytes: int) -> Iterator[Array]:
        """Read one field of many samples in blocks (k, *shape) of at most ``nbytes``."""
        description = self.layout.fields[field]
        self.holds(max(rows) + 1)
        size = max(1, nbytes // description.nbytes)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            block = np.empty((len(chosen), *description.shape))
            for first, last in _runs(chosen):
                with self._told(f"decode {field!r} in rows {chosen[first]} to {chosen[last - 1]} of"):
                    block[first:last] = self._array(field)[chosen[first] : chosen[last - 1] + 1]
            yield block

    def missing_chunks(self, field: str, row: int) -> list[str]:
        """Name the files of one sample's field that are not there."""
        array = self._array(field)
        times = -(-array.shape[1] // array.chunks[1]) if "time" in _dimensions(array) else 1
        rest = ".0" * (array.ndim - 1 - ("time" in _dimensions(array)))
        names = [f"c.{row}{f'.{t}' if 'time' in _dimensions(array) else ''}{rest}" for t in range(times)]
        return [f"{field}/{name}" for name in names if not (self.path / field / name).exists()]

    def open_lazily(self) -> xr.Dataset:
        """All rows: fields as dask arrays, a chunk a sample, with mesh and times, without labels."""
        with self._told("read"):
            dataset = self._dataset(chunks={})
        return dataset.drop_vars(
            [name for name, variable in dataset.variables.items() if variable.dims == ("sample",)]
        )

    def damage(self) -> list[str]:
        """Say what is wrong with what is stored once: schema, mesh, times, labels."""
        found = []
        try:
            with self._told("read the schema of"), self._dataset(chunks=None) as dataset:
                layout = _read_layout(dataset, self.path)
                if layout.mesh.hash != dataset["mesh"].attrs["hash"]:
                    found.append("the mesh differs from the one that was stored")
                if layout.times is not None and _times_hash(layout.times) != dataset["time"].attrs["hash"]:
                    found.append("the times differ from those that were stored")
        except StorageError as error:
            return [str(error)]
        for name, array in self._group().arrays():
            if _dimensions(array) == ("sample",):
                try:
                    array[:]
                except _UNREADABLE:
                    found.append(f"the label {name!r} cannot be decoded; `locum run` writes it anew")
        return found

    def publish(self, labels: Mapping[str, xr.Variable], rows: Sequence[int]) -> None:
        """Write labels, one value a sample, over the ones before; rows without a sample are blank.

        Parameters
        ----------
        labels
            Name to a variable along ``sample``, in the order of ``rows``.
        rows
            Where these samples are stored.
        """
        with self._told("label"), file_lock(self._lock):
            group = self._group()
            capacity = group[next(iter(self.layout.fields))].shape[0]  # type: ignore[union-attr]
            known = {name: array for name, array in group.arrays() if _dimensions(array) == ("sample",)}
            for name, label in labels.items():
                array = known.get(name)
                if array is None:
                    array = _create_label(group, name, label, capacity)
                values = np.full(
                    capacity, array.fill_value, dtype=object if label.dtype.kind == "U" else label.dtype
                )
                values[list(rows)] = label.values
                array[:] = values
            coordinates = " ".join(
                name for name, label in labels.items() if label.attrs.get("role") != "quantity"
            )
            if group.attrs.get("coordinates") != coordinates:
                group.attrs["coordinates"] = coordinates

    def _group(self) -> zarr.Group:
        return zarr.open_group(DurableStore(self.path), mode="r+", zarr_format=3)

    def _array(self, name: str) -> zarr.Array[Any]:
        if name not in self._arrays:
            self._arrays[name] = zarr.open_array(DurableStore(self.path), path=name, mode="r+", zarr_format=3)
        return self._arrays[name]

    def _capacity(self) -> int:
        return min(int(self._array(name).shape[0]) for name in self.layout.fields)

    def _dataset(self, chunks: Any) -> xr.Dataset:
        dataset: xr.Dataset = xr.open_zarr(self.path, consolidated=False, chunks=chunks, decode_times=False)
        return dataset

    @contextmanager
    def _told(self, action: str) -> Iterator[None]:
        try:
            with told_as_storage_error(action, self.path):
                yield
        except _UNREADABLE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise StorageError(f"cannot {action} {self.path}: it is damaged ({reason})") from error


def _write_schema(path: Path, layout: Layout, capacity: int, attributes: Mapping[str, str]) -> None:
    group = zarr.create_group(
        DurableStore(path),
        zarr_format=3,
        attributes={
            "Conventions": _CONVENTIONS,
            **attributes,
            "locum_format": FORMAT,
            "quantities": dict(layout.quantities),
        },
    )
    mesh = layout.mesh.to_ugrid()
    for name, variable in mesh.variables.items():
        _store(group, str(name), variable.values, variable.dims, variable.attrs)
    if layout.times is not None:
        described = {"units": layout.time_unit, "long_name": "time", "hash": _times_hash(layout.times)}
        _store(group, "time", layout.times, ("time",), described)
    located = {"location": "node", "mesh": "mesh", "coordinates": mesh["mesh"].attrs["node_coordinates"]}
    for name, field in layout.fields.items():
        group.create_array(
            name,
            shape=(capacity, *field.shape),
            chunks=(1, *_chunks(field)),
            dtype="float64",
            fill_value=np.nan,
            compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
            chunk_key_encoding=_KEYS,
            dimension_names=("sample", *field.dimensions),
            attributes={"units": field.unit, **located},
        )


def _store(
    group: zarr.Group, name: str, values: AnyArray, dimensions: Any, attributes: Mapping[str, Any]
) -> None:
    values = np.asarray(values)
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=values.shape,
        dtype=values.dtype,
        chunk_key_encoding=_KEYS,
        dimension_names=tuple(dimensions),
        attributes=dict(attributes),
    )
    array[...] = values


def _create_label(group: zarr.Group, name: str, label: xr.Variable, capacity: int) -> zarr.Array[Any]:
    text = label.dtype.kind == "U"
    blank: Any = "" if text else (np.nan if label.dtype.kind == "f" else -1)
    return group.create_array(
        name,
        shape=(capacity,),
        chunks=(_LABEL_CHUNK,),
        dtype=str if text else label.dtype,
        fill_value=blank,
        chunk_key_encoding=_KEYS,
        dimension_names=("sample",),
        attributes=label.attrs,
    )


def _read_layout(dataset: xr.Dataset, path: Path) -> Layout:
    written = dataset.attrs.get("locum_format", 0)
    if written > FORMAT:
        raise StorageError(
            f"{path} was written by a newer locum (format {written}, this one reads up to {FORMAT}); "
            "install a newer locum"
        )
    times = dataset["time"] if "time" in dataset.coords else None
    fields = {
        str(name): FieldDescription(
            str(name),
            tuple(str(dimension) for dimension in variable.dims[1:]),
            tuple(variable.shape[1:]),
            str(variable.attrs["units"]),
        )
        for name, variable in sorted(dataset.data_vars.items(), key=lambda item: str(item[0]))
        if variable.dims[:1] == ("sample",) and "node" in variable.dims
    }
    return Layout(
        mesh=Mesh.from_ugrid(dataset),
        times=None if times is None else np.asarray(times.values, dtype=np.float64),
        time_unit="" if times is None else str(times.attrs["units"]),
        fields=fields,
        quantities=dict(sorted(dataset.attrs["quantities"].items())),
    )


def _chunks(field: FieldDescription) -> tuple[int, ...]:
    if "time" not in field.dimensions:
        return field.shape
    times = max(1, min(field.shape[0], _CHUNK_BYTES * field.shape[0] // field.nbytes))
    return (times, *field.shape[1:])


def _dimensions(array: zarr.Array[Any]) -> tuple[str | None, ...]:
    return tuple(array.metadata.dimension_names or ())  # type: ignore[union-attr]


def _times_hash(times: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(times, dtype="<f8").tobytes()).hexdigest()


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut positions into runs of consecutive rows: [start, stop) pairs."""
    start = 0
    for stop in range(1, len(rows) + 1):
        if stop == len(rows) or rows[stop] != rows[stop - 1] + 1:
            yield start, stop
            start = stop
