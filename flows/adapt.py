"""Adapt: the closed loop.

Simulate, train, check, choose where it matters, until within tolerance or out of budget. Simulations go on
while a surrogate is trained and checked: each round trains without the newest batch, which runs meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture

from locum.execution.artifacts import publish_convergence, publish_report, publish_verdict
from locum.execution.asked import asked_for
from locum.execution.choosing import choose_next, decide, exhausted
from locum.execution.environment import import_in_background
from locum.execution.pipeline import Pipeline
from locum.execution.promotion import restated_champion
from locum.execution.sampling import calibration_to_run, is_enough, retry_failures, training_to_run
from locum.execution.status import opening_remark, summary_document
from locum.execution.training import Fitted
from locum.execution.workspace import Workspace, open_workspace
from locum.flows.check import check_candidate
from locum.flows.simulate import simulate_batch
from locum.flows.train import fit_surrogate, promote_candidate, train_candidate
from locum.reports.study_report import expect_report, up_to_date_report
from locum.snapshots import SampleRecord

NEEDED_LATER = (
    "locum.regression.hyperparameters",
    "locum.reports.report",
    "locum.reports.terminal",
    "matplotlib.backends.backend_svg",
    "matplotlib.tri",
    "dask.array",  # by xarray, for its first variable
)
"""Imported while the first simulations run: by then it costs no time that anybody waits for."""


@flow(name="adapt", flow_run_name="adapt {study}", persist_result=False)
def adapt(
    study: str, overrides: list[str] | None = None, retry_failed: bool = False, quiet: bool = False
) -> dict[str, Any]:
    """Keep a study within its tolerance.

    Killed at any moment and run again, it goes on from the last finished sample. On a finished study it
    simulates nothing, unless queries wait that had no answer within tolerance: it simulates where they asked.

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
    with open_workspace(study, overrides or (), quiet=quiet) as work, asked_for(work) as asked:
        if retry_failed:
            retry_failures(work)
        work.progress.say(opening_remark(work))
        keep_champion(work)
        pipeline, running = Pipeline(work), deque[PrefectFuture[None]]()
        fitted = first_simulations(work)
        pipeline.resume()
        while True:
            candidate = train_candidate(work, pipeline.held_back, fitted)
            found = check_candidate(work, candidate, pipeline.held_back)
            promote_candidate(work, candidate)
            decision = decide(work)
            while pipeline.has_room:
                chosen = choose_next(work, candidate, found, decision, asked, pipeline.held_back)
                batch = start_batch(work, pipeline.append(chosen))
                if batch is None:
                    if any(not earlier.state.is_final() for earlier in running):
                        expect_report(work)
                    break
                running.append(batch)
            work.publish_labels()  # not sooner: workers may wait
            publish_convergence(work)
            if not pipeline.held_back:
                break
            if running:
                work.progress.phase("simulating")
                running.popleft().result()
            pipeline.advance()
        report = up_to_date_report(work, found)
        publish_report(work, report)
        summary = summary_document(work, exhausted() if decision.goes_on else decision, report)
        publish_verdict(work, summary["status"], decision.advice)
        return summary


def keep_champion(work: Workspace) -> None:
    """Let the champion go on answering where other tolerances are all that has changed, and it keeps them."""
    kept = restated_champion(work)
    if kept is not None:
        work.progress.say(
            f"version {kept.version.manifest['restated']} keeps these tolerances as well: "
            f"it goes on answering, as version {kept.version.number}"
        )
        check_candidate(work, kept)
        promote_candidate(work, kept)


def first_simulations(work: Workspace) -> Fitted | None:
    """Run what comes before the loop; the surrogate is fitted while the calibration simulations run."""
    fitted = None
    while True:
        # the calibration is drawn in no time; what trains overtakes it as soon as the design is drawn
        calibration = start_batch(work, calibration_to_run(work))
        training = start_batch(work, training_to_run(work))
        if training or calibration:  # not sooner: the simulation processes start faster alone
            import_in_background(*NEEDED_LATER)
        if training:
            training.result()
        if calibration and fitted is None and is_enough(work) and not calibration.state.is_final():
            fitted = fit_surrogate(work)
            work.progress.phase("simulating")
        if calibration:
            calibration.result()
        if not (training or calibration):
            return fitted


def start_batch(work: Workspace, records: Sequence[SampleRecord]) -> PrefectFuture[None] | None:
    """Run planned samples beside what the loop does next; None where there are none."""
    if not records:
        return None
    work.progress.phase("simulating")
    work.start_cluster()
    return simulate_batch.submit(work, records)
