"""One real simulation at chosen parameters: a sample of the study like any other, never run twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import ParameterError
from locum.execution.sampling import simulate
from locum.execution.workspace import Workspace, open_workspace
from locum.snapshots import SampleRecord


def simulate_at(study: str | Path, parameters: Mapping[str, float], *, quiet: bool = False) -> dict[str, Any]:
    """Run the high-fidelity model at some parameters, unless that has been done before.

    The sample counts against the budget, and trains the next surrogate. A run that is going on is not
    disturbed.

    Returns
    -------
    dict
        ``identity``, ``outcome`` (``done`` or ``failed``), ``simulated`` (whether it ran now), ``seconds``,
        ``reason`` of a failure, ``parameters`` and ``quantities``.

    Raises
    ------
    ParameterError
        Parameters that are missing, misspelt or outside their ranges.
    StudyError, ModelError, StorageError
        A study that cannot be used.
    """
    with open_workspace(study, alone=False, quiet=quiet) as work:
        values = work.space.matrix(parameters)
        if not work.space.inside(values).all():
            raise ParameterError(_outside(work, values[0]))
        work.require()
        [record] = work.plan(values, "query")
        planned = record.outcome == "planned"
        if planned:
            work.progress.phase("simulating")
            simulate(work, [record])
        known = work.store.outcome(record.identity)
        assert known is not None
        return {
            "identity": known.identity,
            "outcome": known.outcome,
            "simulated": planned,
            "seconds": known.seconds,
            "reason": known.reason,
            "parameters": dict(known.parameters),
            "quantities": dict(known.quantities),
        }


def simulated_fields(work: Workspace, record: SampleRecord) -> dict[str, Array]:
    """Read the fields of a sample that is done, each with the shape that the study's layout gives it."""
    layout = work.store.layout(work.model.version)
    return {name: np.asarray(next(iter(work.store.blocks(name, [record])()))[0]) for name in layout.fields}


def _outside(work: Workspace, values: Array) -> str:
    for parameter, value in zip(work.space.parameters, values, strict=True):
        if not parameter.lower <= value <= parameter.upper:
            return (
                f"{parameter.name} = {value:g}: the study covers {parameter.lower:g} to {parameter.upper:g}"
                f"{f' {parameter.unit}' if parameter.unit else ''}; choose a value inside"
            )
    return "the parameters lie outside their ranges; choose values inside"
