"""What is kept of every answer: a line in the query log, exceedances in the outbox, a few to be audited.

The outbox is written before the answer is given, several callers in one transaction. The log is written
every half second in the background: a service that is killed loses the lines of that half second, and no
exceedance.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from locum.exceptions import StorageError
from locum.queries import Audit, Audits, Exceedance, ExceedanceKind, LoggedQuery, Outbox, QueryLog
from locum.queries.log import KEPT as LOGGED
from locum.queries.outbox import KEPT as WANTED
from locum.queries.tables import columns_of
from locum.service.answering import OUTSIDE, OVER, VERDICTS, Answers

_MOST_UNWRITTEN = 100_000
_MOST_AUDITS = 200  # that wait
Item = TypeVar("Item")


class GroupCommit(Generic[Item]):
    """Commits what several callers bring in one transaction; nobody goes on before it is done.

    Parameters
    ----------
    commit
        Writes items durably; runs in a thread, one call at a time.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], None]) -> None:
        self._commit = commit
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, items: Sequence[Item]) -> None:
        """Commit items.

        Raises
        ------
        StorageError
            They could not be written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await asyncio.to_thread(self._commit, [item for items, _ in waiting for item in items])
            except Exception as failure:
                error = failure
            for _, done in waiting:
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)


class Recorder:
    """Keeps what is asked of one study."""

    def __init__(self, log: QueryLog, outbox: Outbox, audits: Audits, audit_share: float) -> None:
        self._log, self._audits, self._audit_share = log, audits, audit_share
        self._outbox = GroupCommit(outbox.add)
        self._lines: deque[LoggedQuery] = deque(maxlen=_MOST_UNWRITTEN)
        self._chosen: deque[Audit] = deque(maxlen=_MOST_AUDITS)
        self._flushing = threading.Lock()
        self.asked = time.time()

    async def exceed(self, identity: str, answers: Answers) -> None:
        """Commit to the outbox what is over tolerance or outside the domain."""
        found = exceedances(identity, time.time(), answers)
        if found:
            await self._outbox.put(found)

    def note(self, identity: str, answers: Answers, seconds: float) -> None:
        """Remember a line for the log, and perhaps an answer to be audited."""
        self.asked = time.time()
        self._lines.append(logged(identity, self.asked, answers, seconds))
        # of many parameter sets at most one is audited, so that no request takes all idle time
        row = random.randrange(len(answers))
        if random.random() < 1 - (1 - self._audit_share) ** len(answers) and answers.in_domain[row]:
            self._chosen.append(_audit(identity, self.asked, answers, row))

    def flush(self) -> None:
        """Write down what is remembered."""
        with self._flushing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            try:
                self._log.write(lines)
            except StorageError:
                self._lines.extendleft(reversed(lines))  # the disk may have room again later
                raise
            chosen = [self._chosen.popleft() for _ in range(len(self._chosen))]
            if chosen and self._audits.depth() < _MOST_AUDITS:
                self._audits.add(chosen)


def exceedances(identity: str, asked: float, answers: Answers) -> list[Exceedance]:
    """What of an answer is over tolerance or outside the domain, by kind."""
    if not any(answers.counts):
        return []
    in_ranges = answers.loaded.checked.space.inside(answers.values)
    rows: dict[ExceedanceKind, np.ndarray] = {
        "over tolerance": answers.codes == OVER,
        "outside the domain": (answers.codes == OUTSIDE) & in_ranges,
        "outside the ranges": (answers.codes == OUTSIDE) & ~in_ranges,
    }
    return [_exceedance(identity, asked, answers, kind, each) for kind, each in rows.items() if each.any()]


def _exceedance(
    identity: str, asked: float, answers: Answers, kind: ExceedanceKind, chosen: np.ndarray
) -> Exceedance:
    places = np.flatnonzero(chosen)
    farthest = places[np.argsort(-answers.ratios[places], kind="stable")[:WANTED]]
    ratio = float(answers.ratios[places].max())
    return Exceedance(
        answer=identity,
        asked=asked,
        version=answers.loaded.number,
        kind=kind,
        count=len(places),
        parameters=columns_of(answers.loaded.checked.space.names, answers.values[farthest]),
        ratio=ratio if math.isfinite(ratio) else None,
    )


def logged(identity: str, asked: float, answers: Answers, seconds: float) -> LoggedQuery:
    """The line of the log for an answer."""
    n, codes = len(answers), answers.codes
    kept: Any = slice(None) if n <= LOGGED else sorted(random.sample(range(n), LOGGED))
    return LoggedQuery(
        answer=identity,
        asked=asked,
        version=answers.loaded.number,
        rows=n,
        over=answers.counts[0],
        outside=answers.counts[1],
        seconds=seconds,
        parameters=columns_of(answers.loaded.checked.space.names, answers.values[kept]),
        ratios=[ratio if math.isfinite(ratio) else None for ratio in answers.ratios[kept].tolist()],
        verdicts=[VERDICTS[code] for code in codes[kept].tolist()],
    )


def _audit(identity: str, asked: float, answers: Answers, row: int) -> Audit:
    checked = answers.loaded.checked
    figures = answers.figures[row].tolist()
    return Audit(
        answer=identity,
        asked=asked,
        version=answers.loaded.number,
        parameters=dict(zip(checked.space.names, answers.values[row].tolist(), strict=True)),
        figures={
            name: figure if math.isfinite(figure) else None
            for name, figure in zip(checked.description.outputs, figures, strict=True)
        },
    )
