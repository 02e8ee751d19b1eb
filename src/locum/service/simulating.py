"""Real simulations beside the service: those that queries ask for, and audits of answers in idle time.

One simulation runs at a time for each study, in a process of its own. What is asked for is planned in the
catalogue first, so a service that was killed goes on with it when it is started again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np

from locum.arrays import Array
from locum.errors import measured_errors
from locum.exceptions import LocumError
from locum.execution.one_simulation import require_inside, simulate_in
from locum.execution.training import truth_of
from locum.execution.workspace import processes_of, require_means
from locum.queries import Audit, Exceedance
from locum.queries.tables import columns_of
from locum.service.answering import Together
from locum.service.problems import Problem
from locum.service.relay import budget_left
from locum.service.served import Served
from locum.snapshots import SampleRecord

_LOOK = 0.5  # seconds between two looks for something to do
_ERROR_LIMIT = 10.0  # seconds to wait after something went wrong


class Simulations:
    """Simulates for one study, in a thread.

    Parameters
    ----------
    served
        The study.
    idle
        Seconds without a request after which an answer may be audited.
    """

    def __init__(self, served: Served, idle: float) -> None:
        self._served, self._idle = served, idle
        self._process = processes_of(served.work.study, served.work.model).one()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"simulations of {served.name}", daemon=True)
        self.running: str | None = None
        self.trouble = ""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a simulation that runs is not waited for, it stays planned."""
        self._ended.set()
        self._wake.set()
        self._process.stop()
        self._thread.join()

    def ask(self, values: Array, most: int) -> str:
        """Plan simulations at parameter values (n, p) as samples of the study; the name of their job.

        Raises
        ------
        ParameterError
            Outside the ranges.
        Problem
            More than are allowed or than the budget leaves.
        """
        work = self._served.work
        require_inside(work, values)
        if len(values) > most:
            raise Problem(413, f"{len(values)} simulations are more than {most}; ask for fewer at a time")
        known = {record.identity for record in work.samples()}
        new = {work.identity(row) for row in values} - known
        left = budget_left(self._served)
        if left is not None and len(new) > left:
            raise Problem(409, f"{len(new)} simulations are asked for and the budget leaves {left}")
        records = work.plan(values, "query")
        name = self._served.jobs.add([record.identity for record in records])
        self._wake.set()
        return name

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                busy = self._simulate_asked() or self._audit_one()
                self.trouble = ""
            except LocumError as error:
                if self._ended.is_set():
                    return
                self.trouble, busy = str(error), False
                self._ended.wait(_ERROR_LIMIT)
            if not busy:
                self._wake.wait(_LOOK)
                self._wake.clear()

    def _simulate_asked(self) -> bool:
        """Run the first sample that waits, if one does."""
        waiting = self._served.work.samples("query", "planned")
        if not waiting:
            return False
        self._run(waiting[0])
        return True

    def _audit_one(self) -> bool:
        """Simulate the answer that has waited longest to be audited, if time is idle."""
        served = self._served
        current = served.current
        if current is None or time.time() - served.recorder.asked < self._idle:
            return False
        waiting = served.audits.waiting(current.loaded.number, limit=1)
        if not waiting:
            return False
        (audit,) = waiting
        work = served.work
        values = work.space.matrix(dict(audit.parameters))
        (record,) = work.plan(values, "audit")
        if record.outcome == "planned":
            self._run(record)
            record = work.store.outcome(record.identity) or record
        if record.outcome == "done":
            served.audits.finish(audit, self._errors(current, record))
        else:
            served.audits.finish(audit, None, record.reason or "the simulation did not finish")
        self._judge(current)
        return True

    def _errors(self, together: Together, record: SampleRecord) -> dict[str, float]:
        checked = together.loaded.checked
        measures = {name: output.measure for name, output in checked.calibration.outputs.items()}
        truth = truth_of(self._served.work, [record])
        errors = measured_errors(checked.surrogate, truth, measures).total
        return {name: float(error[0]) for name, error in errors.items()}

    def _judge(self, together: Together) -> None:
        """Test the claims again; where one is refuted for the first time that goes to the outbox."""
        before = together.trusted
        self._served.judge(together)
        if before and not together.trusted:
            done = self._served.audits.done(together.loaded.number)
            self._served.outbox.add([_failed(together, [audit for audit in done if not covered(audit)])])

    def _run(self, record: SampleRecord) -> None:
        self.running = record.identity
        try:
            work = self._served.work
            require_means(work.study, work.model)
            simulate_in(self._process, work, record, self._ended.is_set)
        finally:
            self.running = None


def covered(audit: Audit) -> bool:
    """Whether every figure that was claimed covers its error."""
    claims = [(figure, (audit.errors or {}).get(name)) for name, figure in audit.figures.items()]
    return all(error <= figure for figure, error in claims if figure is not None and error is not None)


def _failed(together: Together, audits: Sequence[Audit]) -> Exceedance:
    names = together.loaded.checked.space.names
    values = np.array([[audit.parameters[name] for name in names] for audit in audits])
    return Exceedance(
        answer=audits[-1].answer,
        asked=time.time(),
        version=together.loaded.number,
        kind="failed audit",
        count=len(audits),
        parameters=columns_of(names, values),
        ratio=None,
    )
