"""The catalogue: every sample's durable plan, and its outcome, whose row is the commit point.

A sample is planned before it is simulated: its row says where its snapshot will be stored. Its outcome is
one row in another table, unique by identity, inserted in one transaction. Before that row exists the sample
does not; after it, it is never run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from locum import __version__
from locum.exceptions import StorageError
from locum.highfidelity.attempts import Attempt
from locum.snapshots.database import Database
from locum.snapshots.identity import sample_identity
from locum.snapshots.record import Cost, Purpose, SampleRecord, Written
from locum.snapshots.tables import attempts, documents, meta, metadata, outcomes, plan, rounds

FORMAT = 1
_LONGEST_REASON = 2000  # characters
_ATTEMPTS = 20  # to plan, against another process that takes the same rows; SQLite never needs a second one


def now() -> str:
    """The present moment, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Catalogue:
    """What is planned and what became of it, for one study.

    Parameters
    ----------
    database
        Where the tables are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, study: str, model: str) -> None:
        """Make the tables and say whose they are, unless they are there."""
        self.database.create_tables(metadata)
        with self.database.writing() as connection:
            if connection.scalar(select(func.count()).select_from(meta)) == 0:
                values = {
                    "format": FORMAT,
                    "study": study,
                    "model": model,
                    "created": now(),
                    "locum": __version__,
                }
                connection.execute(
                    insert(meta), [{"key": key, "value": value} for key, value in values.items()]
                )

    def check(self, study: str | None, model: str | None) -> None:
        """Refuse a catalogue of a newer format, of another study or of another model.

        Raises
        ------
        StorageError
            Saying which.
        """
        where = self.database.name
        with self.database.reading() as connection:
            if not inspect(connection).has_table("meta"):
                raise StorageError(f"catalogue {where} holds no study; choose another folder")
            known = {key: value for key, value in connection.execute(select(meta.c.key, meta.c.value))}
        if known.get("format", 0) > FORMAT:
            raise StorageError(
                f"{where} was written by a newer locum (format {known['format']}, this one reads up to "
                f"{FORMAT}); install a newer locum"
            )
        for what, wanted in (("study", study), ("model", model)):
            if wanted is not None and known.get(what, "") not in ("", wanted):
                raise StorageError(
                    f"{where} belongs to the {what} {known[what]!r}, not to {wanted!r}; choose another folder"
                )

    @property
    def study(self) -> str:
        """Name of the study."""
        with self.database.reading() as connection:
            return str(connection.scalar(select(meta.c.value).where(meta.c.key == "study")))

    def document(self, name: str) -> Any:
        """Read one named document; None where there is none."""
        with self.database.reading() as connection:
            return connection.scalar(select(documents.c.value).where(documents.c.name == name))

    def save_document(self, name: str, value: Any) -> None:
        """Write one named document (JSON values), over the one before."""
        with self.database.writing() as connection:
            if not connection.execute(
                update(documents).where(documents.c.name == name).values(value=value)
            ).rowcount:
                connection.execute(insert(documents).values(name=name, value=value))

    def plan(
        self, samples: Sequence[Mapping[str, float]], model: str, version: str, purpose: Purpose, round: int
    ) -> list[SampleRecord]:
        """Plan samples durably, in one transaction; those already planned keep what they have."""
        if not samples:
            return []
        by_identity = {sample_identity(model, version, sample): dict(sample) for sample in samples}
        for attempt in range(_ATTEMPTS):
            try:
                with self.database.writing() as connection:
                    self._plan_missing(connection, by_identity, model, version, purpose, round)
                break
            except IntegrityError as error:
                if attempt == _ATTEMPTS - 1:
                    raise StorageError(
                        f"catalogue {self.database.name}: too many processes plan at once"
                    ) from error
        records = {record.identity: record for record in self.records(model=model, version=version)}
        return [records[sample_identity(model, version, sample)] for sample in samples]

    def _plan_missing(
        self,
        connection: Connection,
        by_identity: Mapping[str, dict[str, float]],
        model: str,
        version: str,
        purpose: str,
        round: int,
    ) -> None:
        same_version = (plan.c.model == model) & (plan.c.version == version)
        known = set(connection.scalars(select(plan.c.identity).where(same_version)))
        ensemble = connection.scalar(select(plan.c.ensemble).where(same_version).limit(1))
        if ensemble is None:
            others = connection.scalar(select(func.count(plan.c.ensemble.distinct()))) or 0
            ensemble = "ensemble.zarr" if others == 0 else f"ensemble-{others + 1}.zarr"
        last = connection.scalar(select(func.max(plan.c.row)).where(plan.c.ensemble == ensemble))
        first = 0 if last is None else last + 1
        missing = [identity for identity in by_identity if identity not in known]
        if missing:
            common = {
                "ensemble": ensemble,
                "model": model,
                "version": version,
                "purpose": purpose,
                "round": round,
            }
            connection.execute(
                insert(plan),
                [
                    {
                        "identity": identity,
                        "row": row,
                        "parameters": by_identity[identity],
                        "created": now(),
                        **common,
                    }
                    for row, identity in enumerate(missing, start=first)
                ],
            )

    def commit(self, identity: str, written: Written, cost: Cost) -> bool:
        """Insert the outcome ``done``; see :meth:`SnapshotStore.commit`."""
        values = {
            "outcome": "done",
            "quantities": dict(written.quantities),
            "content_hash": written.content_hash,
        }
        return self._insert_outcome(identity, values, cost, supersedes_failure=True)

    def fail(self, identity: str, failure: str, reason: str, cost: Cost) -> bool:
        """Insert the outcome ``failed``; see :meth:`SnapshotStore.fail`."""
        values = {"outcome": "failed", "failure": failure, "reason": _storable(reason)}
        return self._insert_outcome(identity, values, cost, supersedes_failure=False)

    def _insert_outcome(
        self,
        identity: str,
        values: dict[str, Any],
        cost: Cost,
        *,
        supersedes_failure: bool,
    ) -> bool:
        row = {
            "identity": identity,
            "seconds": cost.seconds,
            "memory": cost.memory,
            "host": cost.host,
            "committed": now(),
            **values,
        }
        try:
            with self.database.writing() as connection:
                if supersedes_failure:
                    _forget_failed(connection, [identity])
                elif connection.scalar(select(outcomes.c.identity).where(outcomes.c.identity == identity)):
                    return False
                connection.execute(insert(outcomes).values(**row))
                _replace_attempts(connection, identity, cost.attempts)
        except IntegrityError as error:
            if self.outcome(identity) is None:
                raise StorageError(f"sample {identity[:8]} was never planned; plan it first") from error
            return False
        return True

    def forget_failures(self, identities: Sequence[str]) -> int:
        """Delete failed outcomes, so that these samples are planned again; returns how many."""
        with self.database.writing() as connection:
            return _forget_failed(connection, identities)

    def note(self, identity: str, tried: Sequence[Attempt]) -> None:
        """Replace what was tried for a sample, unless it has its outcome."""
        with self.database.writing() as connection:
            known = select(outcomes.c.identity).where(outcomes.c.identity == identity)
            if connection.scalar(known) is None:
                _replace_attempts(connection, identity, tried)

    def attempts(self, identity: str | None = None) -> dict[str, tuple[Attempt, ...]]:
        """What was tried, for one sample or for each, by identity; of samples whose model tells."""
        found: dict[str, tuple[Attempt, ...]] = {}
        with self.database.reading() as connection:
            if inspect(connection).has_table(attempts.name):  # which older catalogues lack
                query = select(attempts).order_by(attempts.c.identity, attempts.c.number)
                query = query if identity is None else query.where(attempts.c.identity == identity)
                for sample, _, *values in connection.execute(query):
                    found[sample] = (*found.get(sample, ()), Attempt(*values))
        return found

    def outcome(self, identity: str) -> SampleRecord | None:
        """Look up a sample that has its outcome; None where it has none."""
        with self.database.reading() as connection:
            row = connection.execute(
                _samples().where(plan.c.identity == identity, outcomes.c.outcome.is_not(None))
            ).one_or_none()
        return None if row is None else _record(row)

    def records(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        outcome: str | None = None,
        purpose: str | None = None,
        round: int | None = None,
        ensemble: str | None = None,
    ) -> list[SampleRecord]:
        """Read the samples that match, by ensemble and row."""
        query = _samples().order_by(plan.c.ensemble, plan.c.row)
        wanted = {
            "model": model,
            "version": version,
            "purpose": purpose,
            "round": round,
            "ensemble": ensemble,
        }
        for column, value in wanted.items():
            if value is not None:
                query = query.where(plan.c[column] == value)
        if outcome == "planned":
            query = query.where(outcomes.c.outcome.is_(None))
        elif outcome is not None:
            query = query.where(outcomes.c.outcome == outcome)
        with self.database.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def versions(self) -> dict[tuple[str, str], dict[str, int]]:
        """Count the samples of each (model, version) by outcome; the one planned first comes first."""
        query = (
            select(plan.c.model, plan.c.version, outcomes.c.outcome, func.count(), func.min(plan.c.created))
            .select_from(plan.outerjoin(outcomes))
            .group_by(plan.c.model, plan.c.version, outcomes.c.outcome)
        )
        with self.database.reading() as connection:
            rows = sorted(connection.execute(query), key=lambda row: row[4])
        counts: dict[tuple[str, str], dict[str, int]] = {}
        for model, version, outcome, count, _ in rows:
            counts.setdefault((model, version), {"planned": 0, "done": 0, "failed": 0})[
                outcome or "planned"
            ] = count
        return counts

    def save_round(self, number: int, document: Mapping[str, Any]) -> None:
        """Write the document of one training round, over the one before."""
        with self.database.writing() as connection:
            connection.execute(delete(rounds).where(rounds.c.number == number))
            connection.execute(insert(rounds).values(number=number, document=dict(document), created=now()))

    def rounds(self) -> list[dict[str, Any]]:
        """Read the documents of all rounds, by number."""
        with self.database.reading() as connection:
            return list(connection.scalars(select(rounds.c.document).order_by(rounds.c.number)))


def _storable(reason: str) -> str:
    """A reason that any database takes and a person can read: foreign code may have said anything."""
    text = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def _samples() -> Select[Any]:
    columns = [column for column in outcomes.c if column.name not in ("identity", "committed")]
    return select(*plan.c, *columns).select_from(plan.outerjoin(outcomes))


def _forget_failed(connection: Connection, identities: Sequence[str]) -> int:
    failed = select(outcomes.c.identity).where(
        outcomes.c.identity.in_(identities), outcomes.c.outcome == "failed"
    )
    forgotten = list(connection.scalars(failed))
    if forgotten and inspect(connection).has_table(attempts.name):
        connection.execute(delete(attempts).where(attempts.c.identity.in_(forgotten)))
    connection.execute(delete(outcomes).where(outcomes.c.identity.in_(forgotten)))
    return len(forgotten)


def _replace_attempts(connection: Connection, identity: str, tried: Sequence[Attempt]) -> None:
    if tried:
        attempts.create(connection, checkfirst=True)  # older catalogues lack it
        connection.execute(delete(attempts).where(attempts.c.identity == identity))
        rows = [{"identity": identity, "number": k, **asdict(each)} for k, each in enumerate(tried, 1)]
        connection.execute(insert(attempts), rows)


def _record(row: Any) -> SampleRecord:
    values = (
        row._mapping
    )  # what has no outcome yet, or no quantities, is NULL and keeps the record's defaults
    return SampleRecord(**{name: value for name, value in values.items() if value is not None})
