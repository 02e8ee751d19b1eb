"""What stands beside the fields in an ensemble: one value a sample, from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from locum.highfidelity import FIELD_DIMENSIONS, MESH_VARIABLES
from locum.snapshots.layout import Layout
from locum.snapshots.record import SampleRecord

OUTCOMES = ("planned", "done", "failed")


def sample_labels(
    records: Sequence[SampleRecord], layout: Layout, units: Mapping[str, str]
) -> dict[str, xr.Variable]:
    """Describe samples as variables along ``sample``.

    Quantities of interest and parameters have their own names and units; one whose name a field has taken
    gets the prefix ``quantity_`` or ``parameter_``.

    Parameters
    ----------
    records
        The samples, in the order wanted.
    layout
        Layout of their ensemble.
    units
        Units of the parameters.

    Returns
    -------
    dict
        Name to variable; the attribute ``role`` says ``parameter``, ``quantity`` or ``sample``.
    """
    taken = {*layout.fields, *layout.mesh.to_ugrid().sizes, *MESH_VARIABLES, "sample", *FIELD_DIMENSIONS}
    labels: dict[str, xr.Variable] = {}

    def add(name: str, role: str, values: object, attributes: Mapping[str, object]) -> None:
        free = f"{role}_{name}" if name in taken else name
        taken.add(free)
        labels[free] = xr.Variable("sample", np.asarray(values), {"role": role, **attributes})

    for name, unit in layout.quantities.items():
        values = [record.quantities.get(name, np.nan) for record in records]
        add(name, "quantity", values, {"units": unit, "long_name": f"quantity of interest {name}"})
    add(
        "identity", "sample", [record.identity for record in records], {"long_name": "identity of the sample"}
    )
    codes = np.array([OUTCOMES.index(record.outcome) for record in records], dtype=np.int8)
    flags = {"flag_values": list(range(len(OUTCOMES))), "flag_meanings": " ".join(OUTCOMES)}
    add("outcome", "sample", codes, {"long_name": "outcome of the simulation", **flags})
    add(
        "purpose",
        "sample",
        [record.purpose for record in records],
        {"long_name": "why the sample was planned"},
    )
    numbers = np.array([record.round for record in records], dtype=np.int32)
    add("round", "sample", numbers, {"long_name": "training round in which the sample was planned"})
    seconds = {"units": "s", "long_name": "wall time of the simulation"}
    add("seconds", "sample", np.array([record.seconds for record in records], dtype=np.float64), seconds)
    for name in sorted({name for record in records for name in record.parameters}):
        values = [record.parameters.get(name, np.nan) for record in records]
        add(name, "parameter", values, {"units": units.get(name, ""), "long_name": f"parameter {name}"})
    return labels
