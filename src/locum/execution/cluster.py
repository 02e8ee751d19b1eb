"""Where simulations run: a Dask cluster with a worker for every simulation process.

Dask decides what runs when; a worker's thread only waits for a simulation process, so a local cluster needs
no worker processes of its own and starts at once. Fields never travel through the scheduler: a task is a
planned sample in, a few numbers out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock
from typing import Any, Protocol
from uuid import uuid4

import dask
from distributed import (
    Client,
    KilledWorker,
    Scheduler,
    SpecCluster,
    Worker,
    as_completed,
)
from distributed.gc import disable_gc_diagnosis

from locum.exceptions import SimulationError
from locum.execution.losses import record_loss
from locum.execution.simulation_process import SimulationProcess
from locum.highfidelity.attempts import Attempt
from locum.snapshots import SampleRecord, SnapshotStore

CORES = "cores"  # the resource of Dask that says how many a simulation takes
ONLY_HERE = "127.0.0.1:0"  # Dask always listens somewhere: on this machine only, on any free port


class Watcher(Protocol):
    """Whoever watches simulations finish."""

    def simulated(self, outcome: str, seconds: float) -> None:
        """One simulation has its outcome."""
        ...


class _Pool:
    """The simulation processes of a cluster, as many as it has workers: each takes one for a simulation.

    Outcomes are handed over here, by identity: to gather them through Dask costs as much as to schedule.
    """

    def __init__(self, processes: Sequence[SimulationProcess]) -> None:
        self.outcomes: dict[str, dict[str, Any]] = {}
        self._idle = list(processes)
        self._taking = Lock()

    @contextmanager
    def taken(self, identity: str) -> Iterator[SimulationProcess]:
        """The process that has begun a sample, else one that has begun none."""
        with self._taking:
            process = min(self._idle, key=lambda each: (each.begun != identity, each.begun is not None))
            self._idle.remove(process)
        try:
            yield process
        finally:
            self._idle.append(process)


# of each open cluster: what Dask sends to a worker is a copy
_POOLS: dict[str, _Pool] = {}


def _run_on_worker(sample: dict[str, Any], pool: str) -> None:
    identity, outcomes = sample["identity"], _POOLS[pool].outcomes
    with _POOLS[pool].taken(identity) as process:
        try:
            outcomes[identity] = process.run(sample)
        except SimulationError as error:
            outcomes[identity] = {"outcome": "lost", "failure": error.failure, "reason": error.reason}


@dataclass(frozen=True, eq=False)
class Cluster:
    """Runs planned samples, a future each."""

    client: Any
    pool: str
    store: SnapshotStore
    timeout: float | None
    closing: Event
    cores: int
    lost: Callable[[SampleRecord], Sequence[Attempt]]
    _begun: list[Any] = field(default_factory=list, repr=False)

    def begin(self, records: Sequence[SampleRecord]) -> None:
        """Let planned samples run; :meth:`simulate` waits for those that it is given of them."""
        self._begun.extend(self._submitted(records))

    def simulate(self, records: Sequence[SampleRecord], watcher: Watcher) -> None:
        """Run planned samples to their outcomes, in the catalogue when this returns.

        Several threads may ask at the same time; calibration simulations wait for the others. A sample whose
        process timed out or was killed is recorded as failed, here, with its reason.

        Raises
        ------
        StorageError
            An outcome could not be committed (disk full, say); every committed sample stays.
        """
        futures = self._submitted(records)
        for future in as_completed(list(futures), loop=self.client.loop):
            record = futures.pop(future)
            if self.closing.is_set():
                return  # the processes were ended, the simulations did not fail
            answer = self._outcome(future, record)
            if answer["outcome"] == "lost":
                error = SimulationError(answer["reason"], answer["failure"])
                cost = record_loss(self.store, record, error, self.timeout, self.lost)
                answer = {"outcome": "failed", "seconds": cost.seconds}
            watcher.simulated(answer["outcome"], answer.get("seconds", 0.0))

    def _outcome(self, future: Any, record: SampleRecord) -> dict[str, Any]:
        """What became of a sample whose task is done; raises what the task did."""
        if future.status == "finished":
            return _POOLS[self.pool].outcomes[record.identity]
        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise error
        reason = "the worker died each time it ran this sample"
        return {"outcome": "lost", "failure": "killed", "reason": reason}

    def _submitted(self, records: Sequence[SampleRecord]) -> dict[Any, SampleRecord]:
        """Hand samples to Dask, all of one priority in one message: a message each costs more than a task."""
        futures: dict[Any, SampleRecord] = {}
        for priority in (1, 0):
            mine = [record for record in records if (record.purpose == "calibration") == (priority == 0)]
            if mine:
                samples, keys = [record.to_dict() for record in mine], [record.identity for record in mine]
                resources = {CORES: self.cores}
                sent = self.client.map(
                    partial(_run_on_worker, pool=self.pool),
                    samples,
                    key=keys,
                    pure=False,
                    priority=priority,
                    resources=resources,
                )
                futures |= dict(zip(sent, mine, strict=True))
        return futures


@contextmanager
def open_cluster(
    store: SnapshotStore,
    processes: Sequence[SimulationProcess],
    cores: int = 1,
    lost: Callable[[SampleRecord], Sequence[Attempt]] = lambda record: (),
) -> Iterator[Cluster]:
    """Start a local cluster with a worker for each simulation process; nothing of it survives the block.

    Parameters
    ----------
    cores
        That one simulation takes; so many has each worker.
    lost
        What is left of a sample whose process died.
    """
    closing, pool = Event(), uuid4().hex
    _POOLS[pool] = _Pool(processes)
    try:
        with _local_dask(len(processes), cores) as client:
            try:
                yield Cluster(client, pool, store, processes[0].timeout, closing, cores, lost)
            finally:
                closing.set()
    finally:
        del _POOLS[pool]


@contextmanager
def _local_dask(workers: int, cores: int) -> Iterator[Any]:
    """A client of a Dask cluster whose workers are threads of this process.

    Without Dask's own dashboard, which nobody is shown and which takes a second to import, and the profile
    of all threads, a hundred times a second, that it would show; without its limit of memory, since what this
    process holds is not the workers'; and without its watch over garbage collections: a Ctrl-C that comes
    during one would be heard in its callback, where it is ignored.
    """
    common = {"protocol": "inproc://", "dashboard": False, "dashboard_address": ONLY_HERE}
    worker = common | {"nthreads": 1, "memory_limit": 0, "resources": {CORES: cores}}
    with (
        dask.config.set({"distributed.admin.log-length": 0, "distributed.worker.profile.enabled": False}),
        SpecCluster(
            scheduler={"cls": Scheduler, "options": common},
            workers={number: {"cls": Worker, "options": worker} for number in range(workers)},
            silence_logs="critical",
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        disable_gc_diagnosis(force=True)
        yield client
