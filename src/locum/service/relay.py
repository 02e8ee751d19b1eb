"""From the outbox to a retraining: as an event to Prefect, or in a process beside the service.

With a Prefect server the event ``locum.tolerance-exceeded`` is sent there, and an automation starts the
deployment ``adapt``. It counts as announced only when the server has taken it: while the server
is down it is sent again, and nothing is lost, since all that the loop needs lies in the catalogue. Without a
server ``locum run`` is started as a child.
"""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import NAMESPACE_URL, uuid5

from locum.exceptions import LocumError
from locum.execution.checking import spent
from locum.execution.environment import python
from locum.queries import Exceedance, Outbox, Triggers, TriggerState, why_not_now
from locum.service.answering import Loaded
from locum.service.served import Served
from locum.snapshots.housekeeping import is_being_run

EXCEEDED, OUTSIDE = "locum.tolerance-exceeded", "locum.outside-ranges"
_REPLY_LIMIT = 10.0  # seconds
_LOOKED_AT = 1000  # exceedances
_NOTHING_HELPS = "outside the ranges of the study: widen them and run it again to have this learnt"


class Relay:
    """Starts retrainings of one study; one look after the other, never two at once.

    Parameters
    ----------
    served
        The study.
    triggers
        How eager.
    prefect
        Address of the server that takes events, as ``http://host:4200/api``; None starts children.
    """

    def __init__(self, served: Served, triggers: Triggers, prefect: str | None = None) -> None:
        self._served, self._triggers, self._prefect = served, triggers, prefect
        self._child: subprocess.Popen[bytes] | None = None
        self._mine: tuple[int, str] | None = None
        self.why = ""

    @property
    def outbox(self) -> Outbox:
        """What waits."""
        return self._served.outbox

    def look(self) -> None:
        """Start a retraining where one is due.

        Raises
        ------
        LocumError
            Prefect's server does not take the event; it stays in the outbox.
        """
        self._reap()
        current = self._served.current
        if current is None:
            return
        waiting = self.outbox.waiting(_LOOKED_AT)
        self._settle_hopeless(waiting)
        self.why = self._why_not(waiting, current.loaded)
        if not self.why:
            self._start(waiting, current.loaded)

    def stop(self) -> None:
        """End a child; it goes on where it was when it is started again."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            self._child.wait()

    def _why_not(self, waiting: list[Exceedance], loaded: Loaded) -> str:
        state = TriggerState(waiting, self.outbox.retrainings(), loaded.number, loaded.training_set)
        now = time.time()
        why = why_not_now(state, now, self._triggers)
        if why:
            return why
        # what takes longer to find out is looked at only where it decides
        state = TriggerState(
            waiting,
            state.retrainings,
            loaded.number,
            loaded.training_set,
            budget_left=budget_left(self._served),
            running=self._child is not None or is_being_run(self._served.work.study.folder),
        )
        return why_not_now(state, now, self._triggers)

    def _start(self, waiting: list[Exceedance], loaded: Loaded) -> None:
        known = [
            each
            for each in self.outbox.retrainings()
            if (each.version, each.training_set) == (loaded.number, loaded.training_set)
        ]
        seen = known[0].attempts if known else 0
        if self._prefect:
            send_event(self._prefect, self._event(EXCEEDED, waiting, loaded, seen))
            self.outbox.announce(loaded.number, loaded.training_set, seen=seen)
        elif self.outbox.announce(loaded.number, loaded.training_set, seen=seen):
            self._mine = (loaded.number, loaded.training_set)
            self._child = self._run()

    def _run(self) -> subprocess.Popen[bytes]:
        log = self.log
        log.parent.mkdir(parents=True, exist_ok=True)
        command = python("-m", "locum.cli", "run", str(self._served.path), "--quiet")
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the service's terminal is for the service
            )

    @property
    def log(self) -> Path:
        """What children say."""
        return self._served.work.study.folder / "logs" / "retraining.log"

    def _reap(self) -> None:
        """See whether the child has ended, and write down a failure."""
        if self._child is None or self._child.poll() is None:
            return
        status, self._child = self._child.returncode, None
        if status and self._mine is not None:
            self.outbox.ended(*self._mine, f"failed: exit status {status}; {self.log} says why")

    def _settle_hopeless(self, waiting: list[Exceedance]) -> None:
        """Outside the ranges no simulation helps: whoever watches is told, and that is all."""
        outside = [each for each in waiting if each.kind == "outside the ranges"]
        if not outside or time.time() - outside[0].asked < self._triggers.window:
            return
        newest, current = self.outbox.newest(), self._served.current
        if self._prefect and current is not None:
            send_event(self._prefect, self._event(OUTSIDE, outside, current.loaded, 0))
        self.outbox.settle(_NOTHING_HELPS, up_to=newest, kind="outside the ranges")

    def _event(self, name: str, waiting: list[Exceedance], loaded: Loaded, attempt: int) -> dict[str, Any]:
        study = str(Path(self._served.path).absolute())
        first = f"{name} {study} {loaded.number} {loaded.training_set} {attempt} {waiting[0].answer}"
        return {
            "id": str(uuid5(NAMESPACE_URL, first)),  # sent twice it is the same event
            "occurred": datetime.now(UTC).isoformat(),
            "event": name,
            "resource": {
                "prefect.resource.id": f"locum.surrogate.{self._served.name}",
                "prefect.resource.name": self._served.name,
            },
            "related": [],
            "payload": {
                "study": study,
                "version": loaded.number,
                "training_set": loaded.training_set,
                "exceedances": sum(each.count for each in waiting),
            },
        }


def budget_left(served: Served) -> int | None:
    """Simulations that the study's budget leaves; None without a limit."""
    budget = served.work.study.budget.simulations
    return None if budget is None else max(0, budget - spent(served.work))


def send_event(api: str, event: dict[str, Any]) -> None:
    """Hand one event to Prefect's server.

    Raises
    ------
    LocumError
        It does not answer, or refuses.
    """
    body = json.dumps([event]).encode()
    request = Request(f"{api.rstrip('/')}/events", body, {"Content-Type": "application/json"})
    try:
        urlopen(request, timeout=_REPLY_LIMIT).close()
    except (OSError, ValueError) as error:
        raise LocumError(f"the Prefect server at {api} does not take events ({error}); they wait") from error
