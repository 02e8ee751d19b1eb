"""The service: its studies, and all that goes on beside the answers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from locum.exceptions import LocumError, StudyError
from locum.parameters import unknown_name
from locum.service.guard import Guard
from locum.service.metrics import Metrics
from locum.service.options import Options
from locum.service.problems import Problem
from locum.service.relay import Relay
from locum.service.served import Served
from locum.service.simulating import Simulations

LOOK, FLUSH, RELAY, PRUNE = 0.5, 0.5, 1.0, 3600.0  # seconds between two rounds of each
_AT_A_TIME = 2  # large requests
Result = TypeVar("Result")


class Large:
    """Requests that take a thread for a while: a few at a time, a few that wait, and the rest is refused."""

    def __init__(self, waiting: int) -> None:
        self._most = waiting + _AT_A_TIME
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._inside = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread.

        Raises
        ------
        Problem
            Too many wait already.
        """
        if self._inside >= self._most:
            raise Problem(429, "too many large requests wait already", {"Retry-After": "1"})
        self._inside += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._inside -= 1


class Service:
    """What all routes share.

    Parameters
    ----------
    paths
        Study files.
    options
        How it runs.

    Raises
    ------
    LocumError
        A study that cannot be served, two of the same name, or keys that cannot be read.
    """

    def __init__(self, paths: Sequence[Path], options: Options) -> None:
        self.options = options
        self.guard = Guard(options.keys, options.limits.rate)
        self.metrics = Metrics()
        self.large = Large(options.limits.waiting)
        self.relays: dict[str, Relay] = {}
        self.simulations: dict[str, Simulations] = {}
        self.studies: dict[str, Served] = {}
        self._told: dict[str, str] = {}
        self._resources = ExitStack()
        try:
            for path in paths:
                served = Served(path, options, self._resources)
                if served.name in self.studies:
                    raise StudyError(f"{path}: a study named {served.name!r} is served already; rename one")
                self.studies[served.name] = served
                self.relays[served.name] = Relay(served, options.triggers, options.prefect)
                self.simulations[served.name] = Simulations(served, options.idle)
        except BaseException:
            self._resources.close()
            raise

    def study(self, name: str) -> Served:
        """A study by its name.

        Raises
        ------
        Problem
            There is none of that name.
        """
        served = self.studies.get(name)
        if served is None:
            raise Problem(404, unknown_name("surrogate", name[:100], self.studies))
        return served

    @property
    def ready(self) -> bool:
        """Whether every study has a version that answers."""
        return all(served.current is not None for served in self.studies.values())

    def measure(self) -> None:
        """Bring the gauges of the metrics up to date."""
        for name, served in self.studies.items():
            current = served.current
            values = {
                self.metrics.version: current.loaded.number if current else 0,
                self.metrics.trusted: current.trusted if current else True,
                self.metrics.outbox: served.outbox.depth(),
                self.metrics.audits: served.audits.depth(),
                self.metrics.audited: max((test.audits for test in served.claims.values()), default=0),
                self.metrics.retrainings: len(served.outbox.retrainings()),
            }
            for gauge, value in values.items():
                gauge.labels(name).set(value)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background while the block runs; what was remembered is written at its end."""
        for served in self.studies.values():
            await self._attempt("load", served.refresh)
        for simulations in self.simulations.values():
            simulations.start()
        tasks = [
            asyncio.create_task(each) for served in self.studies.values() for each in self._loops(served)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for simulations in self.simulations.values():
                await asyncio.to_thread(simulations.stop)
            for relay in self.relays.values():
                await asyncio.to_thread(relay.stop)
            for served in self.studies.values():
                await self._attempt("log", served.recorder.flush)
            self._resources.close()

    def _loops(self, served: Served) -> list[Coroutine[Any, Any, None]]:
        keep = self.options.retention

        def prune() -> None:
            served.log.prune(keep)
            served.outbox.prune(keep)

        loops = [
            self._every(LOOK, "load", served.refresh),
            self._every(FLUSH, "log", served.recorder.flush),
            self._every(PRUNE, "prune", prune),
        ]
        if self.options.retrain:
            loops.append(self._every(RELAY, "retraining", self.relays[served.name].look))
        return loops

    async def _every(self, seconds: float, what: str, work: Callable[[], None]) -> None:
        """Do something again and again in a thread; a failure is told and tried again."""
        while True:
            await asyncio.sleep(seconds)
            await self._attempt(what, work)

    async def _attempt(self, what: str, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except LocumError as error:
            self.metrics.failures.labels(what).inc()
            if self._told.get(what) != str(error):  # once, however often it fails for the same reason
                print(f"locum serve: {what}: {error}", file=sys.stderr, flush=True)
            self._told[what] = str(error)
        else:
            self._told.pop(what, None)
