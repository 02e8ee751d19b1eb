"""A study's state as plain JSON values: what ``--json`` prints and what the terminal's tables show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from locum.adaptivity import Decision, Verdict
from locum.exceptions import StorageError
from locum.execution.audit import AUDIT
from locum.execution.checking import Sweep
from locum.execution.surrogate_choice import BEST
from locum.execution.workspace import Workspace
from locum.snapshots import SnapshotStore
from locum.snapshots.catalogue import now
from locum.surrogates import FigureKind

CHECK: Final = "check"  # document of the store: what the last check found
_NO_FIGURE = {"kind": None, "output": None, "q50": None, "q95": None, "max": None}


def status_document(work: Workspace) -> dict[str, Any]:
    """Where a study stands.

    Returns
    -------
    dict
        ``surrogate`` (its kind, and why), ``verdict``, ``simulations``, ``tolerance``, ``error_figure`` (of
        the output that is farthest from its tolerance), ``coverage``, ``champion``, the figures of each of
        ``outputs``, and the ``failures``, sample by sample.
    """
    last = work.standing
    return {
        "name": work.study.name,
        "surrogate": _surrogate(work),
        "verdict": _verdict(last.verdict) if last else "not yet known",
        "simulations": simulation_counts(work),
        "tolerance": work.study.accuracy.tolerance,
        **_shares(work, last.verdict if last else None),
        "error_figure": _figure(last.verdict, last.figure_kind) if last else _NO_FIGURE,
        "coverage": _coverage(
            work, last.figure_kind if last else "indicator", last.calibration if last else 0
        ),
        "champion": work.registry.champion,
        "rounds": len(work.rounds()),
        "outputs": _outputs(work, last.verdict, last.figure_kind, last.version) if last else {},
        "folder": str(work.study.folder),
        "note": nothing_reused(work),
        "failures": failures(work),
        "retried": sum(len(attempts) > 1 for attempts in work.attempts.values()),
    }


def check_document(work: Workspace, found: Sweep, version: int) -> dict[str, Any]:
    """What a check found of a version, under the names that the status uses."""
    return {
        "name": work.study.name,
        "surrogate": _surrogate(work),
        "verdict": _verdict(found.verdict),
        "simulations": simulation_counts(work),
        "tolerance": work.study.accuracy.tolerance,
        **_shares(work, found.verdict),
        "outside_domain": found.verdict.outside,
        "error_figure": _figure(found.verdict, found.figure_kind),
        "coverage": _coverage(work, found.figure_kind, 0),
        "champion": version,
        "outputs": _outputs(work, found.verdict, found.figure_kind, version),
        "points": found.verdict.points,
        "seconds": found.seconds,
    }


def summary_document(work: Workspace, decision: Decision, report: Path) -> dict[str, Any]:
    """What a run did and how it ended."""
    status = status_document(work)
    return {
        "decision": decision.outcome.value,
        "blame": decision.blame.value if decision.blame else None,
        "advice": decision.advice,
        "simulated": {key: status["simulations"][key] - work.before[key] for key in ("done", "failed")},
        "report": str(report),
        "status": status,
    }


def versions_document(work: Workspace) -> dict[str, Any]:
    """Every registered version: what it was made from, and what the gate said of it."""
    rows = []
    for version in work.registry.versions():
        gate = work.store.document(f"gate {version.number}") or {}
        reasons = gate.get("reasons", [])
        try:
            manifest = version.manifest
        except StorageError as error:  # its neighbours are told of all the same
            manifest, reasons = {}, [*reasons, str(error)]
        rows.append(
            {
                "number": version.number,
                "alias": _alias(work, version.number),
                "created": version.created,
                "training": manifest.get("training"),
                "calibration": manifest.get("calibration"),
                "model_version": version.model_version,
                "training_set_hash": version.training_set_hash,
                "study_hash": version.study_hash,
                "promoted": gate.get("promote"),
                "gate": "; ".join(reasons),
            }
        )
    return {"name": work.study.name, "champion": work.registry.champion, "versions": rows}


def last_check(work: Workspace) -> str | None:
    """When the error figure of the champion was last swept, ISO 8601 in UTC; None where it never was.

    A version is swept as soon as it is made; later checks are kept by :func:`keep_check`.
    """
    champion = work.registry.champion
    if champion is None:
        return None
    kept = work.store.document(CHECK) or {}
    made = work.registry.version(champion).created
    return max(made, kept["created"]) if kept.get("champion") == champion else made


def keep_check(work: Workspace, document: Mapping[str, Any]) -> None:
    """Keep what a check found, and when; a folder that cannot be written is left as it is."""
    kept = {key: document[key] for key in ("champion", "verdict", "share_within_lower")} | {"created": now()}
    study = work.study
    with suppress(StorageError):
        store = SnapshotStore.open(study.folder, study=study.name, catalogue_url=study.catalogue_url)
        with closing(store):
            store.save_document(CHECK, kept)


def verify_document(work: Workspace) -> dict[str, Any]:
    """Read and hash all that is stored again."""
    checked = len(work.store.records(outcome="done"))
    problems = [*map(str, work.store.verify()), *work.registry.verify()]
    return {"name": work.study.name, "checked": checked, "problems": problems}


def simulation_counts(work: Workspace) -> dict[str, Any]:
    """Simulations of the model as it is now, by outcome, and the budget; audits do not count."""
    counted = [record.outcome for record in work.samples() if record.purpose != AUDIT]
    counts: dict[str, Any] = {outcome: counted.count(outcome) for outcome in ("done", "failed", "planned")}
    return counts | {"budget": work.study.budget.simulations}


def failures(work: Workspace) -> list[dict[str, Any]]:
    """Every failed sample: class, reason, and what was tried, with the last lines of the program's log."""
    attempts = work.attempts
    return [
        {
            "sample": record.short,
            "purpose": record.purpose,
            "parameters": dict(record.parameters),
            "failure": record.failure,
            "reason": record.reason,
            "seconds": record.seconds,
            "attempts": [asdict(attempt) for attempt in attempts.get(record.identity, ())],
        }
        for record in work.samples(outcome="failed")
    ]


def opening_remark(work: Workspace) -> str:
    """What people should know from the start; to settle the surrogate may take the first simulations."""
    automatic = work.study.methods.surrogate == "auto"
    surrogate = f"the surrogate is {work.choice}" if automatic else ""
    return "; ".join(filter(None, (nothing_reused(work), surrogate)))


def nothing_reused(work: Workspace) -> str:
    """Say why simulations of another model or of other parameters do not count; empty where none are."""
    others = [
        f"{counts['done']} of version {version}"
        for (model, version), counts in work.store.versions().items()
        if (model, version) != (work.model.name, work.model.version) and counts["done"]
    ]
    if not others:
        of_model = work.store.records(model=work.model.name, version=work.model.version, outcome="done")
        strange = len(of_model) - len(work.samples(outcome="done"))
        return f"{strange} simulations of other parameters are kept, and are not reused" if strange else ""
    return (
        f"the model is now version {work.model.version}; the simulations of another model "
        f"({', '.join(others)}) are kept, and are not reused"
    )


def _surrogate(work: Workspace) -> dict[str, str]:
    """Kind and reason; of the best of a black box the kind that answers, once there is one."""
    choice, champion = work.choice, work.registry.champion
    if choice.kind != "best":
        return {"kind": choice.kind, "reason": choice.reason}
    if champion is None:
        return {"kind": BEST, "reason": choice.reason}
    comparison = work.registry.version(champion).manifest.get("comparison") or {}
    return {"kind": comparison.get("chosen", choice.kind), "reason": f"{BEST}, {choice.reason}"}


def _verdict(verdict: Verdict) -> str:
    return "within tolerance" if verdict.within else "over tolerance"


def _shares(work: Workspace, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "confidence": work.study.accuracy.confidence,
        "share_required": work.study.accuracy.share,
        "share_within": verdict.share if verdict else None,
        "share_within_lower": verdict.share_lower if verdict else None,
    }


def _figure(verdict: Verdict, kind: FigureKind) -> dict[str, Any]:
    """Spread of the error figure of the output that is farthest from its tolerance."""
    asked = {name: each for name, each in verdict.outputs.items() if math.isfinite(each.tolerance)}
    name = max(asked, key=lambda each: asked[each].figure.q95 / asked[each].tolerance)
    return {"kind": kind, "output": name, **asked[name].figure.to_dict()}


def _outputs(work: Workspace, verdict: Verdict, kind: FigureKind, version: int | None) -> dict[str, Any]:
    """Tolerance, error figure and share within of each output; and what indicates a field's error."""
    statistics = {} if version is None else work.registry.version(version).manifest["statistics"]
    layout = work.store.layout(work.model.version)
    units = {name: field.unit for name, field in layout.fields.items()} | dict(layout.quantities)
    tolerances = work.study.tolerances(layout.fields, layout.quantities)
    return {
        name: {
            "tolerance": output.to_dict()["tolerance"],
            "measure": tolerances[name].error if name in tolerances else "relative",
            "unit": units[name],
            "error_figure": {"kind": kind, **output.figure.to_dict()},
            "indicator": statistics.get(name, {}).get("indicator"),
            "share_within": output.share,
        }
        for name, output in verdict.outputs.items()
    }


def _coverage(work: Workspace, kind: FigureKind, calibration: int) -> dict[str, Any]:
    """Claimed coverage, and the lowest over all outputs that the last audit of the champion observed.

    Bounds and estimates claim none: they come from the equations, not from quantiles.
    """
    audit = work.store.document(AUDIT) or {}
    current = audit if audit.get("version") == work.registry.champion else {}
    observed = [output["observed"]["share"] for output in current.get("outputs", {}).values()]
    return {
        "claimed": work.study.accuracy.confidence if kind == "indicator" else None,
        "observed": min(observed) if observed else None,
        "n": current.get("simulations", 0) - current.get("failed", 0),
        "calibration": calibration,
    }


def _alias(work: Workspace, number: int) -> str:
    if number == work.registry.champion:
        return "champion"
    return "candidate" if number == work.registry.candidate else ""
