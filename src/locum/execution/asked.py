"""What queries wait for: parameters at which the surrogate had no answer within tolerance, for the loop.

They lie in the outbox of the study. The loop simulates first where somebody asked, whatever the verdict on
the whole parameter distribution, and says at its end what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from locum.arrays import Array
from locum.errors.checked import Verdict
from locum.exceptions import LocumError
from locum.execution.sampling import release
from locum.execution.workspace import Workspace
from locum.queries import Outbox


@contextmanager
def asked_for(work: Workspace) -> Iterator[Array]:
    """Take what queries wait for while the block runs, and settle it at its end.

    Audits that refuted a claim of the champion train from now on. A block that is killed settles nothing, and
    one that fails says why: the next run takes the same again.

    Yields
    ------
    ndarray
        Parameter values inside the ranges, each once, shape (a, p).
    """
    champion = work.registry.champion
    if champion is None:
        yield np.empty((0, work.space.dimension))
        return
    outbox = Outbox(work.store.database)
    if not outbox.depth():
        yield np.empty((0, work.space.dimension))
        return
    seen = outbox.newest()
    training_set = work.registry.version(champion).training_set_hash
    outbox.started(champion, training_set)
    asked = _distinct(work, outbox)
    try:
        yield asked
    except LocumError as error:
        outbox.ended(champion, training_set, f"failed: {error}")
        raise
    outcome = _outcome(work, asked)
    outbox.settle(outcome, up_to=seen)
    outbox.ended(champion, training_set, outcome)


def not_simulated(work: Workspace, asked: Array) -> Array:
    """Those of the parameter values (a, p) that no simulation was planned for."""
    planned = {record.identity for record in work.samples()}
    keep = [work.identity(row) not in planned for row in asked]
    return np.asarray(asked[np.array(keep, dtype=bool)])


def _distinct(work: Workspace, outbox: Outbox) -> Array:
    names = work.space.names
    waiting = [each for each in outbox.waiting() if set(each.parameters) == set(names)]
    if not waiting:
        return np.empty((0, len(names)))
    values = [np.array([each.parameters[name] for name in names]).T for each in waiting]
    refuted = [rows for each, rows in zip(waiting, values, strict=True) if each.kind == "failed audit"]
    release(work, [work.identity(row) for rows in refuted for row in rows])
    distinct = np.unique(np.concatenate(values), axis=0)
    return np.asarray(distinct[work.space.inside(distinct)])


def _outcome(work: Workspace, asked: Array) -> str:
    """What the champion says now where somebody asked, in words."""
    champion = work.champion
    within = 0
    if len(asked):
        within = int(np.sum(champion.checked.predict(asked).verdict == Verdict.WITHIN.value))
    outcome = f"version {champion.version.number} answers {within} of {len(asked)} within tolerance"
    candidate = work.registry.candidate
    if candidate is not None:
        reasons = (work.store.document(f"gate {candidate}") or {}).get("reasons", [])
        outcome += f"; version {candidate} was not promoted: {'; '.join(reasons)}"
    return outcome
