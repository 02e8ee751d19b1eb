"""What a program has left, and the numbers and texts that conditions and quantities take out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from locum.arrays import Array
from locum.highfidelity.readers import required
from locum.highfidelity.readers.files import malformed

STDOUT, STDERR = "stdout.txt", "stderr.txt"

_BRACKETS = str.maketrans("(),;", "    ")


@dataclass(frozen=True, eq=False)
class Finished:
    """A program that has ended, and its folder.

    Parameters
    ----------
    folder
        Where it ran.
    status
        Exit status; minus the signal where one ended it.
    read
        Reads the snapshot that it left.
    """

    folder: Path
    status: int
    read: Callable[[Path], xr.Dataset]
    _texts: dict[str, str] = field(default_factory=dict)

    @cached_property
    def snapshot(self) -> xr.Dataset:
        """The snapshot; raises what the reader raises."""
        return self.read(self.folder)

    def text(self, name: str) -> str:
        """Text of a file; empty where it is the program's standard output or error and it said nothing.

        Raises
        ------
        SimulationError
            ``output missing``.
        """
        if name not in self._texts:
            path = self.folder / name
            path = path if name in (STDOUT, STDERR) else required(self.folder, name)
            self._texts[name] = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        return self._texts[name]


@dataclass(frozen=True)
class Series:
    """Numbers that a text file holds, one after another.

    Parameters
    ----------
    file
        Name of the file in the folder.
    pattern
        Regular expression whose first group is the number, at each of its places.
    column
        Or a column of a table: its number from 1, or its name in a line of column names. Blanks or commas
        separate columns; lines that have no number there are passed over, brackets and ``#`` do not count.
    """

    file: str
    pattern: str | None = None
    column: int | str | None = None

    def __str__(self) -> str:
        what = f"{self.pattern!r}" if self.column is None else f"column {self.column}"
        return f"{what} in {self.file}"

    def values(self, finished: Finished) -> Array:
        """The numbers, shape (k,), in their order; k may be 0.

        Raises
        ------
        SimulationError
            ``output missing`` or ``output malformed``.
        """
        text = finished.text(self.file)
        if self.pattern is not None:
            found = [match.group(1) for match in re.finditer(self.pattern, text, re.MULTILINE)]
            numbers = [_number(word) for word in found]
            for word, number in zip(found, numbers, strict=True):
                if number is None:
                    raise malformed(self.file, f"{self.pattern!r} finds {word!r}, which is no number")
            return np.array(numbers, dtype=np.float64)
        rows = [_words(line) for line in text.splitlines()]
        index = self._index(rows)
        cells = (row[index] for row in rows if len(row) > index)
        return np.array([number for cell in cells if (number := _number(cell)) is not None])

    def _index(self, rows: list[list[str]]) -> int:
        if isinstance(self.column, int):
            return self.column - 1
        for row in rows:
            if self.column in row:
                return row.index(self.column)
        raise malformed(self.file, f"no line of column names has {self.column!r}")


def tail(folder: Path, names: Sequence[str], lines: int = 12, characters: int = 4000) -> str:
    """Last lines of those of the files that say something, each under its name."""
    parts = []
    for name in names:
        text = _end_of(folder / name, characters).rstrip()
        if text:
            parts.append(f"{name}:\n" + "\n".join(text.splitlines()[-lines:]))
    return "\n".join(parts)


def _words(line: str) -> list[str]:
    return line.translate(_BRACKETS).lstrip(" \t#").split()


def _number(word: str) -> float | None:
    try:
        return float(word.replace("D", "E").replace("d", "e"))
    except ValueError:
        return None


def _end_of(path: Path, characters: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - characters))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
