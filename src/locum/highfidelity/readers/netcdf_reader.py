"""NetCDF and HDF5: fields on a grid or on nodes with the file's units, or arrays by their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.mesh import Mesh
from locum.highfidelity.readers.files import lacking, malformed, required
from locum.highfidelity.simplices import simplices


@dataclass(frozen=True)
class NetcdfReader:
    """Fields of a NetCDF-4 file.

    Coordinates that each have a dimension of their own make a grid, on which fields have these dimensions in
    any order; coordinates that share one dimension make nodes. Units are the file's.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    coordinates
        Variables of the node coordinates, 1 to 3.
    fields
        Field to its variable. Left out, all variables that have the dimensions of the coordinates.
    time
        Variable of the saved times; None where steady.
    cells
        Of nodes that are no grid: the variable of node numbers (cells, nodes of one), counted from its
        attribute ``start_index``, or 0.
    """

    path: str
    coordinates: Sequence[str] = ("x",)
    fields: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None
    cells: str | None = None

    def read(self, folder: Path) -> xr.Dataset:
        """The snapshot, with the numbers that have no dimension as quantities of interest."""
        path = required(folder, self.path)
        try:
            with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
                data.load()
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise malformed(self.path, f"no NetCDF-4 file, or not a whole one: {error}") from None
        axes = [self._variable(data, name) for name in self.coordinates]
        if any(axis.ndim != 1 for axis in axes):
            raise malformed(
                self.path, f"coordinates {', '.join(self.coordinates)}: expected one dimension each"
            )
        space = list(dict.fromkeys(str(axis.dims[0]) for axis in axes))
        time = None if self.time is None else self._variable(data, self.time)
        order = ([] if time is None else [str(time.dims[0])]) + space
        names = self.fields or {
            str(name): str(name)
            for name, variable in data.data_vars.items()
            if set(order) <= set(variable.dims)
        }
        fields = {name: self._field(data, source, order, len(space)) for name, source in names.items()}
        numbers = {
            str(name): (float(variable), str(variable.attrs.get("units", "")))
            for name, variable in data.data_vars.items()
            if not variable.dims and np.issubdtype(variable.dtype, np.number)
        }
        times = None if time is None else time.values
        unit = "s" if time is None else str(time.attrs.get("units", "s"))
        return snapshot(self._mesh(data, axes, len(space)), fields, numbers, times, unit)

    def _mesh(self, data: xr.Dataset, axes: Sequence[xr.DataArray], dimensions: int) -> Mesh:
        unit = str(axes[0].attrs.get("units", ""))
        if dimensions == len(axes):
            points = np.stack(np.meshgrid(*(axis.values for axis in axes), indexing="ij"), axis=-1)
            return Mesh(points.reshape(-1, len(axes)), grid_cells(points.shape[:-1]), unit)
        if dimensions > 1:
            raise malformed(
                self.path, "some coordinates share a dimension and others do not; expected either"
            )
        cells = None
        if self.cells is not None:
            variable = self._variable(data, self.cells)
            cells = variable.values.astype(np.int64) - int(variable.attrs.get("start_index", 0))
        try:
            return Mesh(np.stack([axis.values for axis in axes], axis=1), cells, unit)
        except ModelError as error:
            raise malformed(self.path, str(error)) from None

    def _field(self, data: xr.Dataset, name: str, order: Sequence[str], dimensions: int) -> tuple[Array, str]:
        variable = self._variable(data, name)
        if not set(order) <= set(variable.dims) or variable.ndim > len(order) + 1:
            raise malformed(
                self.path,
                f"field {name!r} has dimensions {', '.join(map(str, variable.dims))}; expected "
                f"{', '.join(order)}, and one for components if any",
            )
        values = variable.transpose(*order, ...).values
        before = len(order) - dimensions
        nodes = (*values.shape[:before], -1, *values.shape[len(order) :])
        return values.reshape(nodes), str(variable.attrs.get("units", ""))

    def _variable(self, data: xr.Dataset, name: str) -> xr.DataArray:
        if name not in data.variables:
            raise lacking(self.path, "variable", name, data.variables)
        return data[name]


@dataclass(frozen=True)
class Hdf5Reader:
    """Arrays of an HDF5 file by their place in it.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    names
        Name that an array gets (``coordinates``, if need be ``cells`` and ``times``, fields and numbers) to
        its place in the file: ``/results/temperature``.
    """

    path: str
    names: Mapping[str, str]

    def read(self, folder: Path) -> Mapping[str, Any]:
        """The arrays, as they are."""
        import h5py

        found = {}
        path = required(folder, self.path)
        try:
            with h5py.File(path, "r") as file:
                for name, place in self.names.items():
                    if not isinstance(file.get(place), h5py.Dataset):
                        raise lacking(self.path, "array", place, _arrays(file))
                    found[name] = file[place][()]
        except (OSError, RuntimeError, KeyError) as error:
            raise malformed(self.path, f"no HDF5 file, or not a whole one: {error}") from None
        return found


def grid_cells(shape: Sequence[int]) -> AnyArray:
    """Lines, triangles or tetrahedra (M, d + 1) between the nodes of a grid, the last axis fastest."""
    number = np.arange(int(np.prod(shape))).reshape(shape)
    ends = [slice(None, -1), slice(1, None)]
    if len(shape) == 1:
        blocks = ("line", [number[:-1], number[1:]])
    elif len(shape) == 2:
        blocks = ("quad", [number[ends[i], ends[j]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))])
    else:
        around = ((0, 0), (1, 0), (1, 1), (0, 1))
        blocks = ("hexahedron", [number[ends[i], ends[j], ends[k]] for k in (0, 1) for i, j in around])
    cells = simplices([(blocks[0], np.stack([part.ravel() for part in blocks[1]], axis=1))])
    return np.empty((0, len(shape) + 1), np.int64) if cells is None else cells


def _arrays(file: Any) -> list[str]:
    import h5py

    names: list[str] = []
    file.visititems(lambda name, found: names.append(f"/{name}") if isinstance(found, h5py.Dataset) else None)
    return names
