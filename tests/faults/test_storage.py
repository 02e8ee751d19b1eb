import errno
import os

import numpy as np
import pytest

from locum.exceptions import StorageError
from locum.highfidelity import Mesh, snapshot
from locum.registry import Registry
from locum.snapshots import Cost, SnapshotStore

MESH = Mesh(np.linspace(0, 1, 10_000))


def _simulated(number: int):
    values = np.random.default_rng(number).random(10_000)
    return snapshot(MESH, {"u": (values, "K")}, {"q": (number, "K")})


def _planned(folder, samples: int):
    store = SnapshotStore.open(folder, study="s", model="m", create=True)
    named = [{"x": float(x)} for x in range(samples)]
    return store, store.plan(named, model="m", version="1", purpose="design")


def _check_nothing_half_committed(store: SnapshotStore) -> None:
    assert store.verify() == []
    assert list(store.folder.rglob(".*.partial")) == []


def test_a_full_disk_is_one_sentence_and_loses_nothing(small_disk):
    store, records = _planned(small_disk / "study", 40)
    with pytest.raises(StorageError, match=r"the disk is full; free some space and run again"):
        for record in records:
            store.save(record, _simulated(record.row), Cost())
    _check_nothing_half_committed(store)
    saved = len(store.records(outcome="done"))
    assert 0 < saved < 39
    assert [record.outcome for record in store.records()] == ["done"] * saved + ["planned"] * (40 - saved)


def test_space_freed_the_study_goes_on_from_where_it_was(small_disk):
    ballast = small_disk / "ballast"
    store, records = _planned(small_disk / "study", 6)
    store.save(records[0], _simulated(0), Cost())
    with ballast.open("wb") as file:
        free = os.statvfs(small_disk)
        file.write(bytes(free.f_bavail * free.f_bsize - 16_384))
    with pytest.raises(StorageError, match="the disk is full"):
        store.save(records[1], _simulated(1), Cost())
    ballast.unlink()
    for record in store.records(outcome="planned"):
        assert store.save(record, _simulated(record.row), Cost())
    _check_nothing_half_committed(store)
    assert len(store.records(outcome="done")) == 6


def test_a_full_disk_registers_no_version(small_disk):
    store, _ = _planned(small_disk / "study", 1)
    registry = Registry.open(store)
    manifest = {"study_hash": "s", "training_set_hash": "t", "model_version": "1"}
    with pytest.raises(StorageError, match="the disk is full"):
        registry.register(lambda folder: (folder / "large").write_bytes(bytes(3_000_000)) and None, manifest)
    assert registry.versions() == []
    assert list(registry.folder.iterdir()) == []


def test_a_refused_write_is_one_sentence_and_leaves_the_sample_planned(tmp_path, run_script):
    done = run_script("limited_file_size.py", tmp_path / "study", 60_000)
    assert done.returncode == 0, done.stderr
    assert "beyond the size that is allowed" in done.stdout
    assert done.stdout.count("\n") == 1
    store = SnapshotStore.open(tmp_path / "study")
    _check_nothing_half_committed(store)
    assert [record.outcome for record in store.records()] == ["done", "planned"]


def test_a_read_only_folder_is_refused_for_a_run_and_readable_still(tmp_path, make_readonly):
    store, records = _planned(tmp_path / "study", 2)
    store.save(records[0], _simulated(0), Cost())
    Registry.open(store)
    store.publish()
    store.close()
    make_readonly(tmp_path / "study")
    with pytest.raises(StorageError, match=r"cannot write to .*study: .*another folder"):
        SnapshotStore.open(tmp_path / "study", study="s", model="m", create=True)
    reader = SnapshotStore.open(tmp_path / "study", study="s", readonly=True)
    (done,) = reader.records(outcome="done")
    np.testing.assert_array_equal(next(reader.blocks("u", [done])())[0], _simulated(0)["u"])
    assert reader.verify() == []
    assert Registry.open(reader).versions() == []


def test_a_read_only_folder_of_a_killed_run_shows_its_last_commit(tmp_path, make_readonly):
    store, records = _planned(tmp_path / "study", 1)
    store.save(
        records[0], _simulated(0), Cost()
    )  # and never closed: the commit is in the write-ahead log only
    assert (tmp_path / "study" / "catalogue.db-wal").stat().st_size > 0
    make_readonly(tmp_path / "study")
    reader = SnapshotStore.open(tmp_path / "study", readonly=True)
    assert [record.outcome for record in reader.records()] == ["done"]


def test_a_reason_the_system_gives_that_we_do_not_know_is_passed_on(tmp_path):
    (tmp_path / "study").write_text("a file where a folder is expected")
    with pytest.raises(StorageError, match=os.strerror(errno.EEXIST)):
        SnapshotStore.open(tmp_path / "study", study="s", model="m", create=True)
