"""The answer of a surrogate: lazy, so that a query that wants one number never builds a field."""

from __future__ import annotations

import html
import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from locum.arrays import Array
from locum.exceptions import ParameterError
from locum.highfidelity import FIELD_DIMENSIONS
from locum.parameters import unknown_name

if TYPE_CHECKING:
    from locum.surrogates.surrogate import Description, Surrogate

BLOCK_BYTES = 64 * 2**20  # of fields held at a time
_SHOWN = 5  # rows of a printed prediction


@dataclass(frozen=True, eq=False)
class Prediction:
    """Values for q queries, computed when they are asked for.

    Parameters
    ----------
    surrogate
        What answers.
    parameters
        Parameter values, shape (q, p), in the user's units.
    """

    surrogate: Surrogate
    parameters: Array

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def description(self) -> Description:
        """What was asked and what is answered: names, units, mesh."""
        return self.surrogate.description

    @cached_property
    def _quantity_values(self) -> Array:
        return self.surrogate.quantity_values(self.parameters)

    @cached_property
    def quantities(self) -> dict[str, Array]:
        """Each quantity of interest, shape (q,)."""
        return dict(zip(self.description.quantities, self._quantity_values.T, strict=True))

    def coordinates(self, field: str) -> Array:
        """Reduced coordinates of a field, shape (q, m)."""
        self._check_field(field)
        return self.surrogate.coordinates(field, self.parameters)

    def field(self, name: str) -> xr.DataArray:
        """One field with coordinates and units, dimensions (sample, time, node, component) where it has them.

        In memory up to 64 MiB, and beyond that lazy, as blocks of a dask array.

        Raises
        ------
        ParameterError
            An unknown field.
        """
        self._check_field(name)
        small = len(self) * self.description.fields[name].nbytes <= BLOCK_BYTES
        return self._frame().assign({name: self._field_variable(name, lazy=not small)})[name]

    def to_xarray(self) -> xr.Dataset:
        """Everything as one dataset after UGRID: quantities in memory, fields lazy in blocks of samples."""
        dataset = self._frame()
        for name, unit in self.description.quantities.items():
            dataset[name] = ("sample", self.quantities[name], {"units": unit})
        for name in self.description.fields:
            dataset[name] = self._field_variable(name, lazy=True)
        return dataset

    def __getitem__(self, name: str) -> Any:
        """A quantity of interest (q,), or a field as a DataArray."""
        if name in self.description.quantities:
            return self.quantities[name]
        if name in self.description.fields:
            return self.field(name)
        raise ParameterError(unknown_name("output", name, self.description.outputs))

    def item(self, name: str) -> float:
        """A quantity of interest of a single query, as a number.

        Raises
        ------
        ParameterError
            More than one query, or an unknown quantity.
        """
        if len(self) != 1:
            raise ParameterError(f"item({name!r}) needs a single query, and this prediction has {len(self)}")
        if name not in self.description.quantities:
            raise ParameterError(unknown_name("quantity", name, self.description.quantities))
        return float(self.quantities[name][0])

    def _check_field(self, name: str) -> None:
        if name not in self.description.fields:
            raise ParameterError(unknown_name("field", name, self.description.fields))

    def _frame(self) -> xr.Dataset:
        """Mesh, times and parameters: what every answer lies on.

        A parameter whose name mesh, times or an output has taken gets the prefix ``parameter_``.
        """
        description = self.description
        dataset = description.mesh.to_ugrid()
        taken = {*dataset.variables, *dataset.sizes, "sample", *FIELD_DIMENSIONS, *description.outputs}
        coordinates: dict[Hashable, Any] = {
            f"parameter_{parameter.name}" if parameter.name in taken else parameter.name: (
                "sample",
                self.parameters[:, j],
                {"units": parameter.unit},
            )
            for j, parameter in enumerate(description.space.parameters)
        }
        if description.times is not None:
            coordinates["time"] = ("time", description.times, {"units": description.time_unit})
        return dataset.assign_coords(coordinates)

    def _field_variable(self, name: str, *, lazy: bool) -> xr.Variable:
        field = self.description.fields[name]
        values = self._lazy_field(name) if lazy else self._expand(self.parameters, name)
        attributes = {"units": field.unit, "location": "node", "mesh": "mesh"}
        return xr.Variable(("sample", *field.dimensions), values, attributes)

    def _expand(self, parameters: Array, field: str) -> Array:
        return self.surrogate.expand(field, self.surrogate.coordinates(field, parameters))

    def _lazy_field(self, name: str) -> Any:
        import dask.array as da

        field = self.description.fields[name]
        rows = max(1, min(len(self), BLOCK_BYTES // field.nbytes))
        asked = da.from_array(self.parameters, chunks=(rows, -1), name=f"parameters-{uuid.uuid4().hex}")
        return da.map_blocks(
            self._expand,
            asked,
            field=name,
            name=f"{name}-{uuid.uuid4().hex}",
            dtype=np.float64,
            drop_axis=1,
            new_axis=list(range(1, len(field.shape) + 1)),
            chunks=(asked.chunks[0], *((size,) for size in field.shape)),
            meta=np.empty((0,) * (len(field.shape) + 1)),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {_counted(len(self), 'query', 'queries')}>\n" + "\n".join(
            f"  {name}: {text}" for name, text in self._lines()
        )

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(text)}</td></tr>"
            for name, text in self._lines()
        )
        counted = _counted(len(self), "query", "queries")
        return f"<table><caption>{type(self).__name__}, {counted}</caption>{rows}</table>"

    def _lines(self) -> list[tuple[str, str]]:
        """Name and content of each line that is shown to people."""
        lines = [
            (parameter.name, _shown(self.parameters[:, j], parameter.unit))
            for j, parameter in enumerate(self.description.space.parameters)
        ]
        lines += [
            (name, _shown(self.quantities[name], unit)) for name, unit in self.description.quantities.items()
        ]
        for name, field in self.description.fields.items():
            sizes = " x ".join(map(str, field.shape))
            lines.append((name, f"field of {sizes} ({', '.join(field.dimensions)}) {field.unit}".rstrip()))
        return lines


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _shown(column: Array, unit: str) -> str:
    numbers = ", ".join(f"{number:.6g}" for number in column[:_SHOWN])
    return f"{numbers}{', ...' if len(column) > _SHOWN else ''} {unit}".rstrip()
