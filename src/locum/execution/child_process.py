"""Processes of our own that answer on their standard streams: how they start and how they end.

One that is spawned begins with an interpreter and its imports. One that is forked begins with what this
process has imported, at once; but a fork takes the forking thread alone along, and so it is only for a
process that has no other one yet.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, NoReturn, Protocol

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from locum.execution.environment import python, single_threaded


class Child(Protocol):
    """What is used of :class:`subprocess.Popen`."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        ...

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        ...


def spawned(module: str) -> Child:
    """Start an interpreter that runs a module, in a session of its own and with our standard error."""
    return subprocess.Popen(
        python("-m", module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=single_threaded(),
        start_new_session=True,
    )


def can_fork() -> bool:
    """Whether a fork would leave nothing behind; only on Linux do system libraries survive one."""
    return sys.platform == "linux" and threading.active_count() == 1


class Forked:
    """A copy of this process as it is now that runs a function, otherwise as :func:`spawned`."""

    def __init__(self, function: Callable[[], None]) -> None:
        requests, answers = os.pipe(), os.pipe()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.pid = os.fork()
        if not self.pid:
            _run(function, requests[0], answers[1])
        os.close(requests[0])
        os.close(answers[1])
        self.stdin: IO[bytes] | None = os.fdopen(requests[1], "wb")
        self.stdout: IO[bytes] | None = os.fdopen(answers[0], "rb")
        self._status: int | None = None
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._reaped(os.WNOHANG)

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        status = self._reaped(0)
        assert status is not None
        return status

    def _reaped(self, options: int) -> int | None:
        with self._waiting:
            if self._status is None:
                pid, status = os.waitpid(self.pid, options)
                if pid:
                    self._status = os.waitstatus_to_exitcode(status)
            return self._status


def _run(function: Callable[[], None], requests: int, answers: int) -> NoReturn:
    """Become a process of its own: nothing that is open is shared but standard error."""
    status = 1
    try:
        os.setsid()
        os.dup2(requests, 0)
        os.dup2(answers, 1)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
        os.environ.update(single_threaded())  # for libraries that the model will load
        threadpool_limits(1)  # for those that are there
        gc.enable()
        function()
        status = 0
    finally:
        os._exit(status)


def kill(child: Child) -> None:
    """Kill a process and whatever it started; one that was forked just now has no group of its own yet."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            send(child.pid, signal.SIGKILL)


def end(child: Child) -> None:
    """Kill a process and whatever it started, and wait for its end."""
    kill(child)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
