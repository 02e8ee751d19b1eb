"""What a snapshot must be before it is stored: finite, of the described shape, on the expected mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from locum.exceptions import SimulationError
from locum.highfidelity.contract import FIELD_DIMENSIONS, field_names, quantity_names

_LONGEST_NAME = 200  # bytes


def check_snapshot(dataset: Any, expected: xr.Dataset | None = None) -> None:
    """Refuse a snapshot that cannot join an ensemble, naming what is wrong.

    Parameters
    ----------
    dataset
        What a model's ``simulate`` returned.
    expected
        An earlier snapshot of the same study (its values do not matter): fields, dimensions, shapes, units,
        mesh, saved times and quantities of interest must be the same.

    Raises
    ------
    SimulationError
        Of class ``shape`` or ``not finite``.
    """
    if not isinstance(dataset, xr.Dataset):
        raise SimulationError(
            f"the model returned {type(dataset).__name__}; expected an xarray.Dataset", "shape"
        )
    if "mesh" not in dataset or "hash" not in dataset["mesh"].attrs:
        raise SimulationError(
            "the snapshot does not describe its mesh; build it with locum.highfidelity.snapshot", "shape"
        )
    if not field_names(dataset) and not quantity_names(dataset):
        raise SimulationError("the snapshot has neither a field nor a quantity of interest", "shape")
    for name in (*field_names(dataset), *quantity_names(dataset)):
        _check_name(name)
        _check_variable(name, dataset[name])
    if "time" in dataset.coords:
        times = dataset["time"].values
        if not np.isfinite(times).all():
            raise SimulationError("a saved time is not finite", "not finite")
        if not (np.diff(times) > 0).all():
            raise SimulationError("the saved times do not increase", "shape")
    if expected is not None:
        _check_alike(dataset, expected)


def _check_name(name: str) -> None:
    """Refuse what cannot be the name of a folder, where an ensemble keeps the values."""
    if name in ("", ".", "..", "zarr.json") or "/" in name or len(name.encode()) > _LONGEST_NAME:
        raise SimulationError(
            f"{name[:_LONGEST_NAME]!r} cannot name a field or quantity of interest: expected 1 to "
            f"{_LONGEST_NAME} bytes without '/' that can name a folder",
            "shape",
        )


def _check_variable(name: str, variable: xr.DataArray) -> None:
    what = f"field {name!r}" if variable.dims else f"quantity of interest {name!r}"
    dimensions = tuple(dimension for dimension in FIELD_DIMENSIONS if dimension in variable.dims)
    if variable.dims != dimensions:
        raise SimulationError(
            f"{what} has dimensions {variable.dims}; expected an ordered choice of {FIELD_DIMENSIONS}",
            "shape",
        )
    if not np.issubdtype(variable.dtype, np.floating) and not np.issubdtype(variable.dtype, np.integer):
        raise SimulationError(f"{what} holds {variable.dtype}; expected real numbers", "shape")
    finite = np.isfinite(variable.values)
    if not finite.all():
        bad = int(finite.size - finite.sum())
        first = tuple(int(i) for i in np.argwhere(~finite)[0]) if variable.dims else ()
        where = ", ".join(f"{dim} {i}" for dim, i in zip(variable.dims, first, strict=True))
        value = variable.values[first]
        raise SimulationError(
            f"{what} is {value}" + (f" in {bad} of {finite.size} values, first at {where}" if where else ""),
            "not finite",
        )


def _check_alike(dataset: xr.Dataset, expected: xr.Dataset) -> None:
    for what, found, wanted in (
        ("fields", field_names(dataset), field_names(expected)),
        ("quantities of interest", quantity_names(dataset), quantity_names(expected)),
    ):
        if set(found) != set(wanted):
            raise SimulationError(
                f"the snapshot has {what} {_listed(found)}; earlier ones have {_listed(wanted)}", "shape"
            )
    for name in field_names(expected):
        if dataset[name].dims != expected[name].dims or dataset[name].shape != expected[name].shape:
            raise SimulationError(
                f"field {name!r} has {_shape(dataset[name])}; "
                f"earlier snapshots have {_shape(expected[name])}",
                "shape",
            )
    for name in (*field_names(expected), *quantity_names(expected)):
        unit, wanted_unit = (data[name].attrs.get("units", "") for data in (dataset, expected))
        if unit != wanted_unit:
            raise SimulationError(
                f"{name!r} is in {unit!r}; earlier snapshots have it in {wanted_unit!r}", "shape"
            )
    if dataset["mesh"].attrs["hash"] != expected["mesh"].attrs["hash"]:
        raise SimulationError(
            "the snapshot lives on another mesh than earlier ones (coordinates, cells or unit differ)",
            "shape",
        )
    if "time" in expected.coords and not np.array_equal(dataset["time"].values, expected["time"].values):
        raise SimulationError("the snapshot is saved at other times than earlier ones", "shape")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"


def _shape(variable: xr.DataArray) -> str:
    return ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items())
