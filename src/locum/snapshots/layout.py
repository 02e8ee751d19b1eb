"""The schema of an ensemble: what every snapshot of it must look like. The first snapshot defines it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from locum.arrays import Array
from locum.exceptions import SimulationError
from locum.highfidelity import Mesh, field_names, quantity_names
from locum.highfidelity.field import FieldDescription


@dataclass(frozen=True, eq=False)
class Layout:
    """What all snapshots of an ensemble share.

    Parameters
    ----------
    mesh
        Where the fields live.
    times
        Saved times (T,), or None for steady fields.
    time_unit
        Unit of the times.
    fields
        Name to description, sorted by name.
    quantities
        Quantities of interest: name to unit, sorted by name.
    """

    mesh: Mesh
    times: Array | None
    time_unit: str
    fields: Mapping[str, FieldDescription]
    quantities: Mapping[str, str]

    @classmethod
    def of(cls, snapshot: xr.Dataset) -> Layout:
        """Read the layout off a snapshot.

        Raises
        ------
        SimulationError
            No field in it, or no mesh.
        """
        names = field_names(snapshot)
        if not names or "mesh" not in snapshot:
            raise SimulationError(
                "the snapshot has no field on a described mesh; build it with locum.highfidelity.snapshot",
                "shape",
            )
        times = np.asarray(snapshot["time"].values, dtype=np.float64) if "time" in snapshot.coords else None
        return cls(
            mesh=Mesh.from_ugrid(snapshot),
            times=times,
            time_unit=str(snapshot["time"].attrs.get("units", "")) if times is not None else "",
            fields={name: _describe(snapshot[name]) for name in sorted(names)},
            quantities={
                name: str(snapshot[name].attrs.get("units", "")) for name in sorted(quantity_names(snapshot))
            },
        )

    def accept(self, snapshot: xr.Dataset) -> tuple[dict[str, Array], dict[str, float]]:
        """Take fields and quantities out of a snapshot that fits this layout.

        Returns
        -------
        fields, quantities
            Name to values of ``FieldDescription.shape``; name to number. All finite.

        Raises
        ------
        SimulationError
            ``shape`` where mesh, times, names, units or shapes differ from the ensemble's; ``not finite``.
        """
        self._refuse_another(Layout.of(snapshot))
        fields = {name: np.asarray(snapshot[name].values, dtype=np.float64) for name in self.fields}
        for name, values in fields.items():
            self._refuse_infinite(name, values)
        quantities = {name: float(snapshot[name].values) for name in self.quantities}
        for name, value in quantities.items():
            if not np.isfinite(value):
                raise SimulationError(
                    f"quantity of interest {name!r} is {value}; expected a finite number", "not finite"
                )
        return fields, quantities

    def _refuse_another(self, other: Layout) -> None:
        for what, own, its in (
            ("fields", sorted(self.fields), sorted(other.fields)),
            ("quantities of interest", sorted(self.quantities), sorted(other.quantities)),
        ):
            if own != its:
                _refuse(f"the snapshot has the {what} {_listed(its)}", _listed(own))
        if self.mesh.hash != other.mesh.hash:
            _refuse(
                f"the snapshot lies on another mesh ({other.mesh.nodes} nodes, hash {other.mesh.hash[:8]})",
                f"{self.mesh.nodes} nodes, hash {self.mesh.hash[:8]}",
            )
        if (self.times is None) != (other.times is None) or (
            self.times is not None and other.times is not None and not np.array_equal(self.times, other.times)
        ):
            _refuse(f"the snapshot has {_span(other)}", _span(self))
        for name, field in self.fields.items():
            its_field = other.fields[name]
            if (field.dimensions, field.shape) != (its_field.dimensions, its_field.shape):
                _refuse(
                    f"field {name!r} has shape {its_field.shape} along {_listed(its_field.dimensions)}",
                    str(field.shape),
                )
        units = {name: field.unit for name, field in self.fields.items()} | dict(self.quantities)
        its_units = {name: field.unit for name, field in other.fields.items()} | dict(other.quantities)
        for name, unit in units.items():
            if its_units[name] != unit:
                _refuse(f"{name!r} is in {its_units[name]!r}", repr(unit))

    def _refuse_infinite(self, name: str, values: Array) -> None:
        finite = np.isfinite(values)
        if finite.all():
            return
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        where = ", ".join(f"{dim} {i}" for dim, i in zip(self.fields[name].dimensions, first, strict=True))
        raise SimulationError(
            f"field {name!r} has {int((~finite).sum())} values that are not finite, "
            f"the first at {where}: {values[first]}",
            "not finite",
        )


def _describe(variable: Any) -> FieldDescription:
    return FieldDescription(
        name=str(variable.name),
        dimensions=tuple(str(dimension) for dimension in variable.dims),
        shape=tuple(variable.shape),
        unit=str(variable.attrs.get("units", "")),
    )


def _refuse(found: str, expected: str) -> None:
    raise SimulationError(
        f"{found}; the ensemble has {expected} (change the model's version to start anew)", "shape"
    )


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _span(layout: Layout) -> str:
    times = layout.times
    if times is None:
        return "no times"
    return f"{len(times)} times from {times[0]:g} to {times[-1]:g} {layout.time_unit}".rstrip()
