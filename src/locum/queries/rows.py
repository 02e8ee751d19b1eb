"""Rows of one table as instances of a dataclass, whose fields are columns of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Table, func, insert, select

from locum.queries.tables import prepare
from locum.snapshots import Database

Row = TypeVar("Row")
_NUMBER = "id"  # given by the database


class Rows(Generic[Row]):
    """What one table holds.

    Parameters
    ----------
    database
        The study's catalogue. Opened for reading only, a table that does not exist yet is an empty one.
    table, kind
        The table, and the dataclass.
    """

    def __init__(self, database: Database, table: Table, kind: type[Row]) -> None:
        self._database, self._table, self._kind = database, table, kind
        self._names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        self.are_there = prepare(database)

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows, all in one transaction; when this returns they survive a power cut."""
        if rows:
            names = [name for name in self._names if name != _NUMBER]
            values = [{name: getattr(row, name) for name in names} for row in rows]
            with self._database.writing() as connection:
                connection.execute(insert(self._table), values)

    def read(
        self, condition: ColumnElement[bool], limit: int | None = None, *, newest_first: bool = False
    ) -> list[Row]:
        """Rows of a condition, the oldest first or the newest."""
        if not self.are_there:
            return []
        number = self._table.c[_NUMBER]
        columns = [self._table.c[name] for name in self._names]
        order = number.desc() if newest_first else number
        query = select(*columns).where(condition).order_by(order).limit(limit)
        with self._database.reading() as connection:
            return [self._kind(**row._mapping) for row in connection.execute(query)]

    def count(self, condition: ColumnElement[bool]) -> int:
        """How many rows there are of a condition."""
        return int(self._value(select(func.count()).select_from(self._table).where(condition)) or 0)

    def newest(self) -> int:
        """Number of the row that was added last; 0 where there is none."""
        return int(self._value(select(func.max(self._table.c[_NUMBER]))) or 0)

    def _value(self, query: Any) -> Any:
        if not self.are_there:
            return None
        with self._database.reading() as connection:
            return connection.scalar(query)
