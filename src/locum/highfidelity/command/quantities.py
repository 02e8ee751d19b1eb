"""Quantities of interest: numbers that are taken out of what a program has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import xarray as xr

from locum.arrays import Array
from locum.exceptions import ParameterError, SimulationError
from locum.highfidelity.command.finished import Finished, Series
from locum.highfidelity.contract import field_names
from locum.highfidelity.mesh import Mesh
from locum.parameters import unknown_name
from locum.parameters.expressions import Expressions

Take = Literal["last", "first", "max", "min", "largest", "mean"]
_AXES = ("x", "y", "z")


class Quantity(Protocol):
    """A number of one finished simulation."""

    def value(self, finished: Finished, snapshot: xr.Dataset, known: Mapping[str, float]) -> float:
        """Compute it from the files, the snapshot, or the parameters and quantities before it."""
        ...


@dataclass(frozen=True)
class FromFile:
    """A number in a text file.

    Parameters
    ----------
    series
        The numbers there.
    take
        Which of them, or what of all; ``largest`` is the largest absolute value.
    window
        Of the last ones only.
    """

    series: Series
    take: Take = "last"
    window: int | None = None

    def value(self, finished: Finished, snapshot: xr.Dataset, known: Mapping[str, float]) -> float:
        """Raise ``output malformed`` where there is no number."""
        values = self.series.values(finished)
        if not len(values):
            raise SimulationError(f"{self.series}: no number", "output malformed")
        return _taken(values[-self.window if self.window else 0 :], self.take)


@dataclass(frozen=True)
class FromField:
    """A number of a field.

    Parameters
    ----------
    name
        Of the field.
    component
        One component, from 0; None is the Euclidean norm over all.
    near
        Coordinates: the value at the node that is nearest.
    within
        Axis (x, y or z) to [lower, upper]: only the nodes in there.
    time
        ``last``, ``first``, ``all``, or a saved time (the nearest).
    take
        What of the values that are left.
    """

    name: str
    component: int | None = None
    near: Sequence[float] | None = None
    within: Mapping[str, Sequence[float]] = field(default_factory=dict)
    time: Literal["last", "first", "all"] | float = "last"
    take: Take = "max"

    def value(self, finished: Finished, snapshot: xr.Dataset, known: Mapping[str, float]) -> float:
        """Raise ``output malformed`` where there is no such field, component or node."""
        if self.name not in field_names(snapshot):
            raise SimulationError(
                "quantities: " + unknown_name("field", self.name, field_names(snapshot)), "output malformed"
            )
        values = self._at_times(snapshot)
        if "component" in snapshot[self.name].dims:
            if self.component is None:
                values = np.linalg.norm(values, axis=-1)
            elif self.component < values.shape[-1]:
                values = values[..., self.component]
            else:
                raise SimulationError(
                    f"field {self.name!r} has the components 0 to {values.shape[-1] - 1}, "
                    f"not {self.component}",
                    "output malformed",
                )
        return _taken(values[..., self._nodes(Mesh.from_ugrid(snapshot))].ravel(), self.take)

    def _at_times(self, snapshot: xr.Dataset) -> Array:
        variable = snapshot[self.name]
        values: Array = variable.values
        if "time" not in variable.dims or self.time == "all":
            return values
        if isinstance(self.time, str):
            index = -1 if self.time == "last" else 0
        else:
            index = int(np.abs(snapshot["time"].values - self.time).argmin())
        chosen: Array = values[index]
        return chosen

    def _nodes(self, mesh: Mesh) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        kept = np.ones(mesh.nodes, dtype=bool)
        for axis, (lower, upper) in self.within.items():
            coordinate = mesh.points[:, _AXES.index(axis)]
            kept &= (coordinate >= lower) & (coordinate <= upper)
        nodes = np.flatnonzero(kept)
        if not len(nodes):
            raise SimulationError(f"no node lies within {dict(self.within)}", "output malformed")
        if self.near is None:
            return nodes
        distances = np.linalg.norm(mesh.points[nodes] - np.asarray(self.near), axis=1)
        return nodes[[int(distances.argmin())]]


@dataclass(frozen=True)
class FromOthers:
    """An expression of the parameters and of the quantities that stand before it.

    Parameters
    ----------
    expression
        Such as ``lift / drag``.
    """

    expression: str

    def value(self, finished: Finished, snapshot: xr.Dataset, known: Mapping[str, float]) -> float:
        """Raise ``output malformed`` where it is no expression of what is known."""
        try:
            expression = Expressions(tuple(known), (self.expression,))
        except ParameterError as error:
            raise SimulationError(f"quantities: {error}", "output malformed") from None
        return float(expression(np.array([list(known.values())]))[0, 0])


def _taken(values: Array, take: Take) -> float:
    if take == "last":
        return float(values[-1])
    if take == "first":
        return float(values[0])
    if take == "largest":
        return float(np.abs(values).max())
    return float(values.mean() if take == "mean" else values.max() if take == "max" else values.min())
