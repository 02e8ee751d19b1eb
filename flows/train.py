"""Train: basis, regression and calibration from the stored simulations, to a registered candidate."""

from __future__ import annotations

from collections.abc import Collection

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from locum.execution.candidate import Candidate
from locum.execution.promotion import promote
from locum.execution.training import Fitted, fit
from locum.execution.training import train as train_on_samples
from locum.execution.workspace import Workspace, open_workspace
from locum.flows.check import check_candidate


@task(name="fit a surrogate", cache_policy=NO_CACHE, persist_result=False)
def fit_surrogate(work: Workspace) -> Fitted:
    """Train on the first design while the calibration simulations still run."""
    work.progress.phase("training")
    return fit(work)


@task(name="train a candidate", cache_policy=NO_CACHE, persist_result=False)
def train_candidate(
    work: Workspace, held_back: Collection[str] = (), fitted: Fitted | None = None
) -> Candidate:
    """Train on all samples but those held back, and calibrate; what is registered already is loaded."""
    work.progress.phase("training")
    return train_on_samples(work, held_back, fitted)


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
        check_candidate(work, candidate)
        promote_candidate(work, candidate)
        return candidate.version.number
