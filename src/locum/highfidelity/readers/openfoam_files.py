"""OpenFOAM's files: lists and fields, in text or binary, gzipped or not.

The format is that of the OpenFOAM user guide, "OpenFOAM file format" and "Mesh description". Only what a
snapshot needs is read: points, faces, owners and patches of a mesh, and the internal values of a field.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError
from locum.highfidelity.readers.files import malformed

_COMPONENTS = {"scalar": 1, "vector": 3, "symmTensor": 6, "tensor": 9}
_HEADER = re.compile(rb"FoamFile\s*\{(.*?)\}", re.DOTALL)
_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PATCH = re.compile(r"(\S+)\s*\{([^{}]*)\}")
_INTERNAL = re.compile(rb"internalField\s+(?:uniform\s+([^;]*);|nonuniform\s+List<(\w+)>\s*)")
_LIST = re.compile(rb"\s*(\d+)\s*([({])")
_NO_BRACKETS = bytes.maketrans(b"()", b"  ")


@dataclass(frozen=True)
class Patch:
    """A part of the boundary: its type, and which faces belong to it."""

    name: str
    kind: str
    start: int
    count: int


@dataclass(frozen=True)
class FoamFile:
    """One file without its header.

    Parameters
    ----------
    name
        What messages call it.
    content
        What follows the header.
    binary
        Whether lists are binary.
    label, scalar
        Bytes of whole and of real numbers where they are.
    """

    name: str
    content: bytes
    binary: bool
    label: int
    scalar: int

    @classmethod
    def parse(cls, name: str, data: bytes) -> FoamFile:
        """Take the header off.

        Raises
        ------
        SimulationError
            ``output malformed``: a broken archive, or no such header.
        """
        if data[:2] == b"\x1f\x8b":
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise malformed(name, f"no whole gzip file: {error}") from None
        header = _HEADER.search(data)
        if header is None:
            raise malformed(name, "it has no FoamFile header")
        text = header[1].decode("latin-1")
        sizes = dict(re.findall(r"(label|scalar)=(\d+)", text))
        binary = re.search(r"format\s+binary\s*;", text) is not None
        return cls(
            name,
            data[header.end() :],
            binary,
            int(sizes.get("label", 32)) // 8,
            int(sizes.get("scalar", 64)) // 8,
        )

    def labels(self) -> AnyArray:
        """A list of whole numbers."""
        return self._list(self._start(), 1, self.label)[0].astype(np.int64)

    def vectors(self) -> Array:
        """A list of vectors (n, 3)."""
        return self._list(self._start(), 3, 0)[0].reshape(-1, 3).astype(np.float64)

    def faces(self) -> tuple[AnyArray, AnyArray]:
        """Where each face begins (F + 1,) in the list of point numbers, and that list."""
        if self.binary:  # two lists: where the faces begin, and their points
            begins, end = self._list(self._start(), 1, self.label)
            return begins.astype(np.int64), self._list(end, 1, self.label)[0].astype(np.int64)
        count, place = self._size(self._start())
        numbers = self._words(self.content[place : self._closing(place)]).astype(np.int64)
        begins, at = np.empty(count + 1, np.int64), 0
        sizes = numbers.tolist()
        for face in range(count):
            if at >= len(sizes):
                raise malformed(self.name, f"it ends at face {face} of {count}")
            begins[face] = at
            at += sizes[at] + 1
        begins[count] = at
        if at != len(numbers):
            raise malformed(self.name, f"expected {at} numbers in {count} faces, found {len(numbers)}")
        points = np.delete(numbers, begins[:-1])
        return begins - np.arange(count + 1), points

    def field(self, cells: int) -> Array:
        """Internal values of a field: (cells,) or (cells, components)."""
        found = _INTERNAL.search(self.content)
        if found is None:
            raise malformed(self.name, "it has no internalField")
        if self.content.find(b"boundaryField", found.end()) < 0:
            raise malformed(self.name, "it is truncated: it has no boundaryField")
        if found[1] is not None:
            value = self._words(found[1])
            return np.tile(value, (cells, 1)) if len(value) > 1 else np.full(cells, value[0])
        kind = found[2].decode("latin-1")
        if kind not in _COMPONENTS:
            raise malformed(self.name, f"a field of {kind}; expected one of {', '.join(_COMPONENTS)}")
        components = _COMPONENTS[kind]
        values = self._list(found.end(), components, 0)[0].astype(np.float64)
        if len(values) != cells * components:
            raise malformed(self.name, f"{len(values) // components} values in a mesh of {cells} cells")
        return values if components == 1 else values.reshape(cells, components)

    def patches(self) -> tuple[Patch, ...]:
        """The patches of a boundary."""
        text = _COMMENT.sub(b"", self.content).decode("latin-1")
        found = []
        for name, body in _PATCH.findall(text):
            entries = dict(re.findall(r"(\w+)\s+(\S+?)\s*;", body))
            try:
                found.append(Patch(name, entries["type"], int(entries["startFace"]), int(entries["nFaces"])))
            except (KeyError, ValueError):
                raise malformed(self.name, f"patch {name!r} lacks type, startFace or nFaces") from None
        return tuple(found)

    def _start(self) -> int:
        """Where the first list begins, behind comments."""
        found = re.compile(rb"(?:\s|//[^\n]*\n)*").match(self.content)
        return found.end() if found else 0

    def _size(self, place: int) -> tuple[int, int]:
        """Length of a list, and where its values begin."""
        found = _LIST.match(self.content, place)
        if found is None:
            raise malformed(self.name, f"expected a list, found {self.content[place : place + 30]!r}")
        return int(found[1]), found.end()

    def _closing(self, place: int) -> int:
        """Where a list of text ends: a long one at a bracket that begins a line, a short one in its line."""
        if self.content[place : place + 1] == b"\n":
            end = self.content.find(b"\n)", place)
        else:
            line = self.content.find(b"\n", place)
            end = self.content.rfind(b")", place, line if line >= 0 else None)
        if end < 0:
            raise malformed(self.name, "it is truncated: a list does not end")
        return end

    def _list(self, place: int, components: int, label: int) -> tuple[AnyArray, int]:
        """Flat values of a list, and where it ends; ``label`` is the size of whole numbers, 0 for reals."""
        count, start = self._size(place)
        size = count * components
        if self.content[start - 1 : start] == b"{":  # all alike
            end = self.content.find(b"}", start)
            return np.tile(self._words(self.content[start:end]), count), end + 1
        if self.binary:
            kind = np.dtype(f"<i{label}" if label else f"<f{self.scalar}")
            end = start + size * kind.itemsize
            if len(self.content) <= end or self.content[end : end + 1] != b")":
                raise malformed(self.name, f"it is truncated or damaged: expected {size} binary values")
            return np.frombuffer(self.content[start:end], kind), end + 1
        end = self._closing(start)
        values = self._words(self.content[start:end])
        if len(values) != size:
            raise malformed(self.name, f"expected {size} numbers in a list, found {len(values)}")
        return values, self.content.find(b")", end) + 1

    def _words(self, text: bytes) -> Array:
        try:
            return np.array(text.translate(_NO_BRACKETS).split(), dtype=np.bytes_).astype(np.float64)
        except ValueError as error:
            raise malformed(self.name, str(error)) from None


def foam_file(folder: Path, name: str) -> FoamFile:
    """Read one file of a case, gzipped or not.

    Raises
    ------
    SimulationError
        ``output missing`` where there is none; ``output malformed``.
    """
    return FoamFile.parse(name, foam_bytes(folder, name))


def foam_bytes(folder: Path, name: str) -> bytes:
    """The bytes of one file of a case, gzipped or not, as they are.

    Raises
    ------
    SimulationError
        ``output missing``.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path.read_bytes()
    raise SimulationError(f"the program left no file {name!r}, gzipped or not", "output missing")
