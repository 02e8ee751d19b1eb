"""The tables of a catalogue."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
meta = Table(
    "meta", metadata, Column("key", String(64), primary_key=True), Column("value", JSON, nullable=False)
)
documents = Table(
    "documents", metadata, Column("name", String(64), primary_key=True), Column("value", JSON, nullable=False)
)
plan = Table(
    "plan",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("ensemble", String(64), nullable=False),
    Column("row", Integer, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("round", Integer, nullable=False),
    Column("created", String(32), nullable=False),
    UniqueConstraint("ensemble", "row"),
)
outcomes = Table(
    "outcomes",
    metadata,
    Column("identity", String(64), ForeignKey("plan.identity"), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("failure", String(32), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("quantities", JSON),
    Column("seconds", Float, nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("content_hash", String(64), nullable=False, default=""),
    Column("committed", String(32), nullable=False),
)
rounds = Table(
    "rounds",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", JSON, nullable=False),
    Column("created", String(32), nullable=False),
)
# of models that run programs: what was tried for a sample, in the order of the class Attempt
attempts = Table(
    "attempts",
    metadata,
    Column("identity", String(64), ForeignKey("plan.identity"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("settings", JSON, nullable=False),
    Column("failure", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("log", Text, nullable=False),
    Column("folder", Text, nullable=False),
)
