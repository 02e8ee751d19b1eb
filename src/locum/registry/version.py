"""One trained surrogate: an immutable numbered folder with its manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from locum.exceptions import StorageError
from locum.snapshots.durable import sync_directory, sync_file, told_as_storage_error, write_durably

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Version:
    """A registered surrogate.

    Parameters
    ----------
    number
        From 1, never used twice.
    folder
        Where it is saved.
    study_hash, training_set_hash, model_version
        What it was trained for and from.
    created
        ISO 8601 in UTC.
    manifest_hash
        SHA-256 of the manifest's file, which has the hashes of all others.
    """

    number: int
    folder: Path
    study_hash: str
    training_set_hash: str
    model_version: str
    created: str
    manifest_hash: str

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Everything known about the version: hashes, environment, calibration, metrics, files.

        Raises
        ------
        StorageError
            The manifest is gone or damaged.
        """
        path = self.folder / MANIFEST
        with told_as_storage_error("read", path):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.manifest_hash:
            raise StorageError(
                f"{path} is not as it was registered; put back a copy of it, or train anew with `locum run`"
            )
        return dict(json.loads(content))

    def problems(self) -> list[str]:
        """Hash all files again; one sentence for each that is not as it was registered."""
        try:
            expected = self.manifest["files"]
            found = file_hashes(self.folder)
        except StorageError as error:
            return [str(error)]
        gone = [f"{self.folder / name} is missing" for name in expected if name not in found]
        changed = [
            f"{self.folder / name} is not as it was registered"
            for name, digest in expected.items()
            if found.get(name, digest) != digest
        ]
        return gone + changed


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, but for the manifest, by relative path."""
    with told_as_storage_error("read", folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        }


def seal(folder: Path, manifest: dict[str, Any]) -> str:
    """Write the manifest into a folder, make all of it durable, and return the manifest's hash."""
    content = json.dumps({**manifest, "files": file_hashes(folder)}, indent=2).encode()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            sync_file(path)
        else:
            sync_directory(path)
    write_durably(folder / MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def number_of(path: Path) -> int:
    """Number of a version's folder; 0 for any other path."""
    return int(path.name) if path.name.isdecimal() and path.name.isascii() else 0
