"""Which samples a study needs, and running them to their outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from locum.exceptions import ModelError, StudyError
from locum.execution.workspace import Workspace
from locum.parameters import sobol_design
from locum.snapshots import SampleRecord

_RELEASED = "released audits"  # document of the store: audits that train


def first_samples(work: Workspace) -> list[SampleRecord]:
    """Plan what comes before the loop, and return what of the whole plan has no outcome yet.

    A scrambled Sobol design trains the first surrogate. Independent draws from the parameter distribution
    calibrate every surrogate and train none. What an interrupted run had planned comes first.

    Raises
    ------
    StudyError
        As :func:`require_budget` does.
    """
    require_budget(work)
    return [*training_to_run(work), *calibration_to_run(work)]


def training_to_run(work: Workspace) -> list[SampleRecord]:
    """Plan the first design, and return what has no outcome yet of all that trains."""
    work.plan(sobol_design(work.space, work.numbers.initial, work.generator("design")), "design")
    return [r for r in work.samples(outcome="planned") if r.purpose not in ("calibration", "audit")]


def calibration_to_run(work: Workspace) -> list[SampleRecord]:
    """Plan the calibration simulations, and return those that nobody has waited for yet.

    Raises
    ------
    StudyError
        As :func:`require_budget` does.
    """
    require_budget(work)
    _plan_calibration(work, work.numbers.calibration, work.numbers.initial)
    waiting = {record.identity: record for record in [*work.begun, *work.samples("calibration", "planned")]}
    work.begun.clear()
    return list(waiting.values())


def first_draws(work: Workspace, wanted: int) -> list[SampleRecord]:
    """Simulate the first calibration draws, which are the same whatever the surrogate, until some are done.

    Raises
    ------
    ModelError
        None succeeded of twice as many as are wanted.
    """
    while True:
        _plan_calibration(work, wanted)
        drawn = _calibration_draws(work, 2 * wanted)
        records = {record.identity: record for record in work.samples()}
        there = [records[identity] for identity in drawn if identity in records]
        planned = [record for record in there if record.outcome == "planned"]
        if not planned:
            break
        simulate(work, planned)
    done = [record for record in there if record.outcome == "done"]
    if not done:
        raise ModelError(
            f"{work.study.path}: model {work.model.name}: its operators cannot be checked, since none of its "
            f"first simulations is done{_why_failed(work)}"
        )
    return done[:wanted]


def calibration_samples(work: Workspace) -> list[SampleRecord]:
    """Calibration simulations that are done, in the order of their independent draws."""
    drawn = _calibration_draws(work, 2 * work.numbers.calibration)
    by_identity = {record.identity: record for record in work.samples(outcome="done")}
    done = [by_identity[identity] for identity in drawn if identity in by_identity]
    return done[: work.numbers.calibration]


def training_samples(work: Workspace, held_back: Collection[str] = ()) -> list[SampleRecord]:
    """Simulations that train: all that are done inside the space, but for calibration and audits.

    Audits that refuted a claim train from then on: see :func:`release`.

    Parameters
    ----------
    held_back
        Identities of samples that do not train yet.
    """
    held_out = {*_calibration_draws(work, 2 * work.numbers.calibration), *held_back}
    released = set(work.store.document(_RELEASED) or ())
    done = [
        record
        for record in work.samples(outcome="done")
        if (record.purpose != "audit" or record.identity in released) and record.identity not in held_out
    ]
    inside = work.space.inside(work.values(done))
    return [record for record, keep in zip(done, inside, strict=True) if keep]


def release(work: Workspace, identities: Collection[str]) -> None:
    """Let audits train from now on: the claim that they refuted is gone, and what they know is not."""
    known = set(work.store.document(_RELEASED) or ())
    if not known.issuperset(identities):
        work.store.save_document(_RELEASED, sorted(known.union(identities)))


def simulate(work: Workspace, records: Sequence[SampleRecord]) -> None:
    """Run planned samples to their outcomes on the cluster."""
    if records:
        work.progress.plan(len(records))
        work.cluster.simulate(records, work.progress)


def retry_failures(work: Workspace) -> None:
    """Turn failed samples into planned ones again."""
    work.store.retry_failed(work.samples(outcome="failed"))


def is_enough(work: Workspace, held_back: Collection[str] = ()) -> bool:
    """Whether enough simulations are done to train on."""
    return len(training_samples(work, held_back)) >= work.space.dimension + 2


def require_enough(work: Workspace, held_back: Collection[str] = ()) -> None:
    """Refuse to train on too few simulations.

    Raises
    ------
    ModelError
        Naming the most frequent reason why simulations failed.
    """
    if is_enough(work, held_back):
        return
    done, needed = len(training_samples(work, held_back)), work.space.dimension + 2
    raise ModelError(
        f"{work.study.path}: model {work.model.name}: a surrogate needs at least {needed} training "
        f"simulations and only {done} are done{_why_failed(work)}"
    )


def require_budget(work: Workspace) -> None:
    """Refuse a first design and calibration that the budget does not allow beside what a changed study has.

    Raises
    ------
    StudyError
        Saying how many simulations to allow.
    """
    budget, known = work.study.budget.simulations, {record.identity for record in counted(work)}
    if budget is None or not known:
        return
    design = sobol_design(work.space, work.numbers.initial, work.generator("design"))
    first = [*map(work.identity, design), *_calibration_draws(work, work.numbers.calibration)]
    if (needed := len(known.union(first))) > max(budget, len(known)):
        raise StudyError(
            f"{work.study.path}: budget.simulations: {budget} are too few for the {len(known)} simulations "
            f"that there are and the {needed - len(known)} that design and calibration now need besides; "
            f"allow {needed} or more"
        )


def counted(work: Workspace) -> list[SampleRecord]:
    """Samples that count against the budget."""
    return [record for record in work.samples() if record.purpose != "audit"]


def _why_failed(work: Workspace) -> str:
    """The most frequent reason, to end a sentence with; nothing where no simulation failed."""
    failed = work.samples(outcome="failed")
    reasons = Counter(record.reason for record in failed).most_common(1)
    return f"; {len(failed)} failed, most often: {reasons[0][0]}" if reasons else ""


def _plan_calibration(work: Workspace, wanted: int, initial: int = 0) -> None:
    """Plan draws in order until ``wanted`` are done or planned.

    A failed one is replaced by the next, as long as the budget allows it beside the first design.
    """
    values = work.space.sample(2 * wanted, work.generator("calibration"))
    failed = {record.identity for record in work.samples(outcome="failed")}
    identities = _calibration_draws(work, 2 * wanted)
    usable = np.array([identity not in failed for identity in identities])
    last = int(np.searchsorted(np.cumsum(usable), wanted)) + 1
    if (budget := work.study.budget.simulations) is not None:
        others = {record.identity for record in counted(work)}.difference(identities)
        last = min(last, max(wanted, budget - max(len(others), initial)))
    work.plan(values[:last], "calibration")


def _calibration_draws(work: Workspace, n: int) -> list[str]:
    values = work.space.sample(n, work.generator("calibration"))
    return [work.identity(row) for row in values]
