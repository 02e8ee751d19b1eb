"""The outbox: queries that the surrogate could not answer within its tolerance, until something came of them.

A row is committed before the answer is given, so nothing that follows can lose it: not a server of Prefect
that is down, not a killed process. The loop takes the parameters of what waits as candidates and settles the
rows when it ends. What was started is written down too, by version and training set, so that the same
retraining is not started twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from locum.queries.rows import Rows
from locum.queries.tables import exceedances, retrainings, rows_of
from locum.snapshots import Database

ExceedanceKind = Literal["over tolerance", "outside the domain", "outside the ranges", "failed audit"]

KEPT = 64
"""Parameter sets that the outbox keeps of one request, those farthest over tolerance."""


@dataclass(frozen=True)
class Exceedance:
    """What one request asked and got no answer within tolerance for.

    Parameters
    ----------
    answer, asked, version
        As in the query log.
    kind
        ``outside the domain`` is inside the ranges, far from every sample. Outside the ranges no simulation
        of the study can help. A failed audit is a claim that did not hold.
    count
        Parameter sets of this kind in the request.
    parameters
        Name to values of the sets that are kept.
    ratio
        The largest error figure over tolerance among them; None where nothing could be claimed.
    settled
        When something had come of it; None while it waits.
    outcome
        What came of it.
    """

    answer: str
    asked: float
    version: int
    kind: ExceedanceKind
    count: int
    parameters: Mapping[str, Sequence[float]]
    ratio: float | None
    settled: float | None = None
    outcome: str | None = None

    @property
    def sets(self) -> list[dict[str, float]]:
        """The parameter sets that are kept, a mapping each."""
        return rows_of(self.parameters)


@dataclass(frozen=True)
class Retraining:
    """A retraining that queries have asked for, of one version on one training set.

    Parameters
    ----------
    version, training_set
        What is to be improved.
    announced
        When it was last asked for.
    attempts
        How often.
    started, ended
        When the loop began and ended; None before.
    outcome
        How it ended.
    """

    version: int
    training_set: str
    announced: float
    attempts: int
    started: float | None = None
    ended: float | None = None
    outcome: str | None = None


_WAITS = exceedances.c.settled.is_(None)


class Outbox:
    """The outbox of one study.

    Parameters
    ----------
    database
        The study's catalogue. Opened for reading only, an outbox that does not exist yet is an empty one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Rows(database, exceedances, Exceedance)

    def add(self, found: Sequence[Exceedance]) -> None:
        """Commit exceedances, all in one transaction; when this returns they survive a power cut."""
        self._rows.add(found)

    def waiting(self, limit: int | None = None) -> list[Exceedance]:
        """Exceedances that nothing has come of yet, the oldest first."""
        return self._rows.read(_WAITS, limit)

    def recent(self, limit: int = 1000) -> list[Exceedance]:
        """The newest exceedances, settled or not, the newest first."""
        return self._rows.read(true(), limit, newest_first=True)

    def depth(self) -> int:
        """How many exceedances wait."""
        return self._rows.count(_WAITS)

    def newest(self) -> int:
        """Number of the exceedance that was added last; 0 where there is none."""
        return self._rows.newest()

    def settle(self, outcome: str, *, up_to: int, kind: ExceedanceKind | None = None) -> int:
        """Say what came of everything that waits up to an exceedance's number, or of one kind; how many."""
        mine = _WAITS & (exceedances.c.id <= up_to)
        if kind is not None:
            mine &= exceedances.c.kind == kind
        with self._database.writing() as connection:
            return connection.execute(
                update(exceedances).where(mine).values(settled=time.time(), outcome=outcome)
            ).rowcount

    def prune(self, keep_seconds: float) -> int:
        """Delete exceedances that were settled longer ago than that; how many."""
        with self._database.writing() as connection:
            old = exceedances.c.settled < time.time() - keep_seconds
            return connection.execute(delete(exceedances).where(old)).rowcount

    def retrainings(self) -> list[Retraining]:
        """All retrainings that queries asked for, by when they were last announced."""
        if not self._rows.are_there:
            return []
        query = select(*retrainings.c).order_by(retrainings.c.announced)
        with self._database.reading() as connection:
            return [Retraining(**row._mapping) for row in connection.execute(query)]

    def announce(self, version: int, training_set: str, *, seen: int) -> bool:
        """Write down that a retraining is asked for.

        Parameters
        ----------
        version, training_set
            Number of the version and hash of its training set.
        seen
            Attempts so far as the caller knows them: of two who announce at once one is told so.

        Returns
        -------
        bool
            False where somebody else has announced it meanwhile: leave it to them.
        """
        key = (retrainings.c.version == version) & (retrainings.c.training_set == training_set)
        values = {"announced": time.time(), "attempts": seen + 1, "started": None, "ended": None}
        try:
            with self._database.writing() as connection:
                if seen:
                    still = key & (retrainings.c.attempts == seen)
                    return connection.execute(update(retrainings).where(still).values(**values)).rowcount == 1
                connection.execute(
                    insert(retrainings).values(version=version, training_set=training_set, **values)
                )
        except IntegrityError:
            return False
        return True

    def started(self, version: int, training_set: str) -> None:
        """Write down that the loop has begun on what was announced; nothing where nothing was."""
        self._set(version, training_set, started=time.time(), ended=None, outcome=None)

    def ended(self, version: int, training_set: str, outcome: str) -> None:
        """Write down how the loop ended on what was announced; nothing where nothing was."""
        self._set(version, training_set, ended=time.time(), outcome=outcome)

    def _set(self, version: int, training_set: str, **values: float | str | None) -> None:
        key = (retrainings.c.version == version) & (retrainings.c.training_set == training_set)
        with self._database.writing() as connection:
            connection.execute(update(retrainings).where(key).values(**values))
