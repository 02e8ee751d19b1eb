"""What every surrogate is, whatever its kind: interpolated, projected, inferred or hybrid.

A surrogate is frozen and carries its own transforms: parameter values in the user's units go in. One
conditioned on new data is a new surrogate. It says nothing about its error beyond a raw *indicator*, a number
that grows with the error; the checked surrogate turns that into an error figure.

Shapes: q queries, p parameters, k quantities, m reduced coordinates of a field.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self

from locum.arrays import AnyArray, Array
from locum.highfidelity import Mesh
from locum.highfidelity.field import FieldDescription
from locum.parameters import ParameterSpace, space_from_dict

if TYPE_CHECKING:
    from locum.surrogates.prediction import Prediction


# ``bound``: proved; ``estimate``: asymptotically right; ``indicator``: correlated, to be calibrated
FigureKind = Literal["bound", "estimate", "indicator"]

# ``interpolated``: from snapshots alone; ``projected``: from the model's own equations; ``inferred``: from
# equations found in snapshots; ``hybrid``: with Gaussian processes on what those leave
SurrogateKind = Literal["interpolated", "projected", "inferred", "hybrid"]


@dataclass(frozen=True, eq=False)
class Description:
    """What a surrogate is asked and what it answers.

    Parameters
    ----------
    space
        Parameters, with their ranges, scales and distributions.
    fields
        Name to description.
    quantities
        Name to unit, in the order of the columns of every (q, k) array.
    mesh
        Where the fields live.
    times
        Saved times, shape (T,), or None for a steady problem.
    time_unit
        Unit of the times.
    """

    space: ParameterSpace
    fields: Mapping[str, FieldDescription]
    quantities: Mapping[str, str]
    mesh: Mesh
    times: Array | None = None
    time_unit: str = "s"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all fields, then of all quantities."""
        return (*self.fields, *self.quantities)

    def to_saved(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain values and arrays for the saved form."""
        arrays: dict[str, AnyArray] = {"mesh.points": self.mesh.points}
        if self.mesh.cells is not None:
            arrays["mesh.cells"] = self.mesh.cells
        if self.times is not None:
            arrays["times"] = self.times
        content = {
            "space": self.space.to_dict(),
            "fields": [
                {
                    "name": field.name,
                    "unit": field.unit,
                    "dimensions": field.dimensions,
                    "shape": field.shape,
                }
                for field in self.fields.values()
            ],
            "quantities": [{"name": name, "unit": unit} for name, unit in self.quantities.items()],
            "mesh": {"unit": self.mesh.unit, "hash": self.mesh.hash},
            "time_unit": self.time_unit,
        }
        return content, arrays

    @classmethod
    def from_saved(cls, content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Self:
        """Inverse of :meth:`to_saved`."""
        fields = (
            FieldDescription(field["name"], tuple(field["dimensions"]), tuple(field["shape"]), field["unit"])
            for field in content["fields"]
        )
        return cls(
            space=space_from_dict(content["space"]),
            fields={field.name: field for field in fields},
            quantities={entry["name"]: entry["unit"] for entry in content["quantities"]},
            mesh=Mesh(arrays["mesh.points"], arrays.get("mesh.cells"), content["mesh"]["unit"]),
            times=arrays.get("times"),
            time_unit=content["time_unit"],
        )


class FieldErrors(NamedTuple):
    """Errors of a predicted field, each of shape (q,), relative in the study's norm.

    ``total`` is the whole error; ``projection`` is the part that no coordinates in this basis could avoid.
    """

    total: Array
    projection: Array


class Surrogate(Protocol):
    """Anything that answers instead of the high-fidelity model. Every ``values`` is (q, p) in user's units.

    Beyond what they return, methods need memory that does not grow with the number of queries.
    """

    @property
    def kind(self) -> str:
        """``interpolated``, ... as in the saved form."""
        ...

    @property
    def figure_kind(self) -> FigureKind:
        """What its indicators are: raw ones need calibration, bounds and estimates are figures already."""
        ...

    @property
    def description(self) -> Description:
        """What it is asked and what it answers."""
        ...

    def predict(self, parameters: Any) -> Prediction:
        """Answer for one or a million parameter sets, in any form that ``ParameterSpace.matrix`` reads."""
        ...

    def quantity_values(self, values: Array) -> Array:
        """Quantities of interest, shape (q, k)."""
        ...

    def quantity_indicators(self, values: Array) -> Array:
        """Raw indicator of the error of each quantity, in its unit, shape (q, k)."""
        ...

    def coordinates(self, field: str, values: Array) -> Array:
        """Reduced coordinates, shape (q, m)."""
        ...

    def expand(self, field: str, coordinates: Array) -> Array:
        """Coordinates (q, m) to the field, shape (q, ...) with the field's shape."""
        ...

    def field_indicator(self, field: str, values: Array) -> Array:
        """Raw indicator of a field's relative error, truncation included, shape (q,)."""
        ...

    def field_errors(self, field: str, values: Array, snapshots: Array) -> FieldErrors:
        """True errors against snapshots (q, ...), relative in the study's norm."""
        ...

    def distance(self, values: Array) -> Array:
        """Distance to the nearest training sample in the metric of the regression, shape (q,)."""
        ...

    def inverse_lengthscales(self, outputs: Collection[str]) -> Array:
        """What warped parameters are multiplied by before an acquisition measures distances, shape (p,).

        The finest over these outputs.
        """
        ...

    def surprise(self, outputs: Collection[str]) -> Array:
        """Leave-one-out error of each training sample over its expected deviation, shape (n,).

        The largest over these outputs.
        """
        ...

    def conditioned_on(self, values: Array) -> Self:
        """A surrogate whose indicators know that these points are being simulated; same answers."""
        ...

    def save(self, folder: Path) -> None:
        """Write the saved form into a folder."""
        ...
