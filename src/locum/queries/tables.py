"""The tables of this room in the study's catalogue. Moments are seconds since 1970, to be counted with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Column, Float, Integer, MetaData, String, Table, Text, inspect

from locum.arrays import Array
from locum.snapshots import Database

metadata = MetaData()
queries = Table(
    "queries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("answer", String(32), nullable=False),
    Column("asked", Float, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("over", Integer, nullable=False),
    Column("outside", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("ratios", JSON, nullable=False),
    Column("verdicts", JSON, nullable=False),
)
exceedances = Table(
    "exceedances",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("answer", String(32), nullable=False),
    Column("asked", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("count", Integer, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("ratio", Float),
    Column("settled", Float, index=True),
    Column("outcome", Text),
)
retrainings = Table(
    "retrainings",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("training_set", String(64), primary_key=True),
    Column("announced", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("outcome", Text),
)
audits = Table(
    "audits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("answer", String(32), nullable=False),
    Column("asked", Float, nullable=False),
    Column("version", Integer, nullable=False, index=True),
    Column("parameters", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("errors", JSON(none_as_null=True)),
    Column("reason", Text),
    Column("done", Float),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", Float, nullable=False),
    Column("samples", JSON, nullable=False),
)


def prepare(database: Database) -> bool:
    """Make the tables that are missing, where writing is allowed; whether they are there."""
    with database.reading() as connection:
        there = set(inspect(connection).get_table_names())
    if set(metadata.tables) <= there:
        return True
    if database.readonly:
        return False
    database.create_tables(metadata)
    return True


def columns_of(names: tuple[str, ...], values: Array) -> dict[str, list[float]]:
    """Parameter values (n, p) as they are kept: a list for each name."""
    return dict(zip(names, values.T.tolist(), strict=True))


def rows_of(columns: Mapping[str, Any]) -> list[dict[str, float]]:
    """Inverse of :func:`columns_of`: a mapping for each parameter set."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
