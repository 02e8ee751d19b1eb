"""The saved form: JSON for what people read, one array file beside it, and never pickle.

Each part of a saved surrogate is a pair ``NAME.json`` and ``NAME.npz``. The JSON carries the number of the
format and the SHA-256 of its own content and of the array file, so that a file that was cut off, changed or
swapped is refused by name. A newer format is refused; an older one is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locum.arrays import AnyArray, prefixed
from locum.exceptions import StorageError

FORMAT = 1

_REMEDY = "put back a copy of it, or train anew with `locum run`"


@dataclass(frozen=True, eq=False)
class Saved:
    """What one pair of files holds.

    Parameters
    ----------
    kind
        What wrote it: ``interpolated``, ``checked``.
    content
        Plain values.
    arrays
        Named arrays.
    """

    kind: str
    content: Mapping[str, Any]
    arrays: Mapping[str, AnyArray]


def write_saved(folder: Path, name: str, saved: Saved) -> None:
    """Write ``NAME.npz`` and then ``NAME.json`` into the folder. The same content gives the same bytes.

    Raises
    ------
    StorageError
        When the folder cannot be written.
    """
    for key, array in saved.arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {key!r} holds Python objects, which the saved form cannot")
    buffer = io.BytesIO()
    np.savez(buffer, **saved.arrays)  # type: ignore[arg-type]
    packed = buffer.getvalue()
    document = {
        "format": FORMAT,
        "kind": saved.kind,
        "arrays": {"file": f"{name}.npz", "sha256": hashlib.sha256(packed).hexdigest()},
        "content_sha256": _content_hash(saved.content),
        "content": saved.content,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / f"{name}.npz", packed)
        _write_whole(folder / f"{name}.json", text.encode())
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot write the saved surrogate ({error.strerror}); check space and rights"
        ) from error


def read_saved(folder: Path, name: str) -> Saved:
    """Read what :func:`write_saved` wrote, after checking every hash.

    Raises
    ------
    StorageError
        Nothing there, a newer format, or a damaged file; the message names the file.
    """
    path = folder / f"{name}.json"
    document = _read_document(path)
    version = document.get("format")
    if not isinstance(version, int):
        raise StorageError(f"{path}: no format number; expected a saved surrogate")
    if version > FORMAT:
        raise StorageError(
            f"{path}: written in format {version}, and this locum reads formats up to {FORMAT}; update locum"
        )
    try:
        kind, content, arrays = document["kind"], document["content"], document["arrays"]
        intact = document["content_sha256"] == _content_hash(content)
        expected = str(arrays["sha256"])
    except (KeyError, TypeError):
        raise _damaged(path, "an entry is missing") from None
    if not intact:
        raise _damaged(path, "its content does not match its hash")
    return Saved(str(kind), content, _read_arrays(folder / f"{name}.npz", expected))


def packed(
    arrays: dict[str, AnyArray], prefix: str, part: tuple[Mapping[str, AnyArray], dict[str, Any]]
) -> dict[str, Any]:
    """Add the arrays of a part under a prefix, and return its plain values."""
    arrays |= prefixed(part[0], prefix)
    return part[1]


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StorageError(
            f"{path} does not exist; expected the folder of a saved surrogate, which `locum run` makes"
        ) from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError:
        raise _damaged(path, "it is not JSON") from None
    if not isinstance(document, dict):
        raise _damaged(path, "it is not a JSON object")
    return document


def _read_arrays(path: Path, expected: str) -> dict[str, AnyArray]:
    try:
        packed = path.read_bytes()
    except FileNotFoundError:
        raise StorageError(f"{path} is missing; {_REMEDY}") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(packed).hexdigest() != expected:
        raise _damaged(path, "it does not match its hash")
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, "it is not an array file") from error


def _damaged(path: Path, why: str) -> StorageError:
    return StorageError(f"{path} is damaged: {why}; {_REMEDY}")


def _content_hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside, sync and move into place: a reader never sees half a file."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
