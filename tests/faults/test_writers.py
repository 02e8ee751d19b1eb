from collections import Counter

import pytest

from locum.snapshots import SnapshotStore


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request) -> dict[str, str]:
    """What tells the writers where their catalogue is: a file of the store's own, or a database server."""
    return {} if request.param == "sqlite" else {"CATALOGUE": request.getfixturevalue("postgresql")()}


def test_of_many_processes_that_commit_at_once_none_loses_anything(tmp_path, run_script, catalogue):
    processes, samples = 8, 10
    done = run_script("store_writers.py", "race", tmp_path / "study", processes, samples, **catalogue)
    assert done.returncode == 0, done.stderr
    store = SnapshotStore.open(tmp_path / "study", readonly=True, catalogue_url=catalogue.get("CATALOGUE"))
    assert store.verify() == []
    records = store.records()
    assert [record.outcome for record in records] == ["done"] * (processes * samples + 1)
    made_by = Counter(record.quantities["by"] for record in records[1:])
    assert made_by == {number: samples for number in range(processes)}


def test_killed_writers_lose_nothing_that_was_committed_and_tear_nothing(tmp_path, run_script):
    samples, kills = 150, 30
    done = run_script("store_writers.py", "kill", tmp_path / "study", samples, kills, 7)
    assert done.returncode == 0, done.stderr
    store = SnapshotStore.open(tmp_path / "study", readonly=True)
    assert store.verify() == []
    committed = {record.identity for record in store.records(outcome="done")}
    assert len(committed) == samples
    told = Counter((tmp_path / "study.log").read_text().split())
    assert set(told) <= committed
    assert set(told.values()) == {1}
    assert len(told) > samples - 2 * kills
