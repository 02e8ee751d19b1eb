"""The folders in which a program runs, a fresh one for each attempt, and what is kept of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from locum.highfidelity.command.finished import STDERR, STDOUT


@dataclass(frozen=True)
class RunFolders:
    """Where attempts run, and where their logs go.

    Parameters
    ----------
    scratch
        Holds a folder for each attempt that is at work, ``SAMPLE-NUMBER-...``.
    kept
        Holds what is kept, ``SAMPLE/NUMBER``.
    """

    scratch: Path
    kept: Path

    def fresh(self, sample: str, number: int) -> Path:
        """An empty folder for an attempt, counted from 1.

        Its name is new: what a killed run has left may still be at work in the old one.
        """
        while True:
            # another process that was the last in there may remove it at any moment
            with suppress(FileExistsError, FileNotFoundError):
                self.scratch.mkdir(parents=True, exist_ok=True)
                return Path(tempfile.mkdtemp(prefix=f"{sample}-{number}-", dir=self.scratch))

    def place(self, sample: str, number: int) -> Path:
        """Where files of an attempt are kept."""
        return self.kept / sample / str(number)

    def keep(self, folder: Path, sample: str, number: int, patterns: Sequence[str]) -> str:
        """Move logs out of an attempt's folder; returns where to, empty where there were none."""
        target = self.place(sample, number)
        shutil.rmtree(target, ignore_errors=True)
        for name in matching(folder, patterns):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / name, target / name)
        return str(target) if target.is_dir() else ""

    def remove(self, folder: Path) -> None:
        """Remove an attempt's folder."""
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are at work in there
            self.scratch.rmdir()

    def left(self, sample: str) -> list[tuple[int, Path]]:
        """Attempts whose folders are there: number and folder."""
        folders = self.scratch.glob(f"{sample}-*")
        return sorted((int(folder.name[len(sample) + 1 :].partition("-")[0]), folder) for folder in folders)

    def sweep(self) -> None:
        """Remove all folders of attempts."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Logs in a folder: standard output and error, and files that match; relative to it, in order."""
    found = {path for pattern in (STDOUT, STDERR, *patterns) for path in folder.glob(pattern)}
    return sorted(path.relative_to(folder) for path in found if path.is_file() and path.stat().st_size)
