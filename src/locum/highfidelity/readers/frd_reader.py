"""CalculiX results as fields: which block, at which frame, and what of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.highfidelity.readers.files import malformed, required
from locum.highfidelity.readers.frd import FrdBlock, FrdFile, read_frd


@dataclass(frozen=True)
class FrdField:
    """One field.

    Parameters
    ----------
    block
        Its name in the file: ``DISP``, ``STRESS``, ``TOSTRAIN``, ``PE``, ``NDTEMP``, ...
    take
        ``all`` components; ``length`` of a vector; ``von_mises`` stress of the six components of a tensor; or
        one component by its name in the file, such as ``D3``.
    frame
        Number of the frame, from 1, or from -1 for the last one backwards; or ``all``, as saved times.
    """

    block: str
    take: str = "all"
    frame: int | Literal["all"] = -1

    def of(self, file: FrdFile) -> Array:
        """Values (N,) or (N, c), with the frames in front where all are taken."""
        if self.frame != "all":
            return self._taken(file, file.block(self.block, self.frame))
        frames = range(1, file.frames + 1)
        return np.stack([self._taken(file, file.block(self.block, frame)) for frame in frames])

    def _taken(self, file: FrdFile, block: FrdBlock) -> Array:
        values = file.at_nodes(block)
        if self.take == "all":
            return values[:, 0] if values.shape[1] == 1 else values
        if self.take == "length":
            return np.asarray(np.linalg.norm(values, axis=1))
        if self.take == "von_mises" and values.shape[1] == 6:
            return von_mises(values)
        if self.take not in block.components:
            raise malformed(
                file.path.name,
                f"block {block.name!r} has no component {self.take!r}; it has {', '.join(block.components)}",
            )
        return values[:, block.components.index(self.take)]


@dataclass(frozen=True)
class FrdReader:
    """Fields out of a ``.frd`` file, on its nodes; elements as linear tetrahedra between them.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    fields
        Field to where it stands.
    times
        Of the frames where fields take all of them: those in the file, or the frames' numbers, where times
        change with the parameters.

    Raises
    ------
    ModelError
        Fields of which some take one frame and others all.
    """

    path: str
    fields: Mapping[str, FrdField]
    times: Literal["file", "number"] = "file"

    def __post_init__(self) -> None:
        if len({found.frame == "all" for found in self.fields.values()}) > 1:
            raise ModelError("reader frd: some fields take all frames and others one; expected either")

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Coordinates, cells and fields, and the times of frames."""
        file = read_frd(required(folder, self.path))
        result: dict[str, Any] = {"coordinates": file.points}
        if file.cells is not None:
            result["cells"] = file.cells
        if any(found.frame == "all" for found in self.fields.values()):
            times = {block.frame: block.time for block in file.blocks}
            result["times"] = np.array(list(times) if self.times == "number" else list(times.values()), float)
        return result | {name: found.of(file) for name, found in self.fields.items()}


def von_mises(stress: Array) -> Array:
    """Equivalent stress (n,) of stresses (n, 6): xx, yy, zz, xy, yz, zx."""
    xx, yy, zz = stress[:, :3].T
    shear = (stress[:, 3:] ** 2).sum(axis=1)
    return np.asarray(np.sqrt(((xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2) / 2 + 3 * shear))
