"""What the loop does next: stop, or simulate where that lowers the error figures most."""

from __future__ import annotations

import time

import numpy as np

from locum.adaptivity import Decision, Outcome, batch_size, choose_batch, relative_to_tolerance
from locum.adaptivity import decide as decide_on
from locum.execution.candidate import Candidate
from locum.execution.checking import Sweep, spent
from locum.execution.sampling import training_samples
from locum.execution.workspace import Workspace
from locum.snapshots import SampleRecord


def decide(work: Workspace) -> Decision:
    """Decide after the newest round, from the history of rounds and the budget."""
    budget = work.study.budget
    return decide_on(
        work.rounds(),
        simulations=budget.simulations,
        wall_time=budget.wall_time,
        elapsed=time.monotonic() - work.started,
    )


def choose_samples(work: Workspace, candidate: Candidate, found: Sweep) -> list[SampleRecord]:
    """Plan the next batch among the points of the sweep; outputs without a tolerance have no say."""
    surrogate = candidate.checked.surrogate
    training = training_samples(work)
    size = batch_size(
        len(training),
        work.workers,
        remaining=None
        if work.study.budget.simulations is None
        else work.study.budget.simulations - spent(work),
        wanted=work.numbers.batch,
    )
    asked = candidate.checked.decisive
    metric = surrogate.inverse_lengthscales(asked)
    planned = [record for record in work.samples() if record.purpose not in ("calibration", "audit")]
    others = [record for record in planned if record.identity not in {each.identity for each in training}]
    known = np.concatenate([work.values(training), work.values(others)])
    chosen = choose_batch(
        work.space.warp(found.values) * metric,
        relative_to_tolerance(found.figures, asked),
        size,
        work.space.warp(known) * metric,
        surprise=surrogate.surprise(asked),
    )
    return work.plan(found.values[chosen], "adaptive", len(work.rounds()))


def exhausted() -> Decision:
    """The decision where no sample is left to choose."""
    return Decision(
        Outcome.NO_PROGRESS, None, "no point of the parameter space is left that a simulation would help"
    )
