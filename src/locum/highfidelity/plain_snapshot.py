"""From plain NumPy to a snapshot: what a user's function may return instead of an xarray dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError, SimulationError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.mesh import Mesh

COORDINATES = "coordinates"
CELLS = ("cells", "triangles", "edges", "tetrahedra")
TIMES = ("times", "time")


def plain_snapshot(result: Any, units: Mapping[str, str] | None = None) -> xr.Dataset:
    """Build the snapshot of what a function returned.

    Parameters
    ----------
    result
        An ``xarray.Dataset``, which is taken as it is; or a mapping with ``coordinates`` (N,) or (N, 1 to 3),
        if it likes ``cells`` (or ``triangles``, ``edges``, ``tetrahedra``) and ``times`` (T,), and anything
        else by its own name: numbers are quantities of interest; arrays (N,), (T, N), (N, c) or (T, N, c) are
        fields; or a pair (coordinates, mapping of the rest).
    units
        Unit of each name, ``coordinates`` and ``times`` among them; times are in seconds where nothing is
        said.

    Raises
    ------
    SimulationError
        Something that does not fit this, by name.
    """
    if isinstance(result, xr.Dataset):
        return result
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping):
        result = {COORDINATES: result[0], **result[1]}
    if not isinstance(result, Mapping) or COORDINATES not in result:
        raise SimulationError(
            f"the model returned {_described(result)}; expected a mapping with 'coordinates', fields and "
            "numbers, a pair (coordinates, mapping), or an xarray.Dataset",
            "shape",
        )
    units = units or {}
    values = {str(name): _numbers(str(name), value) for name, value in result.items()}
    coordinates = values.pop(COORDINATES)
    cells = _taken(values, CELLS)
    times = _taken(values, TIMES)
    if times is not None and times.ndim != 1:
        raise SimulationError(
            f"'times' (or 'time') has shape {times.shape}; expected the saved times, shape (times,)", "shape"
        )
    try:
        mesh = Mesh(coordinates, _line(coordinates) if cells is None else cells, units.get(COORDINATES, ""))
    except ModelError as error:
        raise SimulationError(str(error), "shape") from None
    quantities = {name: value for name, value in values.items() if value.size == 1 and value.ndim <= 1}
    if len(quantities) == len(values):
        raise SimulationError(
            "the model returned no field; expected an array with a value at each of its coordinates",
            "shape",
        )
    return snapshot(
        mesh,
        {name: (value, units.get(name, "")) for name, value in values.items() if name not in quantities},
        {name: (value.item(), units.get(name, "")) for name, value in quantities.items()},
        times,
        next((units[name] for name in TIMES if name in units), "s"),
    )


def _numbers(name: str, value: Any) -> AnyArray:
    if isinstance(value, np.ma.MaskedArray):  # what lies below a mask is no result
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biuf":
        kind = (
            f"{type(value).__name__} of {array.dtype}"
            if isinstance(value, np.ndarray)
            else type(value).__name__
        )
        raise SimulationError(f"{name!r} is {kind}; expected a real number or an array of them", "shape")
    return array


def _taken(values: dict[str, AnyArray], names: tuple[str, ...]) -> AnyArray | None:
    """Take the one of ``names`` that is there out of ``values``."""
    found = [name for name in names if name in values]
    if len(found) > 1:
        raise SimulationError(
            f"the model returned {found[0]!r} and {found[1]!r}; expected one of them", "shape"
        )
    return values.pop(found[0]) if found else None


def _line(coordinates: Array) -> AnyArray | None:
    """Edges from each node to the next along a line; None for a cloud in two or three dimensions."""
    if coordinates.ndim == 2 and coordinates.shape[1] > 1:
        return None
    order = np.argsort(coordinates.ravel(), kind="stable")
    return np.stack([order[:-1], order[1:]], axis=1)


def _described(result: Any) -> str:
    if isinstance(result, Mapping):
        return f"a mapping of {', '.join(map(repr, result)) or 'nothing'}"
    return "nothing" if result is None else type(result).__name__
