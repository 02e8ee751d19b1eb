"""Commands that tests run to their end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

COMMAND_LIMIT = 300  # seconds, for a busy machine

Finished = subprocess.CompletedProcess[str]


def finished(command: Sequence[object], folder: Path | None, environment: Mapping[str, str]) -> Finished:
    """Run a command to its end, with no Prefect server unless the environment names one."""
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=inherited | dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT,
    )


def in_fresh_interpreter(*arguments: object, folder: Path | None = None, **environment: str) -> Finished:
    """Run a module as a program."""
    return finished([sys.executable, "-m", *arguments], folder, environment)
