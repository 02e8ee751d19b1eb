"""How a program's output is read: the options of each reader, under the names that they have there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from locum.study.section import Section, located_name


class ReaderKeys(Section):
    """The keys of a reader."""

    def located(self, folder: Path) -> dict[str, Any]:
        """The keys that name files beside the study, as they are from anywhere."""
        return {}

    def arguments(self, folder: Path) -> dict[str, Any]:
        """The reader's options by name, where the study file lies in ``folder``."""
        return self.model_dump(exclude={"kind"}) | self.located(folder)


class CsvReaderSection(ReaderKeys):
    """A table of text with a line of column names: a row a node, or a row a node and saved time."""

    kind: Literal["csv"]
    path: str = Field(examples=["profile.csv"])
    """The file, relative to the folder of the run."""
    coordinates: Annotated[list[str], Field(min_length=1, max_length=3)] = ["x"]
    """Columns of the node coordinates."""
    fields: dict[str, str | list[str]] = {}
    """Field to its column, or to a list of columns, a component each; left out, all other columns."""
    time: str | None = None
    """Column of the saved time, where the output has several."""
    cells: str | None = None
    """File of the cells: node numbers from 0, a cell a row, no header."""
    delimiter: str = ","
    """Between columns."""


class NumpyReaderSection(ReaderKeys):
    """The arrays of one .npz file: coordinates, if need be cells and times, fields and numbers."""

    kind: Literal["numpy"]
    path: str = Field(examples=["result.npz"])
    """The file, relative to the folder of the run."""
    names: dict[str, str] = {}
    """Name here to name in the file; left out, all arrays under their own names."""


class PythonReaderSection(ReaderKeys):
    """Your own reader: a function of the run's folder that returns what a Python model returns."""

    kind: Literal["python"]
    path: str = Field(examples=["reader.py:read"])
    """``file.py:name``, relative to the study file, or ``package.module:name``."""
    options: dict[str, Any] = {}
    """Further arguments by name."""

    def located(self, folder: Path) -> dict[str, Any]:
        """The file, as it is from anywhere."""
        return {"path": located_name(self.path, folder)}


ReaderSection = Annotated[
    CsvReaderSection | NumpyReaderSection | PythonReaderSection, Field(discriminator="kind")
]
