import sqlite3

import pytest

from locum.exceptions import StorageError
from locum.snapshots import Cost, SnapshotStore


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"nowhere holds no study yet.*locum run"):
        SnapshotStore.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_the_folder_of_another_study_or_model_is_refused(store):
    with pytest.raises(StorageError, match="belongs to the study 'plate', not to 'blade'"):
        SnapshotStore.open(store.folder, study="blade", model="toy", create=True)
    with pytest.raises(StorageError, match="belongs to the model 'toy', not to 'other'"):
        SnapshotStore.open(store.folder, study="plate", model="other")


def test_a_newer_format_is_refused(filled):
    with sqlite3.connect(filled.folder / "catalogue.db") as connection:
        connection.execute("UPDATE meta SET value = '3' WHERE key = 'format'")
    with pytest.raises(StorageError, match=r"newer locum \(format 3, this one reads up to 1\)"):
        SnapshotStore.open(filled.folder)


def test_a_newer_ensemble_is_refused(filled):
    path = filled.folder / "ensemble.zarr" / "zarr.json"
    path.write_text(path.read_text().replace('"locum_format": 1', '"locum_format": 2'))
    with pytest.raises(StorageError, match=r"newer locum \(format 2, this one reads up to 1\)"):
        SnapshotStore.open(filled.folder).layout()


def test_a_damaged_catalogue_is_named(filled):
    filled.close()
    path = filled.folder / "catalogue.db"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(StorageError, match=r"catalogue\.db: the file is damaged"):
        SnapshotStore.open(filled.folder)


def test_a_lost_catalogue_is_never_replaced_by_an_empty_one(filled):
    filled.close()
    (filled.folder / "catalogue.db").rename(filled.folder / "saved.db")
    with pytest.raises(StorageError, match=r"holds an ensemble but its catalogue\.db is missing"):
        SnapshotStore.open(filled.folder, study="plate", model="toy", create=True)


def test_reading_only_writes_nothing(filled, plan):
    before = {path: path.stat().st_mtime_ns for path in filled.folder.rglob("*")}
    reader = SnapshotStore.open(filled.folder, study="plate", readonly=True)
    records = reader.records(outcome="done")
    next(reader.blocks("flux", records)())
    reader.dataset(records)["flux"].mean().compute()
    assert reader.verify() == []
    assert {path: path.stat().st_mtime_ns for path in filled.folder.rglob("*")} == before
    with pytest.raises(StorageError, match="opened for reading only"):
        reader.fail(records[0], "raised", "", Cost())


def test_a_catalogue_url_that_cannot_be_used_is_named(tmp_path):
    for url in ("nonsense", "marsdb://here/there"):
        with pytest.raises(StorageError, match="catalogue"):
            SnapshotStore.open(tmp_path, study="a", model="b", create=True, catalogue_url=url)


def test_a_catalogue_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    for url in ("postgresql+psycopg://me:secret@127.0.0.1:9/a", "postgresql+asyncmy://me:secret@here/a"):
        with pytest.raises(StorageError, match=r"catalogue postgresql\+\w+://me:\*\*\*@") as refusal:
            SnapshotStore.open(tmp_path, study="a", model="b", create=True, catalogue_url=url)
        assert "secret" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_catalogue_may_live_elsewhere(tmp_path, simulate):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    store = SnapshotStore.open(tmp_path / "study", study="a", model="b", create=True, catalogue_url=url)
    (record,) = store.plan([{"x": 1.0}], model="b", version="1", purpose="design")
    assert store.save(record, simulate(1.0), Cost())
    assert not (store.folder / "catalogue.db").exists()
    assert SnapshotStore.open(store.folder, catalogue_url=url).verify() == []
