"""What Prefect's pages show of a study: convergence, verdict, and the way to the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from locum.execution.workspace import Workspace


def artifact_key(study: str, what: str) -> str:
    """Key of an artifact: lower-case letters, digits and dashes, as Prefect wants it."""
    return re.sub("[^a-z0-9]+", "-", f"{study} {what}".lower()).strip("-")


def publish_convergence(work: Workspace) -> None:
    """Show the loop's history as a table."""
    rows = [
        {
            "round": entry.number,
            "simulations": entry.simulations,
            "error figure over tolerance, q95": _number(entry.verdict.ratio.q95),
            "error figure over tolerance, max": _number(entry.verdict.ratio.max),
            "share within": _number(entry.verdict.share),
        }
        for entry in work.rounds()
    ]
    create_table_artifact(
        key=artifact_key(work.study.name, "convergence"),
        table=rows,
        description=f"Convergence of {work.study.name}: error figures relative to tolerance, by round",
    )


def publish_verdict(work: Workspace, document: Mapping[str, Any], advice: str = "") -> None:
    """Show the verdict of a status or a check, and what to do about it."""
    share = (
        f"{document['share_within']:.2%} of the parameter distribution within tolerance, "
        f"{document['share_required']:.0%} required"
    )
    create_markdown_artifact(
        key=artifact_key(work.study.name, "verdict"),
        markdown=f"## {work.study.name}: {document['verdict']}\n\n{share}.\n\n{advice}".strip(),
        description="Verdict of the last sweep",
    )


def publish_report(work: Workspace, report: Path) -> None:
    """Link to the report."""
    create_link_artifact(
        key=artifact_key(work.study.name, "report"),
        link=report.resolve().as_uri(),
        description="The study's report",
    )


def _number(value: float) -> str:
    return f"{value:.4g}"
