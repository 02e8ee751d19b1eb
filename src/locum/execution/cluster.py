"""Where simulations run: a Dask cluster with a worker for every simulation process.

Dask decides what runs when; a worker's thread only waits for a simulation process, so a local cluster needs
no worker processes of its own and starts at once. Fields never travel through the scheduler: a task is a
planned sample in, and its outcome is handed over in memory, a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock
from typing import Any, Protocol
from uuid import uuid4

import dask
from distributed import Client, Scheduler, SpecCluster, Worker
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


Answer = Future[dict[str, Any]]


class _Outcome(Answer):
    """What will have become of a sample."""

    task: Any = None  # of Dask, which does not run what nobody holds


class _Pool:
    """The simulation processes of a cluster, as many as it has workers, and the outcomes of what they run.

    Workers are threads of this process, so outcomes, by identity, are handed over here: to gather them
    through Dask costs as much as to schedule.
    """

    def __init__(self, processes: Sequence[SimulationProcess]) -> None:
        self.outcomes: dict[str, _Outcome] = {}
        self._processes, self._idle = processes, list(processes)
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

    def close(self) -> None:
        """Let nobody wait any more, Dask neither: it would wait half a minute for what its threads do."""
        for outcome in list(self.outcomes.values()):
            if outcome.cancel():
                outcome.set_running_or_notify_cancel()
        for process in self._processes:
            process.kill()


# of each open cluster: what Dask sends to a worker is a copy
_POOLS: dict[str, _Pool] = {}


def _run_on_worker(sample: dict[str, Any], pool: str) -> None:
    identity = sample["identity"]
    outcome = _POOLS[pool].outcomes[identity]
    if outcome.cancelled():
        return
    with suppress(InvalidStateError), _POOLS[pool].taken(identity) as process:  # the cluster closes meanwhile
        try:
            outcome.set_result(process.run(sample))
        except SimulationError as error:
            outcome.set_result({"outcome": "lost", "failure": error.failure, "reason": error.reason})
        except Exception as error:
            outcome.set_exception(error)


@dataclass(frozen=True, eq=False)
class Cluster:
    """Runs planned samples, a task of Dask each."""

    client: Any
    pool: str
    store: SnapshotStore
    timeout: float | None
    closing: Event
    cores: int
    lost: Callable[[SampleRecord], Sequence[Attempt]]
    _submitting: Lock = field(default_factory=Lock, repr=False)

    def begin(self, records: Sequence[SampleRecord]) -> None:
        """Let planned samples run; :meth:`simulate` waits for those that it is given of them."""
        self._submitted(records)

    def simulate(self, records: Sequence[SampleRecord], watcher: Watcher) -> None:
        """Run planned samples to their outcomes, in the catalogue when this returns.

        Several threads may ask at the same time; calibration simulations wait for the others. A sample whose
        process timed out or was killed is recorded as failed, here, with its reason.

        Raises
        ------
        StorageError
            An outcome could not be committed (disk full, say); every committed sample stays.
        """
        outcomes = self._submitted(records)
        for outcome in as_completed(outcomes):
            if self.closing.is_set():
                return  # the processes were ended, the simulations did not fail
            record = outcomes[outcome]
            _POOLS[self.pool].outcomes.pop(record.identity, None)
            answer = outcome.result()
            if answer["outcome"] == "lost":
                error = SimulationError(answer["reason"], answer["failure"])
                cost = record_loss(self.store, record, error, self.timeout, self.lost)
                answer = {"outcome": "failed", "seconds": cost.seconds}
            watcher.simulated(answer["outcome"], answer.get("seconds", 0.0))

    def _submitted(self, records: Sequence[SampleRecord]) -> dict[Answer, SampleRecord]:
        """Hand to Dask what was not yet, all of one priority in one message: that costs more than a task."""
        with self._submitting:
            outcomes = _POOLS[self.pool].outcomes
            new = {_Outcome(): record for record in records if record.identity not in outcomes}
            outcomes |= {record.identity: outcome for outcome, record in new.items()}
            asked: dict[Answer, SampleRecord] = {outcomes[record.identity]: record for record in records}
        for priority in (1, 0):
            mine = {out: record for out, record in new.items() if _priority(record) == priority}
            if mine:
                sent = self.client.map(
                    partial(_run_on_worker, pool=self.pool),
                    [record.to_dict() for record in mine.values()],
                    key=[f"{record.identity} {uuid4().hex}" for record in mine.values()],
                    pure=False,
                    priority=priority,
                    resources={CORES: self.cores},
                )
                for outcome, task in zip(mine, sent, strict=True):
                    outcome.task = task
        return asked


def _priority(record: SampleRecord) -> int:
    return 0 if record.purpose == "calibration" else 1


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
                _POOLS[pool].close()
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
