"""Collect what a study's report shows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from locum import __version__
from locum.arrays import Array
from locum.errors import CheckedSurrogate, measured_errors
from locum.execution.audit import AUDIT
from locum.execution.candidate import Candidate
from locum.execution.checking import Sweep, sweep
from locum.execution.choosing import decide
from locum.execution.environment import available_cores
from locum.execution.sampling import calibration_samples
from locum.execution.status import versions_document
from locum.execution.training import truth_of
from locum.execution.workspace import Workspace
from locum.registry import environment
from locum.reports import content
from locum.reports.black_box import way_of
from locum.snapshots import SampleRecord

QUERY_ROWS = 10_000

_WRITTEN = "report"


def up_to_date_report(work: Workspace, found: Sweep | None = None) -> Path:
    """The study's ``report.html``, written again only where something has changed since.

    Parameters
    ----------
    found
        As for :func:`write_study_report`.
    """
    path, state = work.study.folder / "report.html", _state(work)
    if not (path.exists() and work.store.document(_WRITTEN) == state):
        write_study_report(work, path, found)
        work.store.save_document(_WRITTEN, state)
    return path


def expect_report(work: Workspace) -> None:
    """Start a second process to draw with, where it has a core: to be called while simulations run."""
    from locum.reports.drawing import has_helper, helper_ahead

    if available_cores() > 1 and not has_helper():
        work.resources.enter_context(helper_ahead())


def _state(work: Workspace) -> str:
    """Hash of what a report tells: the study, samples, rounds and versions; not how long they took."""
    rounds = [dataclasses.replace(entry, seconds={}).to_dict() for entry in work.rounds()]
    samples = sorted((record.identity, record.outcome) for record in work.samples())
    known = [
        __version__,
        work.study.to_json(),
        rounds,
        samples,
        versions_document(work),
        work.store.document(AUDIT),
    ]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def write_study_report(work: Workspace, path: Path | None = None, found: Sweep | None = None) -> Path:
    """Write a study's report, and return its path: ``report.html`` in the study's folder where none is given.

    Parameters
    ----------
    found
        A sweep of the champion, if there is one already.

    Raises
    ------
    StorageError
        It cannot be written.
    """
    from locum.reports.report import write_report  # matplotlib, which flows import while simulations run

    path = path or work.study.folder / "report.html"
    work.progress.phase("writing the report")
    write_report(study_report(work, found), path)
    return path


def study_report(work: Workspace, found: Sweep | None = None) -> content.Report:
    """Everything that the report shows; what does not exist yet is left out."""
    candidate = work.champion if work.registry.champion is not None else None
    if candidate is not None and candidate.version.model_version != work.model.version:
        candidate = None  # it answers for another model: of this one there is no evidence yet
    report = known_report(work, candidate)
    if candidate is None:
        return report
    if found is None or found.version != candidate.version.number:
        found = sweep(work, candidate.checked, candidate.version.number)
    calibration = _held_out(work, candidate, "calibration", calibration_samples(work))
    audited = _audited(work, candidate)
    return replace(
        report,
        calibration=calibration,
        audit=_held_out(work, candidate, "audit", audited) if audited else None,
        cases=_cases(work, candidate, calibration),
        sweep=content.Sweep(found.values, found.figures, found.in_domain),
        cost=with_queries(report.cost, candidate, found) if report.cost else None,
        way=way_of(work, candidate),
    )


def known_report(work: Workspace, candidate: Candidate | None) -> content.Report:
    """What the catalogue and the registry know: nothing is swept, no snapshot is read, no query is timed.

    Parameters
    ----------
    candidate
        The champion, if there is one.
    """
    study = work.study
    return content.Report(
        study=study.name,
        description=study.description,
        path=str(study.path),
        model=work.model.name,
        model_version=work.model.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        space=work.space,
        outputs=_outputs(candidate.checked) if candidate else (),
        verdict=_verdict(work),
        coverage=study.accuracy.confidence,
        budget=study.budget.simulations,
        provenance=_provenance(work, candidate),
        rounds=tuple(work.rounds()),
        bases=_bases(candidate) if candidate else (),
        samples=_samples(work),
        cost=_cost(work) if work.samples(outcome="done") else None,
        failures=_failures(work),
        retried=sum(len(attempts) > 1 for attempts in work.attempts.values()),
        versions=_versions(work),
        champion=work.registry.champion,
    )


def _verdict(work: Workspace) -> content.StudyVerdict:
    accuracy, last = work.study.accuracy, work.standing
    if last is None:
        words, advice, share = "no verdict yet", f"Run the study: locum run {work.study.path}", None
    elif last.verdict.within:
        words, advice = "within tolerance", f"Ask it: locum query {work.study.path} NAME=VALUE ..."
        share = last.verdict.share_lower
    else:
        words, advice, share = "over tolerance", decide(work).advice, last.verdict.share_lower
    return content.StudyVerdict(words, advice, accuracy.confidence, accuracy.share, share)


def _outputs(checked: CheckedSurrogate) -> tuple[content.Output, ...]:
    statistics = checked.manifest.get("statistics", {})
    described = checked.description
    units = {name: field.unit for name, field in described.fields.items()} | dict(described.quantities)
    return tuple(
        content.Output(
            name=name,
            kind="field" if name in described.fields else "quantity of interest",
            unit=units[name],
            norm=output.norm,
            relative=output.measure == "relative",
            tolerance=checked.decisive.get(name),
            figure_kind=output.kind,
            indicator=statistics.get(name, {}).get("indicator", ""),
        )
        for name, output in checked.calibration.outputs.items()
    )


def _bases(candidate: Candidate) -> tuple[content.Basis, ...]:
    calibration = candidate.checked.calibration.outputs
    return tuple(
        content.Basis(
            field=name,
            singular_values=np.array(field["singular_values"]),
            rank=field["rank"],
            truncation_error=field["truncation_error"],
            method=field["method"],
            norm=calibration[name].norm,
        )
        for name, field in candidate.version.manifest["statistics"].items()
    )


def _audited(work: Workspace, candidate: Candidate) -> list[SampleRecord]:
    """Samples of the last audit of the champion."""
    audit = work.store.document(AUDIT) or {}
    if audit.get("version") != candidate.version.number:
        return []
    identities = set(audit["samples"])
    return [record for record in work.samples(AUDIT, "done") if record.identity in identities]


def _held_out(
    work: Workspace, candidate: Candidate, purpose: content.HeldOutPurpose, records: Sequence[SampleRecord]
) -> content.HeldOut:
    checked = candidate.checked
    truth = truth_of(work, records)
    calibration = checked.calibration.outputs
    errors = measured_errors(
        checked.surrogate, truth, {name: output.measure for name, output in calibration.items()}
    ).total
    prediction = checked.predict(truth.values)
    outputs = {}
    for name, output in calibration.items():
        figures = prediction.figure(name)
        is_field = name in checked.description.fields
        with np.errstate(divide="ignore", invalid="ignore"):  # of what is always right the factor is zero
            scores = np.where(errors[name] == 0, 0.0, errors[name] / (figures / output.factor))
        outputs[name] = content.HeldOutOutput(
            errors=errors[name],
            figures=figures,
            scores=scores,
            simulated=None if is_field else truth.quantities[name],
            predicted=None if is_field else prediction.quantities[name],
        )
    return content.HeldOut(purpose, outputs, prediction.in_domain)


def _cases(work: Workspace, candidate: Candidate, held_out: content.HeldOut) -> tuple[content.Case, ...]:
    """The worst and the median held-out simulation of the field that is worst for its tolerance."""
    checked = candidate.checked
    described = checked.description
    if not described.fields:
        return ()
    name = worst_field(checked, held_out)
    field = described.fields[name]
    errors = held_out.outputs[name].errors
    order = np.argsort(errors)
    records = calibration_samples(work)
    cases = []
    for label, index in (("worst", int(order[-1])), ("median", int(order[len(order) // 2]))):
        record = records[index]
        cases.append(
            content.Case(
                label=label,
                field=name,
                unit=field.unit,
                purpose=held_out.purpose,
                identity=record.identity,
                parameters=record.parameters,
                error=float(errors[index]),
                figure=float(held_out.outputs[name].figures[index]),
                points=described.mesh.points,
                cells=described.mesh.cells,
                simulated=_simulated(work, name, record),
                predicted=_predicted(checked, name, work.values([record])),
                times=described.times,
                length_unit=described.mesh.unit,
                time_unit=described.time_unit,
                displacement=_displacement(work, checked, record),
            )
        )
    return tuple(cases)


def worst_field(checked: CheckedSurrogate, held_out: content.HeldOut) -> str:
    """The field whose largest error is the largest for its tolerance; the first where they are alike."""
    return max(
        checked.description.fields,
        key=lambda name: float(np.max(held_out.outputs[name].errors)) / checked.tolerances[name].value,
    )


def _simulated(work: Workspace, field: str, record: SampleRecord) -> Array:
    return np.asarray(next(iter(work.store.blocks(field, [record])()))[0])


def _displacement(work: Workspace, checked: CheckedSurrogate, record: SampleRecord) -> Sequence[Array]:
    """Of a body in space: the field of this name, simulated and predicted, where it moves each node."""
    mesh = checked.description.mesh
    field = checked.description.fields.get("displacement")
    moves = field is not None and field.shape[-2:] == (mesh.nodes, 3) and field.unit == mesh.unit
    if mesh.dimension < 3 or not moves:
        return ()
    values = work.values([record])
    return _simulated(work, "displacement", record), _predicted(checked, "displacement", values)


def _predicted(checked: CheckedSurrogate, field: str, values: Array) -> Array:
    snapshots = checked.surrogate.expand(field, checked.surrogate.coordinates(field, values))
    return np.asarray(snapshots[0])


def _samples(work: Workspace) -> content.Samples:
    records = [record for record in work.samples() if record.outcome != "planned"]
    return content.Samples(
        parameters=work.values(records),
        purposes=tuple(record.purpose for record in records),
        failed=np.array([record.outcome == "failed" for record in records], dtype=bool),
    )


def _cost(work: Workspace) -> content.Cost:
    records = [record for record in work.samples() if record.outcome != "planned"]
    purposes = dict.fromkeys(record.purpose for record in records)
    seconds = [entry.seconds for entry in work.rounds()]
    return content.Cost(
        simulations=tuple(
            content.PurposeCost(
                purpose=purpose,
                done=sum(r.outcome == "done" for r in records if r.purpose == purpose),
                failed=sum(r.outcome == "failed" for r in records if r.purpose == purpose),
                core_seconds=sum(r.seconds for r in records if r.purpose == purpose),
            )
            for purpose in purposes
        ),
        training_seconds=sum(entry.get("training", 0.0) for entry in seconds),
        sweep_seconds=sum(entry.get("sweep", 0.0) for entry in seconds),
        wall_seconds=work.elapsed,
        simulation_seconds=float(np.median([r.seconds for r in records if r.outcome == "done"])),
    )


def with_queries(cost: content.Cost, candidate: Candidate, found: Sweep) -> content.Cost:
    """The same cost beside what measured queries cost."""
    rows = found.values[:QUERY_ROWS]
    single, many = _query_seconds(candidate.checked, rows)
    return replace(cost, query_seconds=single, query_rows=len(rows), query_rows_seconds=many)


def _query_seconds(checked: CheckedSurrogate, values: Array, repeats: int = 20) -> tuple[float, float]:
    """Time of one warm query with all its error figures, and of many in one call."""

    def ask(rows: Array) -> float:
        started = time.perf_counter()
        prediction = checked.predict(rows)
        _ = prediction.quantities, [figure.value for figure in prediction.error_figures.values()]
        return time.perf_counter() - started

    # another row each time: a surrogate may remember its last answer
    return float(np.median([ask(values[[row]]) for row in range(min(repeats, len(values)))])), ask(values)


def _failures(work: Workspace) -> tuple[content.FailedSample, ...]:
    attempts = work.attempts
    return tuple(
        content.FailedSample(
            r.identity, r.parameters, r.purpose, r.failure, r.reason, attempts.get(r.identity, ())
        )
        for r in work.samples(outcome="failed")
    )


def _versions(work: Workspace) -> tuple[content.Version, ...]:
    return tuple(
        content.Version(
            number=row["number"],
            alias=row["alias"],
            created=row["created"],
            training_simulations=row["training"],
            calibration_simulations=row["calibration"],
            gate=row["gate"],
        )
        for row in versions_document(work)["versions"]
    )


def _provenance(work: Workspace, candidate: Candidate | None) -> content.Provenance:
    hashes = {"study": work.study.hash}
    if candidate is not None:
        hashes |= {
            "training set": candidate.version.training_set_hash,
            "manifest": candidate.version.manifest_hash,
            "mesh": candidate.checked.description.mesh.hash,
        }
    libraries = environment()
    machine = libraries.pop("machine", "")
    return content.Provenance(f"locum run {work.study.path}", work.study.seed, hashes, libraries, machine)
