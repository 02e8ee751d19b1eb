"""What the catalogue knows of the queries that a study's surrogate was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locum.arrays import Array
from locum.dashboard.watched import WatchedStudy
from locum.queries import (
    Activity,
    Audits,
    ClaimTest,
    Drift,
    Exceedance,
    LoggedQuery,
    Outbox,
    QueryLog,
    Retraining,
    claim_tests,
    drift,
)

INTERVALS = 48
"""Bars of the picture of what was asked in time."""
_RECENT = 5000
_EXCEEDANCES = 10


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked in some time, the newest first, and what followed.

    Parameters
    ----------
    entries
        Requests, at most the newest 5,000.
    activity, width
        All of them by intervals of so many seconds.
    exceedances, waiting
        The newest that could not be answered within tolerance, and how many of all wait for a retraining.
    retrainings
        Those that queries have asked for.
    drifts
        Parameter to how its queries differ from the study's distribution.
    tests, audited, audits_waiting
        What audits say of the coverage that the champion claims, by output; how many were made, and wait.
    """

    entries: Sequence[LoggedQuery]
    activity: Sequence[Activity]
    width: float
    exceedances: Sequence[Exceedance]
    waiting: int
    retrainings: Sequence[Retraining]
    drifts: Mapping[str, Drift]
    tests: Mapping[str, ClaimTest]
    audited: int
    audits_waiting: int

    @property
    def key(self) -> object:
        """Another one where something has to be drawn anew."""
        newest = self.entries[0].answer if self.entries else ""
        settled = [exceedance.outcome for exceedance in self.exceedances]
        return newest, len(self.entries), self.waiting, settled, self.audited, list(self.retrainings)

    @property
    def rows(self) -> int:
        """Parameter sets that were asked."""
        return sum(interval.rows for interval in self.activity)

    @property
    def seconds(self) -> Array:
        """How long each of the entries took, shape (n,)."""
        return np.array([entry.seconds for entry in self.entries])


def asked_between(study: WatchedStudy, since: float, until: float) -> Asked | None:
    """Read what was asked between two moments, in seconds since 1970; None where nothing has been run yet.

    Raises
    ------
    StorageError
        The catalogue cannot be read.
    """
    work = study.workspace()
    if work is None:
        return None
    database = work.store.database
    log, outbox, audits = QueryLog(database), Outbox(database), Audits(database)
    entries = log.recent(_RECENT, since)
    width = (until - since) / INTERVALS
    sets = [tuple(values[name] for name in work.space.names) for entry in entries for values in entry.sets]
    champion = study.champion()
    done = audits.done(champion.version.number) if champion else []
    kind = champion.checked.surrogate.figure_kind if champion else "indicator"
    claimed = 1.0 if kind == "bound" else work.study.accuracy.confidence
    return Asked(
        entries=entries,
        activity=log.activity(since, width),
        width=width,
        exceedances=outbox.recent(_EXCEEDANCES),
        waiting=outbox.depth(),
        retrainings=outbox.retrainings(),
        drifts=drift(work.space, np.array(sets).reshape(-1, work.space.dimension)),
        tests=claim_tests(done, claimed),
        audited=len(done),
        audits_waiting=audits.depth(),
    )
