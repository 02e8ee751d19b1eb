"""The query log: one row a request, with what was asked, what was said of it, and how long it took.

Of a request for many parameter sets the row keeps the counts of all and a random selection of the sets, so
that the log stays small whatever is asked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, cast, delete, func, select

from locum.queries.rows import Rows
from locum.queries.tables import queries, rows_of
from locum.snapshots import Database

KEPT = 32
"""Parameter sets that the log keeps of one request."""


@dataclass(frozen=True)
class LoggedQuery:
    """One answered request.

    Parameters
    ----------
    answer
        Identity of the answer.
    asked
        When, in seconds since 1970.
    version
        Number of the version that answered.
    rows, over, outside
        Parameter sets: all, those over tolerance, those outside the domain.
    seconds
        From the request's arrival to its answer.
    parameters
        Name to the values of the sets that are kept.
    ratios
        Error figure over tolerance of these sets, the largest over the outputs that have a tolerance; None
        where nothing can be claimed.
    verdicts
        Of these sets.
    """

    answer: str
    asked: float
    version: int
    rows: int
    over: int
    outside: int
    seconds: float
    parameters: Mapping[str, Sequence[float]]
    ratios: Sequence[float | None]
    verdicts: Sequence[str]

    @property
    def sets(self) -> list[dict[str, float]]:
        """The parameter sets that are kept, a mapping each."""
        return rows_of(self.parameters)


@dataclass(frozen=True)
class Activity:
    """What was asked in one interval that begins at ``start``: requests, sets by verdict, mean latency."""

    start: float
    requests: int
    rows: int
    over: int
    outside: int
    seconds: float


class QueryLog:
    """The query log of one study.

    Parameters
    ----------
    database
        The study's catalogue. Opened for reading only, a log that does not exist yet is an empty one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Rows(database, queries, LoggedQuery)

    def write(self, entries: Sequence[LoggedQuery]) -> None:
        """Append requests, all in one transaction."""
        self._rows.add(entries)

    def recent(self, limit: int = 1000, since: float = 0.0) -> list[LoggedQuery]:
        """The newest requests asked after ``since``, the newest first."""
        return self._rows.read(queries.c.asked >= since, limit, newest_first=True)

    def activity(self, since: float, interval: float) -> list[Activity]:
        """What was asked after ``since``, by intervals of so many seconds; empty ones are left out."""
        if not self._rows.are_there:
            return []
        intervals = (queries.c.asked - since) / interval
        whole = cast(intervals, Integer)
        number = whole - cast(whole > intervals, Integer)  # SQLite cuts off, other databases round
        counted = [func.sum(queries.c[name]) for name in ("rows", "over", "outside")]
        query = (
            select(number, func.count(), *counted, func.avg(queries.c.seconds))
            .where(queries.c.asked >= since)
            .group_by(number)
            .order_by(number)
        )
        with self._database.reading() as connection:
            return [Activity(since + row[0] * interval, *row[1:]) for row in connection.execute(query)]

    def prune(self, keep_seconds: float, keep_rows: int = 1_000_000) -> int:
        """Delete requests older than ``keep_seconds``, and all but the newest ``keep_rows``; how many."""
        with self._database.writing() as connection:
            newest = connection.scalar(select(func.max(queries.c.id))) or 0
            old = (queries.c.asked < time.time() - keep_seconds) | (queries.c.id <= newest - keep_rows)
            return connection.execute(delete(queries).where(old)).rowcount
