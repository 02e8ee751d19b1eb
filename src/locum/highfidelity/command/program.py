"""Running a program to its end, whatever it is and however it ends.

The side that asks: one guard (:mod:`locum.highfidelity.command.guard`) for each process that simulates,
started with the first program and used for all that follow.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from locum.highfidelity.command import guard

_LOCK = Lock()  # a guard runs one program at a time


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Parameters
    ----------
    status
        Exit status; minus the signal where one ended it.
    refused
        Why it did not start; empty where it did.
    late
        Whether it was ended at the deadline.
    seconds, memory
        Wall time, and peak resident memory of the program itself in bytes.
    """

    status: int = 0
    refused: str = ""
    late: bool = False
    seconds: float = 0.0
    memory: int = 0


def run_program(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdout: Path,
    stderr: Path,
    seconds: float | None = None,
) -> Ended:
    """Run a program in a folder, with its output appended to two files.

    Nothing that it started is left when this returns, nor when this process dies before.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        Where it runs.
    environment
        All of its environment; the program is looked up along its ``PATH``.
    stdout, stderr
        Files.
    seconds
        When it is ended; None for never.
    """
    asked = {
        "command": list(command),
        "folder": str(folder),
        "environment": dict(environment),
        "stdout": str(stdout),
        "stderr": str(stderr),
        "seconds": seconds,
    }
    with _LOCK:
        answers = _guard(os.getpid()).ask(asked)
    if "status" in answers:
        return Ended(answers["status"], "", answers["late"], answers["seconds"], answers["memory"])
    return Ended(refused=answers["refused"])


class _Guard:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Have a program run to its end."""
        assert self.process.stdin is not None and self.process.stdout is not None
        program = 0
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            self.process.stdin.flush()
        while line := self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "process" not in answer:
                return answer
            program = answer["process"]
        with suppress(ProcessLookupError):  # somebody killed the guard; the next program gets another
            if program:
                os.killpg(program, signal.SIGKILL)
        _guard.cache_clear()
        return {"status": -signal.SIGKILL, "late": False, "seconds": 0.0, "memory": 0}


@cache
def _guard(process: int) -> _Guard:
    """The guard of this process; a fork gets its own."""
    return _Guard()
