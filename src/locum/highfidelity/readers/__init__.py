"""From the files that a program has left to fields on a mesh, one reader a format.

A reader is a frozen dataclass with its options and one method, ``read(folder)``. A new one takes three
places: its class in a module here, its section in :mod:`locum.study.reader_sections` with the same names, and
a line in ``READERS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from locum.highfidelity.readers.files import required

__all__ = ["READERS", "Reader", "reader_of", "required"]

READERS = {
    "csv": "csv_reader.CsvReader",
    "frd": "frd_reader.FrdReader",
    "hdf5": "netcdf_reader.Hdf5Reader",
    "meshio": "meshio_reader.MeshioReader",
    "netcdf": "netcdf_reader.NetcdfReader",
    "numpy": "numpy_reader.NumpyReader",
    "openfoam": "openfoam_reader.OpenFoamReader",
    "python": "python_reader.PythonReader",
}
"""Kind to class; imported when first asked for, since some need large libraries."""


class Reader(Protocol):
    """Reads what a program has left."""

    def read(self, folder: Path) -> Any:
        """Read the output of one simulation.

        Returns
        -------
        Mapping or xarray.Dataset
            What :func:`~locum.highfidelity.plain_snapshot.plain_snapshot` takes: ``coordinates``, if need be
            ``cells`` and ``times``, fields and numbers by name.

        Raises
        ------
        SimulationError
            ``output missing`` or ``output malformed``, naming the file. Whatever else is raised counts as
            ``output malformed``.
        """
        ...


def reader_of(kind: str, options: Mapping[str, Any]) -> Reader:
    """Make the reader of a kind from its options by name."""
    module, _, name = READERS[kind].partition(".")
    reader: Reader = getattr(import_module(f"{__name__}.{module}"), name)(**options)
    return reader
