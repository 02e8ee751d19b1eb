from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import MetaData

from locum.queries import LoggedQuery, QueryLog
from locum.snapshots import Database


def entry(asked: float, answer: str = "a", over: int = 0) -> LoggedQuery:
    return LoggedQuery(
        answer, asked, 3, 2, over, 0, 0.004, {"x": [0.1, 0.2], "y": [1.0, 2.0]}, [0.5, None], ["within"] * 2
    )


def test_what_was_written_is_read_back_newest_first(database: Database) -> None:
    log = QueryLog(database)
    log.write([entry(100.0, "first"), entry(101.0, "second", over=1)])
    log.write([])
    assert log.recent() == [entry(101.0, "second", over=1), entry(100.0, "first")]
    assert log.recent(since=100.5) == [entry(101.0, "second", over=1)]
    assert log.recent(limit=1)[0].sets == [{"x": 0.1, "y": 1.0}, {"x": 0.2, "y": 2.0}]


def test_activity_counts_by_intervals(database: Database) -> None:
    log = QueryLog(database)
    log.write([entry(moment, over=1) for moment in (99.0, 100.0, 109.9, 110.0, 119.5, 131.0)])
    found = log.activity(since=100.0, interval=10.0)
    assert [(each.start, each.requests, each.rows, each.over) for each in found] == [
        (100.0, 2, 4, 2),
        (110.0, 2, 4, 2),
        (130.0, 1, 2, 1),
    ]


def test_old_requests_are_pruned_by_age_and_by_number(database: Database) -> None:
    log, now = QueryLog(database), time.time()
    log.write([entry(now - 1000)] + [entry(now)] * 5)
    assert log.prune(500) == 1
    assert log.prune(500, keep_rows=2) == 3
    assert len(log.recent()) == 2


def test_a_catalogue_that_may_only_be_read_has_an_empty_log(tmp_path: Path) -> None:
    Database(tmp_path / "catalogue.db").create_tables(MetaData())
    log = QueryLog(Database(tmp_path / "catalogue.db", readonly=True))
    assert log.recent() == [] and log.activity(0.0, 60.0) == []
