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


class FrdFieldSection(Section):
    """Where a field stands in a CalculiX result file."""

    block: str = Field(examples=["DISP", "STRESS", "TOSTRAIN", "PE", "NDTEMP"])
    """Name of the result in the file."""
    take: str = Field(default="all", examples=["length", "von_mises", "D3"])
    """All components, the length of a vector, the von Mises stress of a tensor, or one component by name."""
    frame: int | Literal["all"] = -1
    """Number of the frame, from 1, or from -1 for the last one backwards; or all of them as saved times."""


class FrdReaderSection(ReaderKeys):
    """CalculiX results (.frd): fields on nodes, elements as linear tetrahedra between these."""

    kind: Literal["frd"]
    path: str = Field(examples=["job.frd"])
    """The file, relative to the folder of the run."""
    fields: Annotated[dict[str, str | FrdFieldSection], Field(min_length=1)]
    """Field to where it stands; a name alone is that block at the last frame."""
    times: Literal["file", "number"] = "file"
    """Of frames that are all taken: the times in the file, or their numbers where times change from sample
    to sample."""

    def arguments(self, folder: Path) -> dict[str, Any]:
        """The reader's options by name."""
        from locum.highfidelity.readers.frd_reader import FrdField

        fields = {
            name: FrdField(given) if isinstance(given, str) else FrdField(**given.model_dump())
            for name, given in self.fields.items()
        }
        return {**super().arguments(folder), "fields": fields}


class OpenFoamReaderSection(ReaderKeys):
    """An OpenFOAM case, decomposed or not: fields at cell centres, in a plane joined by the dual mesh."""

    kind: Literal["openfoam"]
    fields: Annotated[dict[str, str], Field(min_length=1, examples=[{"velocity": "U", "pressure": "p"}])]
    """Field to the name of its file."""
    path: str = "."
    """The case, relative to the folder of the run."""
    times: Literal["last", "all"] = "last"
    """The last written time as a steady state, or all after 0."""
    within: dict[Literal["x", "y", "z"], Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    """Axis to [lower, upper]: only the cells in there."""


class MeshioReaderSection(ReaderKeys):
    """Fields on nodes or on cells of a file that meshio reads: VTK, VTU, XDMF, Gmsh, Exodus and many more."""

    kind: Literal["meshio"]
    path: str = Field(examples=["out.vtu"])
    """The file, relative to the folder of the run."""
    fields: dict[str, str] = {}
    """Field to its name in the file; either all on nodes or all on cells. Left out, all on nodes, or else all
    on cells."""
    format: str | None = None
    """As meshio calls it, where the file's name does not say so."""


class NetcdfReaderSection(ReaderKeys):
    """A NetCDF-4 file: fields on a grid, or on nodes, with the units of the file."""

    kind: Literal["netcdf"]
    path: str = Field(examples=["out.nc"])
    """The file, relative to the folder of the run."""
    coordinates: Annotated[list[str], Field(min_length=1, max_length=3)] = ["x"]
    """Variables of the coordinates: with a dimension each they make a grid, with one together nodes."""
    fields: dict[str, str] = {}
    """Field to its variable; left out, all variables over the coordinates."""
    time: str | None = None
    """Variable of the saved times, where there are several."""
    cells: str | None = None
    """Variable of the node numbers of each cell."""


class Hdf5ReaderSection(ReaderKeys):
    """Arrays of an HDF5 file: coordinates, if need be cells and times, fields and numbers."""

    kind: Literal["hdf5"]
    path: str = Field(examples=["out.h5"])
    """The file, relative to the folder of the run."""
    names: Annotated[dict[str, str], Field(min_length=1, examples=[{"coordinates": "/mesh/x"}])]
    """Name here to place in the file."""


ReaderSection = Annotated[
    CsvReaderSection
    | FrdReaderSection
    | Hdf5ReaderSection
    | MeshioReaderSection
    | NetcdfReaderSection
    | NumpyReaderSection
    | OpenFoamReaderSection
    | PythonReaderSection,
    Field(discriminator="kind"),
]
