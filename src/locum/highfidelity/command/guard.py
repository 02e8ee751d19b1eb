"""The process that programs are started from, so that none of them outlives locum.

A simulation may be a tree of processes in sessions of their own (``mpirun`` and its ranks), which no process
group reaches. The guard is their reaper: whatever loses its parent below it becomes its child (Linux,
``PR_SET_CHILD_SUBREAPER``). It runs one program at a time and ends everything below it at the deadline, when
the program has ended and left something running, and when the other side of its pipe closes, which happens
however that side dies. A program whose guard is killed is killed by the system (``PR_SET_PDEATHSIG``).

Run as a script with nothing but the standard library, so that it starts in an instant: a line of JSON in
(what to run), two out (that it started, or why not; how it ended).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

GRACE = 2.0
"""Seconds from SIGTERM to SIGKILL: enough to give back a licence."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STREAM = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def serve() -> None:
    """Run programs until nobody asks any more."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting = b""
    while True:
        while b"\n" not in waiting:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            waiting += chunk
        line, _, waiting = waiting.partition(b"\n")
        answer = _run(json.loads(line), woken)
        if answer is None or not _say(answer):
            return


def _run(asked: dict[str, Any], woken: int) -> dict[str, Any] | None:
    """Run one program to its end; None where the asking side is gone."""
    started = time.monotonic()
    process, refused = _start(asked)
    if refused is not None:
        return {"refused": refused}
    gone, late = not _say({"process": process}), False
    deadline = None if asked["seconds"] is None else started + asked["seconds"]
    while not (ended := os.wait4(process, os.WNOHANG))[0]:
        left = None if deadline is None else deadline - time.monotonic()
        late = left is not None and left <= 0
        if late or gone:
            os.killpg(process, signal.SIGTERM)
            ended = _last_moments(process, woken)
            break
        ready, _, _ = select.select([0, woken], [], [], left)
        gone = 0 in ready  # nobody asks for a second program while one runs: the pipe was closed
        _drain(woken)
    _end_children()
    if gone:
        return None
    _, status, usage = ended
    return {
        "status": os.waitstatus_to_exitcode(status),
        "late": late,
        "seconds": time.monotonic() - started,
        "memory": usage.ru_maxrss * 1024,
    }


def _start(asked: dict[str, Any]) -> tuple[int, str | None]:
    """Fork and execute; the process, or why there is none."""
    read, write = os.pipe2(os.O_CLOEXEC)
    guard = os.getpid()
    process = os.fork()
    if not process:
        try:
            os.setsid()
            _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:
                os._exit(1)
            signal.set_wakeup_fd(-1)
            for ignored in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):  # by Python, not by programs
                signal.signal(ignored, signal.SIG_DFL)
            os.chdir(asked["folder"])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for descriptor, name in ((1, asked["stdout"]), (2, asked["stderr"])):
                os.dup2(os.open(name, _STREAM, 0o644), descriptor)
            os.execvpe(asked["command"][0], asked["command"], asked["environment"])
        except OSError as error:
            os.write(write, os.strerror(error.errno or 0).encode())
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(127)
    os.close(write)
    refused = os.read(read, 1 << 12).decode()
    os.close(read)
    if refused:
        os.waitpid(process, 0)
        return 0, refused
    return process, None


def _last_moments(process: int, woken: int) -> tuple[int, int, Any]:
    """Wait a little for a program that was asked to end, then insist."""
    until = time.monotonic() + GRACE
    while (left := until - time.monotonic()) > 0:
        ended = os.wait4(process, os.WNOHANG)
        if ended[0]:
            return ended
        select.select([woken], [], [], left)
        _drain(woken)
    os.kill(process, signal.SIGKILL)
    return os.wait4(process, 0)


def _end_children() -> None:
    """Kill whatever a program left running; orphans become children of this process one after another."""
    while True:
        for child in _children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    me, found = os.getpid(), []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    if int(file.read().rpartition(b")")[2].split()[1]) == me:
                        found.append(int(name))
            except OSError:
                continue
    return found


def _control(option: int, value: int) -> None:
    """``prctl``, where there is one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _drain(descriptor: int) -> None:
    with suppress(BlockingIOError):
        while os.read(descriptor, 1 << 10):
            pass


def _say(answer: dict[str, Any]) -> bool:
    """Whether anybody still listens."""
    try:
        os.write(1, json.dumps(answer).encode() + b"\n")
    except BrokenPipeError:
        return False
    return True


if __name__ == "__main__":
    serve()
