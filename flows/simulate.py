"""Simulate: run planned samples on the cluster and store their fields.

One Prefect task is one batch. Inside it every simulation is a task of Dask that commits its own outcome:
Prefect shows the work, the catalogue knows the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from locum.execution.sampling import first_samples
from locum.execution.sampling import simulate as run_samples
from locum.execution.workspace import Workspace, open_workspace
from locum.snapshots import SampleRecord


@task(name="simulate a batch", cache_policy=NO_CACHE, persist_result=False)
def simulate_batch(work: Workspace, records: Sequence[SampleRecord]) -> None:
    """Run planned samples to their outcomes; what is committed already is not run again."""
    run_samples(work, records)


@flow(name="simulate", flow_run_name="simulate {study}", persist_result=False)
def simulate(study: str, overrides: list[str] | None = None, quiet: bool = False) -> int:
    """Run a study's first design, its calibration simulations, and what else was planned and not finished.

    Parameters
    ----------
    study
        Path of the study file.
    overrides
        Keys to override, as ``accuracy.tolerance=0.02``.
    quiet
        No progress on standard error.

    Returns
    -------
    int
        Simulations that are done.
    """
    with open_workspace(study, overrides or (), quiet=quiet) as work:
        work.progress.phase("simulating")
        while records := first_samples(work):
            simulate_batch(work, records)
        return len(work.samples(outcome="done"))
