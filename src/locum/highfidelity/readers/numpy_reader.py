"""Arrays that a program has written with NumPy."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from locum.highfidelity.readers.files import lacking, malformed, required


@dataclass(frozen=True)
class NumpyReader:
    """The arrays of one ``.npz`` file, by their names.

    Parameters
    ----------
    path
        The file, relative to the folder of the run.
    names
        Name that an array gets to the name that it has in the file: ``coordinates``, if need be ``cells`` and
        ``times``, fields and numbers. Left out, all arrays are taken under their own names.
    """

    path: str
    names: Mapping[str, str] = field(default_factory=dict)

    def read(self, folder: Path) -> Mapping[str, Any]:
        """The arrays, as they are."""
        try:
            with np.load(required(folder, self.path), allow_pickle=False) as file:
                names = self.names or {name: name for name in file.files}
                for name in names.values():
                    if name not in file.files:
                        raise lacking(self.path, "array", name, file.files)
                return {name: file[source] for name, source in names.items()}
        except (ValueError, EOFError, OSError, zipfile.BadZipFile, AttributeError, TypeError) as error:
            raise malformed(self.path, f"no .npz file, or not a whole one: {error}") from None
