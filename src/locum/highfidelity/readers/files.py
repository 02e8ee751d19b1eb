"""What every reader asks of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from locum.exceptions import SimulationError


def required(folder: Path, name: str) -> Path:
    """The file of this name in a folder.

    Raises
    ------
    SimulationError
        ``output missing``: it is not there, or there is nothing in it.
    """
    path = folder / name
    if not path.is_file():
        there = sorted(other.name for other in folder.iterdir() if other.is_file())[:8]
        raise SimulationError(
            f"the program left no file {name!r}; it left {', '.join(there) or 'none'}", "output missing"
        )
    if not path.stat().st_size:
        raise SimulationError(f"the program left the file {name!r} empty", "output missing")
    return path


def malformed(name: str, what: str) -> SimulationError:
    """The error that says what is wrong with a file."""
    return SimulationError(f"file {name!r}: {what}", "output malformed")


def lacking(name: str, what: str, wanted: str, there: Iterable[object]) -> SimulationError:
    """The error that says what a file does not have, and what it has of that kind."""
    return malformed(name, f"no {what} {wanted!r}; there are {', '.join(map(str, there)) or 'none'}")
