"""Adapt: the closed loop.

Simulate, train, check, choose where it matters, until within tolerance or out of budget.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from locum.execution.artifacts import publish_convergence, publish_report, publish_verdict
from locum.execution.choosing import choose_samples, decide, exhausted
from locum.execution.environment import import_in_background
from locum.execution.sampling import first_samples, retry_failures
from locum.execution.status import nothing_reused, simulation_counts, summary_document
from locum.execution.workspace import open_workspace
from locum.flows.check import check_candidate
from locum.flows.simulate import simulate_batch
from locum.flows.train import promote_candidate, train_candidate
from locum.reports.study_report import write_study_report


@flow(name="adapt", flow_run_name="adapt {study}", persist_result=False)
def adapt(
    study: str, overrides: list[str] | None = None, retry_failed: bool = False, quiet: bool = False
) -> dict[str, Any]:
    """Keep a study within its tolerance.

    Killed at any moment and run again, it goes on from the last finished sample. On a finished study it
    simulates nothing.

    Parameters
    ----------
    study, overrides, quiet
        As for :func:`locum.flows.simulate.simulate`.
    retry_failed
        Run failed samples again first.

    Returns
    -------
    dict
        What was done, the decision that ended it, the study's status, and the path of the report.
    """
    with open_workspace(study, overrides or (), quiet=quiet) as work:
        before = simulation_counts(work)
        work.progress.say(nothing_reused(work))
        import_in_background("locum.regression.hyperparameters", "matplotlib.figure", "matplotlib.tri")
        if retry_failed:
            retry_failures(work)
        while records := first_samples(work):
            simulate_batch(work, records)
        while True:
            candidate = train_candidate(work)
            found = check_candidate(work, candidate)
            promote_candidate(work, candidate)
            publish_convergence(work)
            decision = decide(work)
            if not decision.goes_on:
                break
            records = choose_samples(work, candidate, found)
            if not records:
                decision = exhausted()
                break
            simulate_batch(work, records)
        report = write_study_report(work)
        publish_report(work, report)
        summary = summary_document(work, decision, report, before)
        publish_verdict(work, summary["status"], decision.advice)
        return summary
