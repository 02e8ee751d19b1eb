"""The versions of a study's surrogate, and which of them is champion.

A version is a folder that never changes and a row that names it. The champion is moved by compare-and-swap:
of two who decide at once one is told that the ground has moved. Every move is remembered and can be undone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from locum.exceptions import RegistryError
from locum.registry.environment import environment
from locum.registry.version import MANIFEST, Version, number_of, seal
from locum.snapshots import Database, SnapshotStore
from locum.snapshots.catalogue import now
from locum.snapshots.durable import file_lock, sync_directory, told_as_storage_error

_REQUIRED = ("study_hash", "training_set_hash", "model_version")
_INCOMING = ".incoming-"

metadata = MetaData()
_versions = Table(
    "versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("study_hash", String(64), nullable=False),
    Column("training_set_hash", String(64), nullable=False),
    Column("model_version", Text, nullable=False),
    Column("created", String(32), nullable=False),
    Column("manifest_hash", String(64), nullable=False),
)
_aliases = Table(
    "aliases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("number", Integer, ForeignKey("versions.number"), nullable=False),
)
_promotions = Table(
    "promotions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, ForeignKey("versions.number"), nullable=False),
    Column("before", Integer),
    Column("created", String(32), nullable=False),
    Column("undone", String(32)),
)


@dataclass(frozen=True)
class Promotion:
    """A version became champion in place of another (or of none); ``undone`` says when it was taken back."""

    number: int
    before: int | None
    created: str
    undone: str | None


class Registry:
    """Versions, candidate and champion of one study.

    Parameters
    ----------
    folder
        The study's folder; versions are saved in ``surrogates`` in it.
    database
        The study's catalogue, where the registry keeps its tables.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder / "surrogates"
        self._lock = folder / ".locks" / "registry.lock"
        self._database = database
        with database.reading() as connection:
            self._has_tables = inspect(connection).has_table("promotions")
        if not self._has_tables and not database.readonly:
            with file_lock(self._lock):
                database.create_tables(metadata)
            self._has_tables = True
        if not database.readonly:
            self._adopt()

    @classmethod
    def open(cls, store: SnapshotStore) -> Registry:
        """Open the registry beside a study's snapshots."""
        return cls(store.folder, store.database)

    def register(self, write: Callable[[Path], None], manifest: Mapping[str, Any]) -> Version:
        """Save a surrogate as the next version, all or nothing; it becomes the candidate.

        Parameters
        ----------
        write
            Saves the surrogate into the empty folder it is given.
        manifest
            What is to be known about it (JSON values), with at least ``study_hash``, ``training_set_hash``
            and ``model_version``. Number, date, environment and the hashes of the files are added.

        Raises
        ------
        RegistryError
            The manifest lacks a required entry.
        StorageError
            The folder cannot be written.
        """
        lacking = [key for key in _REQUIRED if key not in manifest]
        if lacking:
            raise RegistryError(
                f"the manifest of a version must have {', '.join(_REQUIRED)}; {lacking[0]} is missing"
            )
        with told_as_storage_error("write", self.folder), file_lock(self._lock):
            self._sweep()
            number = self._next_number()
            incoming = self.folder / f"{_INCOMING}{uuid4().hex}"
            incoming.mkdir(parents=True)
            try:
                write(incoming)
                if (incoming / MANIFEST).exists():
                    raise RegistryError(
                        f"a surrogate must not save a file named {MANIFEST}; the registry writes it"
                    )
                added = {"number": number, "created": now(), "environment": environment()}
                digest = seal(incoming, {**manifest, **added})
                os.rename(incoming, self._folder_of(number))
            except BaseException:
                shutil.rmtree(incoming, ignore_errors=True)
                raise
            sync_directory(self.folder)
            return self._insert({**manifest, **added}, digest)

    def versions(self) -> list[Version]:
        """Read all versions, by number."""
        if not self._has_tables:
            return []
        with self._database.reading() as connection:
            rows = connection.execute(select(_versions).order_by(_versions.c.number)).all()
        return [self._version(row) for row in rows]

    def version(self, number: int) -> Version:
        """Look up one version.

        Raises
        ------
        RegistryError
            It does not exist.
        """
        for version in self.versions():
            if version.number == number:
                return version
        raise RegistryError(self._unknown(number))

    def find(self, training_set_hash: str, study_hash: str) -> Version | None:
        """Look up the newest version trained from these samples for this study; None where there is none.

        One whose files are damaged is passed over: it has to be trained again.
        """
        wanted = (training_set_hash, study_hash)
        for version in reversed(self.versions()):
            if (version.training_set_hash, version.study_hash) == wanted and not version.problems():
                return version
        return None

    def alias(self, name: str) -> int | None:
        """Number of the version that is ``champion`` or ``candidate``; None where none is."""
        if not self._has_tables:
            return None
        with self._database.reading() as connection:
            number: int | None = connection.scalar(_number_of(name))
        return number

    @property
    def champion(self) -> int | None:
        """Number of the version that answers; None before the first promotion."""
        return self.alias("champion")

    @property
    def candidate(self) -> int | None:
        """Number of the newest version, unless it has become champion."""
        return self.alias("candidate")

    def require_champion(self) -> int:
        """Number of the version that answers.

        Raises
        ------
        RegistryError
            There is none yet.
        """
        number = self.champion
        if number is None:
            raise RegistryError(
                f"{self.folder.parent} has no surrogate that answers yet; finish `locum run` first"
            )
        return number

    def promote(self, number: int, expected: int | None) -> None:
        """Make a version champion, provided that the champion is still the one expected.

        Raises
        ------
        RegistryError
            The version does not exist, or the champion is another than ``expected``; nothing has changed.
        """
        if number not in (version.number for version in self.versions()):
            raise RegistryError(self._unknown(number))
        try:
            with self._database.writing() as connection:
                self._swap(connection, number, expected)
                if number != expected:
                    connection.execute(
                        insert(_promotions).values(number=number, before=expected, created=now())
                    )
                is_promoted = (_aliases.c.name == "candidate") & (_aliases.c.number == number)
                connection.execute(delete(_aliases).where(is_promoted))
        except IntegrityError as error:  # another process has made the first champion
            raise RegistryError(_stale(number, expected, self.champion)) from error

    def rollback(self, expected: int | None = None) -> int:
        """Make the champion before the present one champion again, and return its number.

        Parameters
        ----------
        expected
            The champion that the caller saw; None takes whichever there is.

        Raises
        ------
        RegistryError
            There is none to go back to, it is damaged, or the champion is another than ``expected``; nothing
            has changed.
        """
        standing = (
            select(_promotions)
            .where(_promotions.c.undone.is_(None))
            .order_by(_promotions.c.id.desc())
            .limit(1)
        )
        with self._database.writing() as connection:
            last = connection.execute(standing).one_or_none()
            if last is None or last.before is None:
                raise RegistryError("there is no champion to go back to")
            if expected not in (None, last.number):
                raise RegistryError(_stale(last.before, expected, last.number))
            before = connection.execute(select(_versions).where(_versions.c.number == last.before)).one()
            if damage := self._version(before).problems():
                raise RegistryError(f"version {last.number} goes on answering: {damage[0]}")
            self._swap(connection, last.before, last.number)
            connection.execute(update(_promotions).where(_promotions.c.id == last.id).values(undone=now()))
            return int(last.before)

    def history(self) -> list[Promotion]:
        """Read every promotion, oldest first."""
        if not self._has_tables:
            return []
        with self._database.reading() as connection:
            rows = connection.execute(select(_promotions).order_by(_promotions.c.id)).all()
        return [Promotion(row.number, row.before, row.created, row.undone) for row in rows]

    def verify(self) -> list[str]:
        """Hash the files of all versions again; one sentence for each that is not as it was registered."""
        return [problem for version in self.versions() for problem in version.problems()]

    def _swap(self, connection: Connection, number: int, expected: int | None) -> None:
        if expected is None:
            present = connection.scalar(_number_of("champion"))
            if present is not None:
                raise RegistryError(_stale(number, expected, present))
            connection.execute(insert(_aliases).values(name="champion", number=number))
            return
        still = (_aliases.c.name == "champion") & (_aliases.c.number == expected)
        if connection.execute(update(_aliases).where(still).values(number=number)).rowcount != 1:
            raise RegistryError(_stale(number, expected, connection.scalar(_number_of("champion"))))

    def _version(self, row: Any) -> Version:
        return Version(folder=self._folder_of(row.number), **row._mapping)

    def _folder_of(self, number: int) -> Path:
        return self.folder / f"{number:04d}"

    def _insert(self, manifest: Mapping[str, Any], digest: str) -> Version:
        """Insert the row of a version whose folder is in place; it becomes the candidate."""
        number, row = int(manifest["number"]), {key: str(manifest[key]) for key in (*_REQUIRED, "created")}
        with self._database.writing() as connection:
            connection.execute(insert(_versions).values(number=number, manifest_hash=digest, **row))
            connection.execute(delete(_aliases).where(_aliases.c.name == "candidate"))
            connection.execute(insert(_aliases).values(name="candidate", number=number))
        return Version(number, self._folder_of(number), manifest_hash=digest, **row)

    def _adopt(self) -> None:
        """Register folders that a crash left without their rows: one with a manifest is whole."""
        if not self._without_row():
            return
        with file_lock(self._lock):
            for number in self._without_row():
                path = self._folder_of(number) / MANIFEST
                with told_as_storage_error("read", path):
                    content = path.read_bytes()
                self._insert(json.loads(content), hashlib.sha256(content).hexdigest())

    def _without_row(self) -> list[int]:
        known = {version.number for version in self.versions()}
        left = [number for number in self._folders() if number not in known]
        return [number for number in left if (self._folder_of(number) / MANIFEST).is_file()]

    def _folders(self) -> list[int]:
        if not self.folder.exists():
            return []
        return sorted(number for path in self.folder.iterdir() if (number := number_of(path)))

    def _next_number(self) -> int:
        return 1 + max([0, *(version.number for version in self.versions()), *self._folders()])

    def _sweep(self) -> None:
        for path in self.folder.glob(f"{_INCOMING}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _unknown(self, number: int) -> str:
        known = ", ".join(str(version.number) for version in self.versions()) or "none"
        return f"version {number} does not exist; there are: {known}"


def _number_of(name: str) -> Any:
    return select(_aliases.c.number).where(_aliases.c.name == name)


def _stale(number: int, expected: int | None, present: int | None) -> str:
    def named(champion: int | None) -> str:
        return "no version" if champion is None else f"version {champion}"

    return (
        f"version {number} was not made champion: {named(present)} is champion, {named(expected)} was "
        "expected; look at what has changed and try again"
    )
