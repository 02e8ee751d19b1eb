"""API keys: who may ask what of a service. Only their hashes are kept, in one JSON file.

A key is 256 random bits, so a plain hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from locum.exceptions import StorageError
from locum.parameters import unknown_name
from locum.snapshots.durable import file_lock, told_as_storage_error, write_durably

_PREFIX = "locum_"
_FORMAT = 1


class Scope(StrEnum):
    """What a key allows; none implies another."""

    READ = "read"
    PREDICT = "predict"
    SIMULATE = "simulate"
    PROMOTE = "promote"


@dataclass(frozen=True)
class Key:
    """A key as it is kept.

    Parameters
    ----------
    name
        Whose it is.
    digest
        SHA-256 of the secret.
    scopes
        What it allows.
    created
        ISO 8601 in UTC.
    """

    name: str
    digest: str
    scopes: frozenset[Scope]
    created: str


@dataclass(frozen=True)
class Keys:
    """All keys of a service, by digest."""

    by_digest: Mapping[str, Key]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file of keys.

        Raises
        ------
        StorageError
            It cannot be read, or holds something else.
        """
        with told_as_storage_error("read", path):
            content = path.read_text(encoding="utf-8")
        try:
            document = json.loads(content)
            keys = [
                Key(each["name"], each["sha256"], frozenset(map(Scope, each["scopes"])), each["created"])
                for each in document["keys"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{path}: expected a file of API keys as `locum keys add` writes it ({error})"
            ) from None
        return cls({key.digest: key for key in keys})

    def find(self, secret: str) -> Key | None:
        """The key that a caller showed; None where it is unknown."""
        return self.by_digest.get(_digest(secret))


def add_key(path: Path, name: str, scopes: Collection[Scope]) -> str:
    """Make a key and keep its hash.

    Parameters
    ----------
    path
        The file of keys; made where there is none.
    name
        Whose key it is, not used before.
    scopes
        What it allows.

    Returns
    -------
    str
        The secret. It is kept nowhere.

    Raises
    ------
    StorageError
        The name is taken, or the file cannot be read or written.
    """
    secret = _PREFIX + secrets.token_urlsafe(32)
    with file_lock(path.with_name(f".{path.name}.lock")):
        known = list(Keys.load(path).by_digest.values()) if path.exists() else []
        if name in (key.name for key in known):
            raise StorageError(
                f"{path}: a key named {name!r} is there already; remove it or choose another name"
            )
        created = datetime.now(UTC).isoformat(timespec="seconds")
        _write(path, [*known, Key(name, _digest(secret), frozenset(scopes), created)])
    return secret


def remove_key(path: Path, name: str) -> None:
    """Take a key away.

    Raises
    ------
    StorageError
        There is none of that name, or the file cannot be read or written.
    """
    with file_lock(path.with_name(f".{path.name}.lock")):
        known = list(Keys.load(path).by_digest.values())
        if name not in (key.name for key in known):
            raise StorageError(f"{path}: {unknown_name('key', name, (key.name for key in known))}")
        _write(path, [key for key in known if key.name != name])


def _write(path: Path, keys: list[Key]) -> None:
    entries: list[dict[str, Any]] = [
        {"name": key.name, "sha256": key.digest, "scopes": sorted(key.scopes), "created": key.created}
        for key in keys
    ]
    content = json.dumps({"format": _FORMAT, "keys": entries}, indent=2) + "\n"
    with told_as_storage_error("write", path):
        write_durably(path, content.encode())
        path.chmod(0o600)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
