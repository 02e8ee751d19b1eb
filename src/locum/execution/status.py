"""What a study's state is, as plain JSON values: what ``--json`` prints and what the terminal's tables show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locum.adaptivity import Decision, Round, Verdict
from locum.execution.audit import AUDIT
from locum.execution.checking import Sweep
from locum.execution.workspace import Workspace


def status_document(work: Workspace) -> dict[str, Any]:
    """Where a study stands.

    Returns
    -------
    dict
        ``verdict``, ``simulations``, ``tolerance``, ``error_figure`` (of the first output with a tolerance),
        ``coverage``, ``champion``, and the same for each of ``outputs``.
    """
    rounds = work.rounds()
    last = rounds[-1] if rounds else None
    return {
        "name": work.study.name,
        "verdict": _verdict_words(last),
        "simulations": simulation_counts(work),
        "tolerance": work.study.accuracy.tolerance,
        "confidence": work.study.accuracy.confidence,
        "share_required": work.study.accuracy.share,
        "share_within": last.verdict.share if last else None,
        "share_within_lower": last.verdict.share_lower if last else None,
        "error_figure": _figure(last.verdict)
        if last
        else {"kind": None, "q50": None, "q95": None, "max": None},
        "coverage": _coverage(work, last),
        "champion": work.registry.champion,
        "rounds": len(rounds),
        "outputs": _outputs(last.verdict) if last else {},
        "folder": str(work.study.folder),
        "note": _nothing_reused(work),
    }


def check_document(work: Workspace, found: Sweep, version: int) -> dict[str, Any]:
    """What a check found."""
    verdict = found.verdict
    return {
        "name": work.study.name,
        "version": version,
        "verdict": "within tolerance" if verdict.within else "over tolerance",
        "points": verdict.points,
        "confidence": verdict.confidence,
        "share_required": verdict.share_required,
        "share_within": verdict.share,
        "share_within_lower": verdict.share_lower,
        "outside_domain": verdict.outside,
        "error_figure": _figure(verdict),
        "outputs": _outputs(verdict),
        "seconds": found.seconds,
    }


def summary_document(
    work: Workspace, decision: Decision, report: Path, before: Mapping[str, int]
) -> dict[str, Any]:
    """What a run did and how it ended."""
    status = status_document(work)
    simulated = {key: status["simulations"][key] - before[key] for key in ("done", "failed")}
    return {
        "decision": decision.outcome.value,
        "blame": decision.blame.value if decision.blame else None,
        "advice": decision.advice,
        "simulated": simulated,
        "report": str(report),
        "status": status,
    }


def versions_document(work: Workspace) -> dict[str, Any]:
    """Every registered version: what it was made from, and what the gate said of it."""
    rows = []
    for version in work.registry.versions():
        gate = work.store.document(f"gate {version.number}") or {}
        rows.append(
            {
                "version": version.number,
                "alias": _alias(work, version.number),
                "created": version.created,
                "training": version.manifest["training"],
                "calibration": version.manifest["calibration"],
                "model_version": version.model_version,
                "training_set_hash": version.training_set_hash,
                "study_hash": version.study_hash,
                "promoted": gate.get("promote"),
                "reasons": gate.get("reasons", []),
            }
        )
    return {"name": work.study.name, "champion": work.registry.champion, "versions": rows}


def verify_document(work: Workspace) -> dict[str, Any]:
    """Hash everything that is stored again."""
    done = len(work.store.records(outcome="done"))
    problems = [str(problem) for problem in work.store.verify()]
    for version in work.registry.versions():
        problems += [f"version {version.number}: {problem}" for problem in version.problems()]
    return {"name": work.study.name, "samples": done, "problems": problems}


def _verdict_words(last: Round | None) -> str:
    if last is None:
        return "not yet known"
    return "within tolerance" if last.verdict.within else "over tolerance"


def simulation_counts(work: Workspace) -> dict[str, Any]:
    """Simulations of the model as it is now, by outcome, and the budget; audits do not count."""
    counted = [record for record in work.samples() if record.purpose != AUDIT]
    return {
        "done": sum(record.outcome == "done" for record in counted),
        "failed": sum(record.outcome == "failed" for record in counted),
        "planned": sum(record.outcome == "planned" for record in counted),
        "budget": work.study.budget.simulations,
    }


def _figure(verdict: Verdict) -> dict[str, Any]:
    """Spread of the error figure of the output that is farthest from its tolerance."""
    asked = {name: output for name, output in verdict.outputs.items() if math.isfinite(output.tolerance)}
    name = max(asked, key=lambda each: asked[each].figure.q95 / asked[each].tolerance)
    return {"kind": "indicator", "output": name, **asked[name].figure.to_dict()}


def _outputs(verdict: Verdict) -> dict[str, Any]:
    return {name: {**output.to_dict(), "kind": "indicator"} for name, output in verdict.outputs.items()}


def _coverage(work: Workspace, last: Round | None) -> dict[str, Any]:
    """Claimed coverage, and what the last audit of the champion observed over all outputs: the lowest."""
    audit = work.store.document(AUDIT) or {}
    current = audit if audit.get("version") == work.registry.champion else {}
    observed = [output["observed"]["share"] for output in current.get("outputs", {}).values()]
    return {
        "claimed": work.study.accuracy.confidence,
        "observed": min(observed) if observed else None,
        "n": current.get("simulations", 0) - current.get("failed", 0),
        "calibration": last.calibration if last else 0,
    }


def _alias(work: Workspace, number: int) -> str:
    if number == work.registry.champion:
        return "champion"
    return "candidate" if number == work.registry.candidate else ""


def _nothing_reused(work: Workspace) -> str:
    """Say why simulations of another version of the model do not count."""
    others = [
        f"{counts['done']} of version {version}"
        for (model, version), counts in work.store.versions().items()
        if (model, version) != (work.model.name, work.model.version) and counts["done"]
    ]
    if not others:
        return ""
    return (
        f"the model is now version {work.model.version}: {', '.join(others)} are kept, and are not reused, "
        "because they are answers of another model"
    )
