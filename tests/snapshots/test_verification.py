import sqlite3
from pathlib import Path

import pytest

from locum.exceptions import StorageError
from locum.snapshots import SnapshotStore


def _chunk(store: SnapshotStore, row: int) -> Path:
    return store.folder / "ensemble.zarr" / "flux" / f"c.{row}.0.0.0"


def _flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "deleted": lambda path: path.unlink(),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "emptied": lambda path: path.write_bytes(b""),
    "bit in the data": lambda path: _flip(path, -5),
    "bit in the header": lambda path: _flip(path, 1),
    "another sample's": lambda path: path.write_bytes(path.with_name("c.0.0.0.0").read_bytes()),
}


def test_a_sound_store_has_no_problem(filled):
    seen = []
    assert filled.verify(lambda done, total: seen.append((done, total))) == []
    assert seen == [(i, 5) for i in range(1, 6)]


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_damaged_sample_is_named(filled, damage):
    record = filled.records(outcome="done")[2]
    DAMAGE[damage](_chunk(filled, record.row))
    (problem,) = SnapshotStore.open(filled.folder, readonly=True).verify()
    assert problem.sample == record
    assert str(problem).startswith(f"sample {record.identity[:8]} (row 2; ")
    assert "x=2" in str(problem)


@pytest.mark.parametrize("damage", ["deleted", "truncated", "emptied"])
def test_a_pass_over_a_damaged_ensemble_raises_instead_of_giving_numbers(filled, damage):
    DAMAGE[damage](_chunk(filled, 2))
    with pytest.raises(StorageError, match=r"flux"):
        list(filled.blocks("flux", filled.records(outcome="done"))())


@pytest.mark.parametrize("name", ["node_x/c.0", "mesh_face_nodes/c.0.0", "time/c.0"])
def test_damage_to_what_is_stored_once_is_named(filled, name):
    path = filled.folder / "ensemble.zarr" / name
    path.unlink()
    problems = SnapshotStore.open(filled.folder).verify()
    assert problems
    assert problems[0].sample is None
    assert "ensemble.zarr" in str(problems[0])


def test_an_unreadable_schema_is_one_sentence(filled):
    (filled.folder / "ensemble.zarr" / "node_x" / "zarr.json").write_text("{")
    assert "cannot read the schema of" in str(SnapshotStore.open(filled.folder).verify()[0])


def test_a_vanished_ensemble_is_named(filled):
    (filled.folder / "ensemble.zarr").rename(filled.folder / "elsewhere")
    problems = SnapshotStore.open(filled.folder).verify()
    assert "is missing although samples in it are committed" in str(problems[0])
    assert len(problems) == 1 + 5


def test_a_damaged_label_is_named_and_written_anew(filled):
    (filled.folder / "ensemble.zarr" / "peak" / "c.0").write_bytes(b"x")
    (problem,) = filled.verify()
    assert "label 'peak'" in str(problem)
    filled.publish()
    assert filled.verify() == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            'UPDATE plan SET parameters = \'{"x": 2.5, "load": 2.0}\' WHERE row = 2',
            "not those of its identity",
        ),
        (
            "UPDATE outcomes SET quantities = '{\"peak\": 0.0}' WHERE content_hash = ?",
            "differ from what was committed",
        ),
    ],
)
def test_numbers_changed_in_the_catalogue_are_found(filled, statement, what):
    record = filled.records(outcome="done")[2]
    with sqlite3.connect(filled.folder / "catalogue.db") as connection:
        connection.execute(statement, (record.content_hash,) * statement.count("?"))
    (problem,) = filled.verify()
    assert what in str(problem)
    assert problem.sample.row == 2
