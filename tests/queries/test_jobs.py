from __future__ import annotations

from locum.queries import Jobs
from locum.snapshots import Database


def test_two_requests_for_the_same_samples_are_one_job(database: Database) -> None:
    jobs = Jobs(database)
    name = jobs.add(["b", "a"])
    assert jobs.add(["a", "b"]) == name != jobs.add(["a"])
    assert jobs.samples(name) == ["b", "a"] and jobs.samples("unknown") is None
