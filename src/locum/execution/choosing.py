"""What the loop does next: stop, or simulate where that lowers the error figures most."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from locum.adaptivity import Decision, Outcome, batch_size, choose_batch, relative_to_tolerance
from locum.adaptivity import decide as decide_on
from locum.adaptivity.greedy import next_parameters, relative_figure
from locum.arrays import Array
from locum.errors.checked import Verdict
from locum.execution.asked import not_simulated
from locum.execution.candidate import Candidate
from locum.execution.checking import Sweep
from locum.execution.sampling import counted, training_samples
from locum.execution.workspace import Workspace
from locum.reduction.certified import Solution
from locum.snapshots import SampleRecord
from locum.surrogates import EquationSurrogate


def decide(work: Workspace) -> Decision:
    """Decide from the history of rounds and the budget; a champion within tolerance ends the loop."""
    budget = work.study.budget
    return decide_on(
        work.rounds(),
        answering=work.standing,
        simulations=budget.simulations,
        wall_time=budget.wall_time,
        elapsed=time.monotonic() - work.started,
    )


def choose_next(
    work: Workspace,
    candidate: Candidate,
    found: Sweep,
    decision: Decision,
    asked: Array,
    held_back: Collection[str] = (),
) -> Array:
    """Choose the next batch: where somebody got no answer within tolerance, else where it helps most.

    Parameters
    ----------
    decision
        Whether the loop goes on. Where it ends for another reason than time or money, what was asked is
        simulated all the same.
    asked
        Parameter values that queries wait for, shape (a, p).
    held_back
        Identities of samples that did not train the candidate because they still ran.

    Returns
    -------
    ndarray
        Parameter values (n, p); none where nothing is to be simulated.
    """
    if decision.outcome in (Outcome.BUDGET_SPENT, Outcome.TIME_SPENT):
        return np.empty((0, work.space.dimension))
    wanted = not_simulated(work, asked)
    prediction = candidate.checked.predict(wanted)
    over = prediction.verdict != Verdict.WITHIN.value
    if over.any():
        figures = {name: prediction.figure(name)[over] for name in candidate.checked.description.outputs}
        there = replace(found, values=wanted[over], figures=figures, in_domain=prediction.in_domain[over])
        return choose_values(work, candidate, there, held_back)
    if not decision.goes_on:
        return np.empty((0, work.space.dimension))
    return choose_values(work, candidate, found, held_back)


def choose_values(
    work: Workspace, candidate: Candidate, found: Sweep, held_back: Collection[str] = ()
) -> Array:
    """Choose the next batch among points; outputs without a tolerance have no say.

    Parameters
    ----------
    found
        The points and their error figures.
    held_back
        Identities of samples that did not train the candidate because they still ran.

    Returns
    -------
    ndarray
        Parameter values (n, p); none where the budget is spent or nothing is left to choose.
    """
    surrogate, asked = candidate.checked.surrogate, candidate.checked.decisive
    samples = counted(work)
    budget = work.study.budget.simulations
    training = training_samples(work, held_back)
    size = batch_size(
        len(training),
        work.workers,
        remaining=None if budget is None else budget - len(samples),
        wanted=work.numbers.batch,
    )
    trained = {record.identity for record in training}
    others = [r for r in samples if r.purpose != "calibration" and r.identity not in trained]
    running = [record for record in others if record.identity in held_back]
    failed = [record for record in others if record.identity not in held_back]
    if isinstance(surrogate, EquationSurrogate):
        # a failed simulation will not come: what it would have taught is not asked for again
        return _residual_choice(surrogate, found, asked, size, work.values([*running, *failed]))
    metric = surrogate.inverse_lengthscales(asked)
    metric = metric / (metric.max() or 1.0)  # their ratios count; of a constant they may be denormal

    def placed(records: Sequence[SampleRecord]) -> Array:
        return np.asarray(work.space.warp(work.values(records)) * metric)

    chosen = choose_batch(
        work.space.warp(found.values) * metric,
        relative_to_tolerance(found.figures, asked),
        size,
        np.concatenate([placed(training), placed(failed)]),
        surprise=surrogate.surprise(asked),
        running=placed(running),
    )
    return np.asarray(found.values[chosen])


def _residual_choice(
    surrogate: EquationSurrogate, found: Sweep, asked: Mapping[str, float], size: int, running: Array
) -> Array:
    """Where the figures are largest, and what the residuals there have that no other of the batch has."""
    if not size:
        return np.empty((0, found.values.shape[1]))

    def figure(solution: Solution) -> Array:
        ratio = relative_to_tolerance(found.figures, asked)
        claimed = np.isfinite(ratio)
        largest = ratio[claimed].max(initial=1.0)
        return np.asarray(np.where(claimed, ratio, largest * np.maximum(relative_figure(solution), 1.0)))

    return next_parameters(surrogate, found.values, size, running=running, figure=figure)


def exhausted() -> Decision:
    """The decision where no sample is left to choose."""
    return Decision(
        Outcome.NO_PROGRESS, None, "no point of the parameter space is left that a simulation would help"
    )
