"""Where simulations run: a Dask cluster whose workers each keep one simulation process.

Dask decides what runs where; a worker's thread only waits for its simulation process, so a local cluster
needs no worker processes of its own and starts at once. Fields never travel through the scheduler: a task is
a planned sample in, a few numbers out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event
from typing import Any, Protocol
from uuid import uuid4

import dask
from distributed import (
    Client,
    KilledWorker,
    Scheduler,
    SpecCluster,
    Worker,
    WorkerPlugin,
    as_completed,
    get_worker,
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


class SimulationPlugin(WorkerPlugin):  # type: ignore[misc]
    """Gives every Dask worker its own simulation process, which builds the model before the worker joins."""

    name = "locum-simulation"

    def __init__(self, pool: str) -> None:
        self.pool = pool

    def setup(self, worker: Any) -> None:
        """Take one of the processes that were started for the workers."""
        self.process = _STARTED[self.pool].get()

    def teardown(self, worker: Any) -> None:
        """End the process with the worker."""
        self.process.stop()


# processes that wait for their worker, of each open cluster: what Dask sends to a worker is a copy
_STARTED: dict[str, SimpleQueue[SimulationProcess]] = {}


def _run_on_worker(sample: dict[str, Any]) -> dict[str, Any]:
    process: SimulationProcess = get_worker().plugins[SimulationPlugin.name].process
    try:
        return process.run(sample)
    except SimulationError as error:
        return {"outcome": "lost", "failure": error.failure, "reason": error.reason}


def _answer(result: Any) -> dict[str, Any]:
    """What a task returned, or why it returned nothing; Dask gives its error as one raises it."""
    if isinstance(result, dict):
        return result
    error = result[1] if isinstance(result, tuple) else result
    if not isinstance(error, KilledWorker):
        raise error
    return {
        "outcome": "lost",
        "failure": "killed",
        "reason": "the worker died each time it ran this sample",
    }


@dataclass(frozen=True, eq=False)
class Cluster:
    """Runs planned samples, a future each."""

    client: Any
    workers: int
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
        finished = as_completed(list(futures), loop=self.client.loop, with_results=True, raise_errors=False)
        for future, result in finished:
            record = futures.pop(future)
            if self.closing.is_set():
                return  # the processes were ended, the simulations did not fail
            answer = _answer(result)
            if answer["outcome"] == "lost":
                error = SimulationError(answer["reason"], answer["failure"])
                cost = record_loss(self.store, record, error, self.timeout, self.lost)
                answer = {"outcome": "failed", "seconds": cost.seconds}
            watcher.simulated(answer["outcome"], answer.get("seconds", 0.0))

    def _submitted(self, records: Sequence[SampleRecord]) -> dict[Any, SampleRecord]:
        """Hand samples to Dask, all of one priority in one message: a message each costs more than a task."""
        futures: dict[Any, SampleRecord] = {}
        for priority in (1, 0):
            mine = [record for record in records if (record.purpose == "calibration") == (priority == 0)]
            if mine:
                samples, keys = [record.to_dict() for record in mine], [record.identity for record in mine]
                resources = {CORES: self.cores}
                sent = self.client.map(
                    _run_on_worker, samples, key=keys, pure=False, priority=priority, resources=resources
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
    _STARTED[pool] = SimpleQueue()
    for process in processes:
        _STARTED[pool].put(process)
    try:
        with _local_dask(len(processes), cores) as client:
            client.register_plugin(SimulationPlugin(pool))
            try:
                yield Cluster(client, len(processes), store, processes[0].timeout, closing, cores, lost)
            finally:
                closing.set()
    finally:
        del _STARTED[pool]


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
