"""Train: basis, regression and calibration from the stored simulations, to a registered candidate."""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from locum.execution.candidate import Candidate
from locum.execution.promotion import promote
from locum.execution.training import train as train_on_samples
from locum.execution.workspace import Workspace, open_workspace


@task(name="train a candidate", cache_policy=NO_CACHE, persist_result=False)
def train_candidate(work: Workspace) -> Candidate:
    """Train on all training samples and calibrate; what is registered already is loaded instead."""
    work.progress.phase("training")
    return train_on_samples(work)


@task(name="promote through the gate", cache_policy=NO_CACHE, persist_result=False)
def promote_candidate(work: Workspace, candidate: Candidate) -> bool:
    """Make the candidate champion unless it is worse than the champion, or its coverage is lost."""
    return promote(work, candidate).promote


@flow(name="train", flow_run_name="train {study}", persist_result=False)
def train(study: str, overrides: list[str] | None = None, quiet: bool = False) -> int:
    """Train a new version from the simulations that exist, and promote it if it passes the gate.

    Parameters are those of :func:`locum.flows.simulate.simulate`.

    Returns
    -------
    int
        Number of the version.
    """
    with open_workspace(study, overrides or (), create=False, quiet=quiet) as work:
        candidate = train_candidate(work)
        promote_candidate(work, candidate)
        return candidate.version.number
