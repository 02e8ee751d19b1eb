"""Processes that commit to one store at once, or are killed while they do.

``store_writers.py race FOLDER PROCESSES SAMPLES``: each commits samples of its own and one that all want.
``store_writers.py kill FOLDER SAMPLES KILLS SEED``: two writers at a time, each killed at a random moment.

The environment's ``CATALOGUE`` names a database other than the store's own file. Processes are forked before
anything opens a file, so that libraries are imported once.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from locum.highfidelity import Mesh, snapshot
from locum.snapshots import Cost, SnapshotStore

CATALOGUE = os.environ.get("CATALOGUE")
MESH = Mesh(np.linspace(0, 1, 500))


def simulated(x: float, process: int):
    """A snapshot that tells which process made it."""
    values = np.random.default_rng([int(x), process]).random((4, 500))
    return snapshot(MESH, {"u": (values, "K")}, {"by": (process, "1")}, np.arange(4.0))


def forked(work, *arguments) -> int:
    process = os.fork()
    if process:
        return process
    try:
        work(*arguments)
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def ended_well(processes) -> bool:
    return all([os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0 for process in processes])


def plan(folder: Path, samples: int) -> None:
    store = SnapshotStore.open(folder, study="s", model="m", create=True, catalogue_url=CATALOGUE)
    store.plan([{"x": float(x)} for x in range(samples)], model="m", version="1", purpose="design")


def commit_own_and_shared(folder: Path, processes: int, number: int) -> None:
    store = SnapshotStore.open(folder, study="s", catalogue_url=CATALOGUE)
    shared, *others = store.records()
    own = others[number::processes]
    for record in [*own[: len(own) // 2], shared, *own[len(own) // 2 :]]:
        store.save(record, simulated(record.parameters["x"], number), Cost())


def race(folder: Path, processes: int, samples: int) -> None:
    ended_well([forked(plan, folder, processes * samples + 1)]) or sys.exit(1)
    racing = [forked(commit_own_and_shared, folder, processes, number) for number in range(processes)]
    ended_well(racing) or sys.exit(1)


def work_until_killed(folder: Path, log: Path, number: int) -> None:
    store = SnapshotStore.open(folder, study="s", catalogue_url=CATALOGUE)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    missing = store.records(outcome="planned")
    for record in missing[:: 1 if number % 2 else -1]:  # two writers start at both ends and meet
        if store.save(record, simulated(record.parameters["x"], number), Cost()):
            os.write(descriptor, f"{record.identity}\n".encode())


def kill(folder: Path, samples: int, kills: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    log = folder.with_suffix(".log")
    ended_well([forked(plan, folder, samples)]) or sys.exit(1)
    running = [forked(work_until_killed, folder, log, number) for number in (0, 1)]
    for number in range(2, 2 + kills):
        time.sleep(generator.uniform(0.0, 0.12))
        victim = running.pop(0)
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        running.append(forked(work_until_killed, folder, log, number))
    ended_well(running) or sys.exit(1)


if __name__ == "__main__":
    _, action, folder, *numbers = sys.argv
    {"race": race, "kill": kill}[action](Path(folder), *map(int, numbers))
