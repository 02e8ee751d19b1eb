"""Commands of locum in processes of their own, which outlive whoever started them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from locum.execution.environment import python
from locum.snapshots.durable import told_as_storage_error

Command = Literal["run", "check", "simulate"]


@dataclass(frozen=True, eq=False)
class StartedCommand:
    """A command of locum that runs in a process of its own.

    Parameters
    ----------
    command
        Its name.
    process
        What runs; it goes on when whoever started it has ended.
    log
        Where it says what it does.
    """

    command: Command
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def last_words(self) -> str:
        """The last line that it said; empty before the first."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    @property
    def fault(self) -> str:
        """Why it failed, in its own words; empty while it runs and where it did not fail."""
        if not self.process.poll():
            return ""
        return self.last_words or f"locum {self.command} ended with status {self.process.returncode}"


def start_command(command: Command, study: Path, folder: Path, *arguments: str) -> StartedCommand:
    """Start ``locum COMMAND STUDY ARGUMENTS...`` beside this process.

    Parameters
    ----------
    study, folder
        The study's file, and its folder, below which ``logs/COMMAND.log`` is written anew.

    Raises
    ------
    StorageError
        The log cannot be written.
    """
    log = folder / "logs" / f"{command}.log"
    with told_as_storage_error("write", log):
        log.parent.mkdir(parents=True, exist_ok=True)
        said = log.open("wb")
    with said:
        process = subprocess.Popen(
            python("-m", "locum.cli", command, str(study), *arguments, "--json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # Ctrl-C that ends a dashboard does not end the run
        )
    return StartedCommand(command, process, log)
