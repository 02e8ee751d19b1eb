"""Check: sweep the champion's error figure over the whole parameter distribution, and say the verdict."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.deployments import run_deployment

from locum.execution import checking
from locum.execution.artifacts import publish_verdict
from locum.execution.candidate import Candidate
from locum.execution.status import check_document, keep_check
from locum.execution.workspace import Workspace, open_workspace


@task(name="sweep the error figure", cache_policy=NO_CACHE, persist_result=False)
def check_candidate(work: Workspace, candidate: Candidate, held_back: Collection[str] = ()) -> checking.Sweep:
    """Ask the error figure at fresh draws from the parameter distribution; keep what is found as a round."""
    work.progress.phase("sweeping the error figure")
    return checking.check(work, candidate, held_back)


@flow(name="check", flow_run_name="check {study}", persist_result=False, validate_parameters=False)
def check(
    study: str, overrides: list[str] | None = None, adapt_with: str = "", quiet: bool = False
) -> dict[str, Any]:
    """Check a study's champion. Nothing is written but the verdict: in the catalogue and on Prefect's page.

    Parameters
    ----------
    study, overrides, quiet
        As for :func:`locum.flows.simulate.simulate`.
    adapt_with
        Deployment to start when the study is over tolerance, as ``adapt/adapt``; none where empty.

    Returns
    -------
    dict
        The verdict with its numbers, as ``locum check --json`` prints it.
    """
    with open_workspace(study, overrides or (), readonly=True, quiet=quiet) as work:
        champion = work.champion
        found = checking.sweep(work, champion.checked, champion.version.number)
        document = check_document(work, found, champion.version.number)
        keep_check(work, document)
        publish_verdict(work, document)
    if adapt_with and document["verdict"] != "within tolerance":
        run_deployment(adapt_with, parameters={"study": study, "overrides": overrides}, timeout=0)
    return document
