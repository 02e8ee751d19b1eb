"""Jobs: real simulations that a query asked for. Their samples are the study's, so they run once only.

A job is named after its samples: two requests for the same parameter sets are the same job.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from locum.queries.tables import jobs, prepare
from locum.snapshots import Database


def job_name(samples: Sequence[str]) -> str:
    """Name of the job that runs these samples, whatever their order."""
    return hashlib.sha256("\n".join(sorted(set(samples))).encode()).hexdigest()[:32]


class Jobs:
    """The jobs of one study.

    Parameters
    ----------
    database
        The study's catalogue.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._there = prepare(database)

    def add(self, samples: Sequence[str]) -> str:
        """Write down a job for samples, by identity, unless it is known; its name."""
        name = job_name(samples)
        try:
            with self._database.writing() as connection:
                connection.execute(insert(jobs).values(id=name, created=time.time(), samples=list(samples)))
        except IntegrityError:
            pass  # the same job was asked for before
        return name

    def samples(self, name: str) -> list[str] | None:
        """Identities of a job's samples, in the order in which they were first asked for; None if unknown."""
        if not self._there:
            return None
        with self._database.reading() as connection:
            found = connection.scalar(select(jobs.c.samples).where(jobs.c.id == name))
        return None if found is None else list(found)
