"""The catalogue's connection: transactions on SQLite or any other database that SQLAlchemy knows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool

from locum.exceptions import StorageError

_BUSY_SECONDS = 60
_REASONS = {
    "disk is full": "the disk is full; free some space and run again",
    "readonly": "it is read-only; make its folder writable or choose another folder",
    "unable to open": "it cannot be opened; check that its folder exists and is writable",
    "malformed": "the file is damaged; put back a copy of it",
    "not a database": "the file is damaged; put back a copy of it",
    "is locked": f"another process has held it for {_BUSY_SECONDS} seconds; try again",
}


class Database:
    """Short transactions on the database of one study.

    Parameters
    ----------
    location
        Path of a SQLite file, or a database URL such as ``postgresql+psycopg://host/name``.
    readonly
        Never write, not even SQLite's own auxiliary files where the folder forbids it.
    """

    def __init__(self, location: Path | str, *, readonly: bool = False) -> None:
        self.location = location
        self.readonly = readonly
        if isinstance(location, Path):
            self.name = str(location)
            self._engine = _sqlite_engine(location, readonly)
        else:
            self.name, self._engine = _server_engine(location)
        self._immediate = self._engine.execution_options(begin="BEGIN IMMEDIATE")

    def create_tables(self, metadata: MetaData) -> None:
        """Create the tables that are missing."""
        if self._engine.dialect.name == "sqlite":
            with self._told(), self._engine.execution_options(begin=None).connect() as connection:
                # write-ahead logging: readers never wait for writers; the setting stays with the file
                connection.exec_driver_sql("PRAGMA journal_mode=WAL").close()
        with self.writing() as connection:
            metadata.create_all(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view; nothing is written."""
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it happens, durably, or nothing does."""
        if self.readonly:
            raise StorageError(f"catalogue {self.name} was opened for reading only")
        with self._told(), self._immediate.begin() as connection:
            yield connection

    def damage(self) -> str:
        """Say what SQLite finds wrong with its file, or an empty string."""
        if self._engine.dialect.name != "sqlite":
            return ""
        try:
            with self.reading() as connection:
                answer = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
        except StorageError as error:
            return str(error)
        return "" if answer == "ok" else f"catalogue {self.name}: {answer}"

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # two processes wanted the same row: whoever writes knows what that means
        except DBAPIError as error:
            raise StorageError(f"catalogue {self.name}: {_reason(error)}") from error


def _server_engine(location: str) -> tuple[str, Engine]:
    """The URL without its password, and an engine of it."""
    try:
        url = make_url(location)
    except ArgumentError as error:
        raise StorageError(f"catalogue: {_first_line(error)}") from error
    name = url.render_as_string(hide_password=True)
    try:
        return name, create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        hint = "; pip install 'locum[postgresql]'" if error.name == "psycopg" else ""
        raise StorageError(f"catalogue {name}: its driver {error.name} is not installed{hint}") from error
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StorageError(f"catalogue {name}: {_first_line(error)}") from error


def _sqlite_engine(path: Path, readonly: bool) -> Engine:
    uri = f"file:{quote(str(path.absolute()))}{_open_mode(path, readonly)}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        for pragma in ("foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a writer takes its lock at once: one that starts as a reader may be refused half-way
        statement = connection.get_execution_options().get("begin", "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


def _open_mode(path: Path, readonly: bool) -> str:
    if not readonly:
        return ""
    log = path.with_name(f"{path.name}-wal")
    if not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
        return "?mode=ro&immutable=1"  # without its shared-memory file, which could not be created here
    return "?mode=ro"


def _reason(error: DBAPIError) -> str:
    text = str(error.orig)
    known = next((reason for part, reason in _REASONS.items() if part in text), None)
    if known is None and isinstance(error, OperationalError) and "disk I/O" in text:
        known = "the disk cannot be read or written; check its space and health"
    return known or _first_line(text)


def _first_line(error: object) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
