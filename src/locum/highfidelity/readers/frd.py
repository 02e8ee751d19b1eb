"""CalculiX result files (``.frd``): nodes, elements and every block of every frame.

The format is that of CalculiX GraphiX (cgx manual, "Result Format"), in text with its long node numbers or
binary: records of fixed width, which are read as one array a block. CalculiX writes three-digit exponents in
text where a number is smaller than 1e-99; such a block is read line by line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError
from locum.highfidelity.simplices import simplices

# element type of the file to its name, and its number of nodes
_ELEMENTS = {
    1: ("hexahedron", 8),
    2: ("wedge", 6),
    3: ("tetra", 4),
    4: ("hexahedron20", 20),
    5: ("wedge15", 15),
    6: ("tetra10", 10),
    7: ("triangle", 3),
    8: ("triangle6", 6),
    9: ("quad", 4),
    10: ("quad8", 8),
    11: ("line", 2),
    12: ("line3", 3),
}
# the file has the edges between bottom and top before those of the top
_REORDERED = {
    4: [*range(12), *range(16, 20), *range(12, 16)],
    5: [*range(9), *range(12, 15), *range(9, 12)],
}
_KEY, _NODE, _NUMBER = 3, 10, 12  # widths of a record's key, a node number and a value
_LONG_TEXT, _FLOATS, _DOUBLES = 1, 2, 3  # how a block is written; 0 is text with short node numbers
_PER_LINE = 6  # values on a line; the rest follows on lines with key -2
_VALUE = re.compile(rb"[-+]?(?:\d\.\d+E[-+]\d+|nan|inf)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class FrdBlock:
    """One result at one frame.

    Parameters
    ----------
    name
        As in the file: ``DISP``, ``STRESS``, ``TOSTRAIN``, ``PE``, ``NDTEMP``, ...
    components
        As in the file, those that are written only: ``D1``, ``D2``, ``D3``.
    frame
        Number of the frame, from 1: blocks that were written at the same time.
    time
        Of the frame.
    nodes
        Node numbers (n,).
    values
        Shape (n, components).
    """

    name: str
    components: tuple[str, ...]
    frame: int
    time: float
    nodes: AnyArray
    values: Array


@dataclass(frozen=True, eq=False)
class FrdFile:
    """What a file holds: node numbers (N,), coordinates (N, 3), elements by name, blocks in order."""

    path: Path
    nodes: AnyArray
    points: Array
    elements: tuple[tuple[str, AnyArray], ...]
    blocks: tuple[FrdBlock, ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.blocks[-1].frame if self.blocks else 0

    def block(self, name: str, frame: int) -> FrdBlock:
        """The block of that name at a frame.

        Parameters
        ----------
        name
            As in the file.
        frame
            From 1, or from -1 for the last one backwards.

        Raises
        ------
        SimulationError
            No such frame, or no such block in it.
        """
        number = frame if frame > 0 else self.frames + 1 + frame
        if not 1 <= number <= self.frames:
            raise self._lacks(f"frame {frame} does not exist; there are {self.frames}")
        found = {block.name: block for block in self.blocks if block.frame == number}
        if name not in found:
            raise self._lacks(f"frame {number} has no block {name!r}; it has {', '.join(found)}")
        return found[name]

    def at_nodes(self, block: FrdBlock) -> Array:
        """Values (N, components) in the order of the file's nodes.

        Raises
        ------
        SimulationError
            A node without a value.
        """
        if np.array_equal(block.nodes, self.nodes):
            return block.values
        order = np.argsort(block.nodes, kind="stable")
        found = np.minimum(np.searchsorted(block.nodes, self.nodes, sorter=order), len(order) - 1)
        place = order[found]
        missing = block.nodes[place] != self.nodes
        if missing.any():
            raise self._lacks(
                f"block {block.name!r} of frame {block.frame} has no value at {int(missing.sum())} of "
                f"{len(self.nodes)} nodes, first at node {int(self.nodes[missing][0])}"
            )
        return np.asarray(block.values[place])

    @cached_property
    def cells(self) -> AnyArray | None:
        """The elements as simplices between places in ``nodes``: (M, 4) in a solid; None without elements."""
        order = np.argsort(self.nodes, kind="stable")
        numbered = []
        for name, cells in self.elements:
            place = np.minimum(np.searchsorted(self.nodes, cells, sorter=order), len(order) - 1)
            unknown = self.nodes[order[place]] != cells
            if unknown.any():
                raise self._lacks(f"an element names node {int(cells[unknown][0])}, which does not exist")
            numbered.append((name, order[place]))
        return simplices(numbered)

    def _lacks(self, what: str) -> SimulationError:
        return SimulationError(f"{self.path.name}: {what}", "output malformed")


def read_frd(path: Path) -> FrdFile:
    """Read a result file as a whole.

    Raises
    ------
    SimulationError
        Of class ``output missing`` where there is no file; of class ``output malformed``, with the line,
        where it is truncated, damaged or not such a file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SimulationError(f"{path.name}: the program wrote no such file", "output missing") from None
    if data.partition(b"\n")[0].endswith(b"\r"):
        data = data.replace(b"\r\n", b"\n")
    return _Reader(path, data).file()


class _Reader:
    """Walks through the records of one file."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.place = 0
        self.where = "header"
        self.binary = False

    def file(self) -> FrdFile:
        """Everything."""
        if self.data[:6].strip() != b"1C":
            raise self.damaged("it does not begin like a CalculiX result file")
        nodes, points = np.empty(0, np.int64), np.empty((0, 3))
        elements: tuple[tuple[str, AnyArray], ...] = ()
        blocks: list[FrdBlock] = []
        counter = 0
        while (line := self.line())[:5].strip() != b"9999":
            key = line[:6].strip()
            if key == b"2C":
                self.where = "nodes"
                nodes, points = self.records(self.integer(line, 24, 36), 3, self.integer(line, 73, 74))
            elif key == b"3C":
                self.where = "elements"
                elements = self.elements(self.integer(line, 24, 36), self.integer(line, 73, 74))
            elif key == b"100C":
                before, counter = counter, self.integer(line, 58, 63)
                frame = blocks[-1].frame + (counter != before) if blocks else 1
                blocks.append(self.block(line, frame))
            elif not key.startswith((b"1C", b"1U", b"1P")):
                raise self.damaged(f"found {line[:40].decode('latin-1')!r}, which is no record", -1)
        if not len(nodes):
            raise self.damaged("it has no nodes")
        return FrdFile(self.path, nodes, points, elements, tuple(blocks))

    def block(self, header: bytes, frame: int) -> FrdBlock:
        """The result behind a ``100C`` record."""
        time, count, form = (
            self.real(header, 12, 24),
            self.integer(header, 24, 36),
            self.integer(header, 73, 75),
        )
        line = self.line()
        name = line[5:13].strip().decode("latin-1")
        self.where = f"block {name} of frame {frame}"
        if line[:3] != b" -4" or not name:
            raise self.damaged("expected the name of a result", -1)
        components = []
        for _ in range(self.integer(line, 13, 18)):
            line = self.line()
            if line[:3] != b" -5":
                raise self.damaged("expected the name of a component", -1)
            if line[33:38].strip() in (
                b"",
                b"0",
            ):  # the others can be computed from these: they are not written
                components.append(line[5:13].strip().decode("latin-1"))
        nodes, values = self.records(count, len(components), form)
        return FrdBlock(name, tuple(components), frame, time, nodes, values)

    def records(self, count: int, width: int, form: int) -> tuple[AnyArray, Array]:
        """Node numbers (count,) and values (count, width) of what follows."""
        self.check_form(form)
        if self.binary:
            kind = [("node", "<i4"), ("values", "<f8" if form == _DOUBLES else "<f4", (width,))]
            table = self.take(count, np.dtype(kind))
            return table["node"].astype(np.int64), table["values"].astype(np.float64)
        lengths = [min(_PER_LINE, width - first) for first in range(0, width, _PER_LINE)]
        found = self.at_once(count, lengths) or self.line_by_line(count, lengths)
        self.end()
        return found

    def at_once(self, count: int, lengths: Sequence[int]) -> tuple[AnyArray, Array] | None:
        """The records as one table of characters; None where not all lines are as wide as they should be."""
        ends = np.cumsum([_KEY + _NODE + _NUMBER * n + 1 for n in lengths])
        size = int(ends[-1]) * count
        text = self.data[self.place : self.place + size]
        if len(text) < size:
            return None
        table = np.frombuffer(text, np.uint8).reshape(count, -1)
        if (table[:, ends - 1] != ord("\n")).any() or (table[:, :_KEY] != list(b" -1")).any():
            return None
        try:
            nodes = _numbers(table, _KEY, _NODE, 1)[:, 0].astype(np.int64)
            values = [
                _numbers(table, int(end) - 1 - _NUMBER * n, _NUMBER, n)
                for end, n in zip(ends, lengths, strict=True)
            ]
        except ValueError:
            return None
        self.place += size
        return nodes, np.concatenate(values, axis=1)

    def line_by_line(self, count: int, lengths: Sequence[int]) -> tuple[AnyArray, Array]:
        """The same, slowly: numbers may be wider than their column, and the line at fault is named."""
        nodes, values = np.empty(count, np.int64), np.empty((count, sum(lengths)))
        for row in range(count):
            first = 0
            for key, length in zip((b" -1", *(b" -2",) * len(lengths)), lengths, strict=False):
                line = self.line()
                numbers = _VALUE.findall(line[_KEY + _NODE :])
                if line[:_KEY] != key or b"".join(line[_KEY + _NODE :].split()) != b"".join(numbers):
                    raise self.damaged(f"expected {length} values of a node", -1)
                if len(numbers) != length:
                    raise self.damaged(f"expected {length} values of a node, found {len(numbers)}", -1)
                if not first:
                    nodes[row] = self.integer(line, _KEY, _KEY + _NODE)
                values[row, first : first + length] = [float(number) for number in numbers]
                first += length
        return nodes, values

    def elements(self, count: int, form: int) -> tuple[tuple[str, AnyArray], ...]:
        """Elements of each type, in the order of their first appearance."""
        self.check_form(form)
        found: dict[int, list[list[int]]] = {}
        for _ in range(count):
            kind, nodes = self.packed_element() if self.binary else self.element()
            found.setdefault(kind, []).append(nodes)
        if not self.binary:
            self.end()
        return tuple(
            (_ELEMENTS[kind][0], np.array(cells)[:, _REORDERED.get(kind, slice(None))])
            for kind, cells in found.items()
        )

    def element(self) -> tuple[int, list[int]]:
        """Type and nodes of the element on the next lines."""
        line = self.line()
        kind = self.integer(line, 13, 18)
        if line[:_KEY] != b" -1" or kind not in _ELEMENTS:
            raise self.damaged("expected an element of a known type", -1)
        nodes: list[int] = []
        while len(nodes) < _ELEMENTS[kind][1]:
            line = self.line()
            if line[:_KEY] != b" -2":
                raise self.damaged("expected the nodes of an element", -1)
            nodes += self.integers(line[_KEY:])
        return kind, nodes

    def packed_element(self) -> tuple[int, list[int]]:
        """The same where it is binary: number, type, group, material, nodes."""
        kind = int(self.take(4, np.dtype("<i4"))[1])
        if kind not in _ELEMENTS:
            raise self.damaged("expected an element of a known type")
        return kind, self.take(_ELEMENTS[kind][1], np.dtype("<i4")).tolist()

    def take(self, count: int, kind: np.dtype[Any]) -> AnyArray:
        """Binary values that follow."""
        end = self.place + count * kind.itemsize
        if end > len(self.data):
            raise self.damaged("the file is truncated: it ends there")
        values = np.frombuffer(self.data[self.place : end], kind)
        self.place = end
        return values

    def line(self) -> bytes:
        """The next line without its end."""
        end = self.data.find(b"\n", self.place)
        if end < 0:
            raise self.damaged("the file is truncated: it ends there")
        line = self.data[self.place : end]
        self.place = end + 1
        return line

    def end(self) -> None:
        """Take the end of a block."""
        if self.line()[:_KEY] != b" -3":
            raise self.damaged("expected the end of the block", -1)

    def check_form(self, form: int) -> None:
        """Note whether what follows is binary; refuse what is neither that nor text with long numbers."""
        if form not in (_LONG_TEXT, _FLOATS, _DOUBLES):
            raise self.damaged(
                f"it is written in format {form}; expected {_LONG_TEXT} (text with long node numbers), "
                f"{_FLOATS} or {_DOUBLES} (binary)",
                -1,
            )
        self.binary = form != _LONG_TEXT

    def integer(self, line: bytes, start: int, end: int) -> int:
        """A whole number between two columns."""
        try:
            return int(line[start:end])
        except ValueError:
            raise self.damaged(f"expected a whole number in columns {start + 1} to {end}", -1) from None

    def integers(self, text: bytes) -> list[int]:
        """Whole numbers between blanks."""
        try:
            return [int(word) for word in text.split()]
        except ValueError:
            raise self.damaged("expected whole numbers", -1) from None

    def real(self, line: bytes, start: int, end: int) -> float:
        """A number between two columns."""
        try:
            return float(line[start:end])
        except ValueError:
            raise self.damaged(f"expected a number in columns {start + 1} to {end}", -1) from None

    def damaged(self, what: str, offset: int = 0) -> SimulationError:
        """The error that names file, block and line: the next one, or with ``offset`` -1 that just read.

        In binary files the byte stands for the line.
        """
        number = self.data.count(b"\n", 0, self.place) + 1 + offset
        place = f"byte {self.place}" if self.binary else f"line {number}"
        return SimulationError(f"{self.path.name}, {place}, {self.where}: {what}", "output malformed")


def _numbers(table: AnyArray, start: int, width: int, count: int) -> Array:
    """Numbers (rows, count) in columns of one width of a table of characters."""
    columns = np.ascontiguousarray(table[:, start : start + width * count])
    return columns.view(f"S{width}").astype(np.float64)
