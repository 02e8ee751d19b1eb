"""One real simulation at a time: a sample of the study like any other, never run twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import ParameterError, SimulationError
from locum.execution.losses import record_loss
from locum.execution.simulation_process import SimulationProcess
from locum.execution.workspace import Workspace, open_workspace, processes_of, require_means
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
        require_inside(work, values)
        if work.store.outcome(work.identity(values[0])) is None:
            require_means(work.study, work.model)
        [record] = work.plan(values, "query")
        planned = record.outcome == "planned"
        known: SampleRecord | None = record
        if planned:
            work.progress.plan(1)
            work.progress.phase("simulating")
            with processes_of(work.study, work.model, 1).open() as (process,):
                known = simulate_in(process, work, record)
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


def simulate_in(
    process: SimulationProcess,
    work: Workspace,
    record: SampleRecord,
    is_ended: Callable[[], bool] = lambda: False,
) -> SampleRecord | None:
    """Run a planned sample in a process to its outcome, which is in the catalogue when this returns.

    Parameters
    ----------
    is_ended
        Whether somebody has ended the process: then nothing is said of the sample, and it stays planned.

    Returns
    -------
    SampleRecord or None
        With its outcome; None where the process was ended.

    Raises
    ------
    ModelError
        The process cannot build the model.
    StorageError
        The outcome could not be committed (disk full, say); the sample stays planned.
    """
    try:
        process.run(record.to_dict())
    except SimulationError as error:
        if is_ended():
            return None
        record_loss(work.store, record, error, process.timeout, work.lost)
    return work.store.outcome(record.identity)


def simulated_fields(work: Workspace, record: SampleRecord) -> dict[str, Array]:
    """Read the fields of a sample that is done, each with the shape that the study's layout gives it."""
    layout = work.store.layout(work.model.version)
    return {name: np.asarray(next(iter(work.store.blocks(name, [record])()))[0]) for name in layout.fields}


def require_inside(work: Workspace, values: Array) -> None:
    """Refuse parameter values (n, p) outside the ranges of the study.

    Raises
    ------
    ParameterError
        Naming the first of them, by the parameter that is farthest out.
    """
    space, outside = work.space, np.flatnonzero(~work.space.inside(values))
    if not len(outside):
        return
    row = values[outside[0]]
    beyond = np.maximum(space.lower - row, row - space.upper) / (space.upper - space.lower)
    parameter, value = space.parameters[int(beyond.argmax())], row[beyond.argmax()]
    raise ParameterError(
        f"{parameter.name} = {value:g}: the study covers {parameter.lower:g} to {parameter.upper:g}"
        f"{f' {parameter.unit}' if parameter.unit else ''}; choose a value inside"
    )
