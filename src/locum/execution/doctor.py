"""What can be known of a study before it spends anything: whether it runs, how long it takes, what it fills.

One simulation is run, the first of the study's design, and kept as every other: the loop does not repeat it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from locum.exceptions import LocumError
from locum.execution.environment import available_cores, available_memory
from locum.execution.one_simulation import simulate_in
from locum.execution.settling import check_equations
from locum.execution.surrogate_choice import foreseen
from locum.execution.workspace import Workspace, open_workspace, processes_of
from locum.highfidelity.attempts import HasProgram
from locum.parameters import sobol_design, unknown_name
from locum.snapshots import SampleRecord
from locum.study import Study, load_study


def examine(path: str | Path, overrides: Sequence[str] = (), *, quiet: bool = False) -> dict[str, Any]:
    """Check a study and run one of its simulations.

    Parameters
    ----------
    path, overrides, quiet
        As for :func:`locum.execution.workspace.open_workspace`.

    Returns
    -------
    dict
        ``problems``, a sentence each, none where all is well; ``model``, ``program``, ``simulation``,
        ``snapshot`` and ``forecast``, each None where a problem stands before it.
    """
    document: dict[str, Any] = {
        "name": Path(path).stem,
        "problems": [],
        **dict.fromkeys(("model", "program", "simulation", "snapshot", "forecast")),
    }
    try:
        study = load_study(path, overrides)
        document["name"] = study.name
        study.require_room(available_cores(), available_memory())
        with open_workspace(path, overrides, quiet=quiet) as work:
            document["model"] = {"name": work.model.name, "version": work.model.version}
            _examine(work, document)
    except LocumError as error:
        document["problems"] += str(error).splitlines()
    return document


def _examine(work: Workspace, document: dict[str, Any]) -> None:
    problems: list[str] = document["problems"]
    record = _first(work)
    if isinstance(work.model, HasProgram):
        programs = work.model.programs(record.parameters)
        document["program"] = {"found": programs, "version": work.model.program_version}
        problems += work.model.problems(record.parameters)
        if problems:
            return
    record, startup = _simulated(work, record)
    attempts = work.attempts.get(record.identity, ())
    document["simulation"] = {
        "sample": record.short,
        "parameters": dict(record.parameters),
        "outcome": record.outcome,
        "failure": record.failure,
        "reason": record.reason,
        "seconds": record.seconds,
        "startup_seconds": startup,
        "memory": record.memory,
        "attempts": [asdict(attempt) for attempt in attempts],
    }
    if record.outcome == "failed":
        logs = f"; its logs are in {attempts[-1].folder}" if attempts and attempts[-1].folder else ""
        problems.append(f"{record}: {record.failure}: {record.reason}{logs}")
        return
    layout = work.store.layout(work.model.version)
    work.study.tolerances(layout.fields, layout.quantities)
    stored = _stored(work, record, layout.fields)
    document["snapshot"] = {
        "nodes": layout.mesh.nodes,
        "times": None if layout.times is None else len(layout.times),
        "fields": {
            name: {"shape": list(field.shape), "unit": field.unit} for name, field in layout.fields.items()
        },
        "quantities": dict(layout.quantities),
        "bytes": sum(field.nbytes for field in layout.fields.values()),
        "bytes_on_disk": stored,
    }
    if foreseen(work.study, work.model).by_equations:
        check_equations(work, [record])
    document["forecast"] = _forecast(work, stored)
    problems += _misnamed_units(work.study, (*layout.fields, *layout.quantities))
    problems += _too_much(work.study, document["forecast"])


def _first(work: Workspace) -> SampleRecord:
    """The first sample of the design, to be run if it is not done."""
    (record,) = work.plan(sobol_design(work.space, 1, work.generator("design")), "design")
    if record.outcome == "failed":  # what was wrong may have been set right
        work.store.retry_failed([record])
        (record,) = work.plan(work.values([record]), "design")
    return record


def _simulated(work: Workspace, record: SampleRecord) -> tuple[SampleRecord, float | None]:
    """The sample with its outcome, and the seconds that its process took besides; None where it was done."""
    if record.outcome == "done":
        return record, None
    work.progress.phase("running one simulation")
    started = time.perf_counter()
    with processes_of(work.study, work.model, 1).open() as (process,):
        known = simulate_in(process, work, record)
    assert known is not None
    return known, time.perf_counter() - started - known.seconds


def _stored(work: Workspace, record: SampleRecord, fields: Mapping[str, Any]) -> int:
    """Bytes that the fields of one sample take on disk, on average."""
    ensemble = work.store.folder / record.ensemble
    files = [path for name in fields for path in (ensemble / name).rglob("*") if path.is_file()]
    done = sum(each.ensemble == record.ensemble for each in work.samples(outcome="done"))
    return sum(path.stat().st_size for path in files) // done


def _forecast(work: Workspace, stored: int) -> dict[str, Any]:
    """Time and disk of the simulations that the budget still allows; of the first ones where it has none."""
    done = work.samples(outcome="done")
    budget = work.study.budget.simulations
    wanted = budget or work.numbers.initial + work.numbers.calibration
    left = max(0, wanted - len(done))
    a_run = sum(record.seconds for record in done) / len(done)
    return {
        "simulations": left,
        "whole_budget": budget is not None,
        "workers": work.workers,
        "cores_a_run": work.study.model.cores_a_run or 1,
        "seconds": a_run * left / min(work.workers, max(left, 1)),
        "bytes": stored * left,
        "bytes_free": shutil.disk_usage(work.study.folder).free,
    }


def _misnamed_units(study: Study, names: Sequence[str]) -> list[str]:
    known = (*names, "coordinates", "times")
    return [
        f"{study.path}: model.units: {unknown_name('name', name, known)}"
        for name in getattr(study.model, "units", {})
        if name not in known
    ]


def _too_much(study: Study, forecast: Mapping[str, Any]) -> list[str]:
    problems = []
    if forecast["bytes"] > forecast["bytes_free"]:
        problems.append(
            f"{study.path}: the snapshots will take {forecast['bytes'] / 1e9:.3g} GB, and the disk of "
            f"{study.folder} has {forecast['bytes_free'] / 1e9:.3g} GB left; choose another storage.folder"
        )
    limit = study.budget.wall_time
    if limit is not None and forecast["seconds"] > limit:
        problems.append(
            f"{study.path}: budget.wall_time: the simulations will take {forecast['seconds']:.3g} s, and "
            f"{limit:g} s are allowed; allow more, or fewer simulations"
        )
    return problems
