"""Tables of text: a row a node, or a row a node and saved time, with a line of column names."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.highfidelity.readers.files import lacking, malformed, required


@dataclass(frozen=True)
class CsvReader:
    """Fields on the nodes that a table lists.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    coordinates
        Columns of the node coordinates, 1 to 3.
    fields
        Field to its column, or to a list of columns, a component each. Left out, every other column is a
        field.
    time
        Column of the saved time: rows of one time stand together, nodes in the same order at each. None for
        steady fields.
    cells
        File of the cells: node numbers from 0, a cell a row, no header. None joins the nodes of a line, and
        leaves a cloud in the plane or in space.
    delimiter
        Between columns.
    """

    path: str
    coordinates: Sequence[str] = ("x",)
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    time: str | None = None
    cells: str | None = None
    delimiter: str = ","

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Coordinates, cells, times and fields."""
        columns = read_table(folder, self.path, self.delimiter)
        mesh = [self._column(columns, name) for name in self.coordinates]
        times, nodes = self._times(columns)
        taken = {*self.coordinates, self.time}
        fields = self.fields or {name: name for name in columns if name not in taken}
        result: dict[str, Any] = {"coordinates": np.stack([axis[:nodes] for axis in mesh], axis=1)}
        for axis, name in zip(mesh, self.coordinates, strict=True):
            if not np.array_equal(axis, np.tile(axis[:nodes], len(axis) // nodes)):
                raise malformed(self.path, f"column {name!r} differs from one saved time to the next")
        for name, source in fields.items():
            parts = [source] if isinstance(source, str) else list(source)
            values = np.stack([self._column(columns, part) for part in parts], axis=-1)
            values = values if times is None else values.reshape(len(times), nodes, len(parts))
            result[name] = values[..., 0] if isinstance(source, str) else values
        if times is not None:
            result["times"] = times
        if self.cells is not None:
            result["cells"] = _numbers(folder, self.cells, self.delimiter)
        return result

    def _times(self, columns: Mapping[str, Array]) -> tuple[Array | None, int]:
        """Saved times, and the number of nodes."""
        rows = len(next(iter(columns.values())))
        if self.time is None:
            return None, rows
        column = self._column(columns, self.time)
        times, first, counts = np.unique(column, return_index=True, return_counts=True)
        if len(set(counts.tolist())) != 1 or not np.array_equal(column, np.repeat(times, counts)):
            at = int(np.argmax(counts != counts[0]))
            raise malformed(
                self.path,
                f"{counts[at]} rows at {self.time} = {times[at]:g} and {counts[0]} at {times[0]:g}; expected "
                "as many at every saved time, one time after another",
            )
        return column[np.sort(first)], int(counts[0])

    def _column(self, columns: Mapping[str, Array], name: str) -> Array:
        if name not in columns:
            raise lacking(self.path, "column", name, columns)
        return columns[name]


def read_table(folder: Path, name: str, delimiter: str = ",") -> dict[str, Array]:
    """Columns of numbers of a table with a line of column names.

    Raises
    ------
    SimulationError
        ``output missing`` or ``output malformed``, naming file and line.
    """
    rows = _rows(folder, name, delimiter)
    header = [column.strip() for column in rows[0]]
    if len(rows) < 2:
        raise malformed(name, "no row after the column names")
    if len(set(header)) < len(header):
        raise malformed(name, f"a column name stands twice: {', '.join(header)}")
    return dict(zip(header, _array(name, rows[1:], len(header), 2).T, strict=True))


def _numbers(folder: Path, name: str, delimiter: str) -> AnyArray:
    rows = _rows(folder, name, delimiter)
    return _array(name, rows, len(rows[0]), 1).astype(np.int64)


def _rows(folder: Path, name: str, delimiter: str) -> list[list[str]]:
    """Rows that are not empty, at least one."""
    with required(folder, name).open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True) if row]
    if not rows:
        raise malformed(name, "it has nothing but empty lines")
    return rows


def _array(name: str, rows: Sequence[Sequence[str]], width: int, first: int) -> Array:
    for number, row in enumerate(rows, start=first):
        if len(row) != width:
            raise malformed(name, f"row {number} has {len(row)} columns, expected {width}")
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise malformed(name, str(error)) from None
