import os
import pickle
import signal
import threading

import pytest

from locum.exceptions import RegistryError, StorageError
from locum.registry import Registry
from locum.snapshots import Database, SnapshotStore


def test_a_version_reads_back_as_it_was_registered(registry, register):
    register()
    version = register("data", training_set_hash="u", metrics={"error": 0.125})
    assert (version.number, version.folder.name) == (2, "0002")
    assert (version.folder / "parts" / "basis.npz").read_text() == "data"
    assert registry.version(2) == version
    manifest = registry.version(2).manifest
    assert manifest["metrics"] == {"error": 0.125}
    assert (manifest["number"], manifest["created"]) == (2, version.created)
    assert set(manifest["files"]) == {"parts/basis.npz", "surrogate.json"}
    assert {"python", "locum", "numpy", "torch"} <= set(manifest["environment"])
    assert registry.verify() == []
    assert pickle.loads(pickle.dumps(version)) == version


def test_a_version_that_does_not_exist_is_named(registry, register):
    register()
    for ask in (registry.version, lambda number: registry.promote(number, None)):
        with pytest.raises(RegistryError, match="version 7 does not exist; there are: 1"):
            ask(7)
    assert registry.champion is None
    with pytest.raises(RegistryError, match="no surrogate that answers yet"):
        registry.require_champion()


def test_the_newest_version_is_candidate_until_it_is_champion(registry, register):
    register()
    register()
    assert (registry.candidate, registry.champion) == (2, None)
    registry.promote(1, None)
    assert (registry.candidate, registry.champion) == (2, 1)
    registry.promote(2, 1)
    assert (registry.candidate, registry.champion) == (None, 2)


def test_a_stale_promotion_is_refused_and_changes_nothing(registry, register):
    for _ in range(3):
        register()
    with pytest.raises(RegistryError, match="no version is champion, version 1 was expected"):
        registry.promote(2, 1)
    registry.promote(1, None)
    with pytest.raises(RegistryError, match="version 1 is champion, no version was expected"):
        registry.promote(2, None)
    registry.promote(2, 1)
    history = registry.history()
    with pytest.raises(
        RegistryError, match="version 3 was not made champion: version 2 is champion, version 1 was"
    ):
        registry.promote(3, 1)
    assert registry.champion == 2
    assert registry.history() == history


def test_nobody_goes_back_to_a_version_that_is_damaged(registry, register):
    for number, before in ((1, None), (2, 1)):
        version = register()
        registry.promote(number, before)
    file = registry.version(1).folder / "surrogate.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(
        RegistryError, match=r"version 2 goes on answering: .*surrogate\.json is not as it was"
    ):
        registry.rollback()
    assert (registry.champion, len(registry.history())) == (version.number, 2)
    file.write_bytes(whole)
    assert registry.rollback() == 1


def test_rollback_goes_back_through_the_champions_that_were(registry, register):
    for _ in range(4):
        register()
    registry.promote(1, None)
    registry.promote(3, 1)
    registry.promote(2, 3)
    assert registry.rollback() == 3
    registry.promote(4, 3)
    assert [registry.rollback(), registry.rollback()] == [3, 1]
    with pytest.raises(RegistryError, match="no champion to go back to"):
        registry.rollback()
    assert registry.champion == 1
    assert [(p.number, p.before, p.undone is not None) for p in registry.history()] == [
        (1, None, False),
        (3, 1, True),
        (2, 3, True),
        (4, 3, True),
    ]


def test_promoting_the_champion_again_is_no_move(registry, register):
    register()
    registry.promote(1, None)
    registry.promote(1, 1)
    assert len(registry.history()) == 1


def test_the_same_training_set_is_found_again(registry, register):
    register(training_set_hash="t1")
    register(training_set_hash="t2")
    register(training_set_hash="t2")
    register(training_set_hash="t2", study_hash="another")
    assert registry.find("t2", "s").number == 3
    assert registry.find("t3", "s") is None


@pytest.mark.parametrize("failure", [ValueError("cannot save"), KeyboardInterrupt()])
def test_a_surrogate_that_cannot_be_saved_leaves_nothing(registry, register, failure):
    register()

    def write(folder):
        (folder / "half").write_text("...")
        raise failure

    with pytest.raises(type(failure)):
        registry.register(write, {"study_hash": "s", "training_set_hash": "t", "model_version": "1"})
    assert [path.name for path in registry.folder.iterdir()] == ["0001"]
    assert register().number == 2


def test_a_manifest_that_lacks_an_entry_is_refused(registry):
    with pytest.raises(RegistryError, match="model_version is missing"):
        registry.register(lambda folder: None, {"study_hash": "s", "training_set_hash": "t"})


def test_a_surrogate_may_not_write_the_manifest(registry):
    manifest = {"study_hash": "s", "training_set_hash": "t", "model_version": "1"}
    with pytest.raises(RegistryError, match=r"manifest\.json"):
        registry.register(lambda folder: (folder / "manifest.json").touch(), manifest)
    assert registry.versions() == []


def test_a_folder_that_no_version_made_is_ignored_and_its_number_stays_unused(registry, register):
    register()
    orphan = registry.folder / "0002"
    orphan.mkdir()
    (registry.folder / ".incoming-old").mkdir()
    assert register().number == 3
    assert [version.number for version in registry.versions()] == [1, 3]
    assert orphan.exists()
    assert not (registry.folder / ".incoming-old").exists()


def test_killed_between_folder_and_row_nothing_is_lost(registry, register, store):
    register()
    process = os.fork()
    if process == 0:

        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)

        own = Registry.open(SnapshotStore.open(store.folder))
        own._database.writing = die  # the folder is renamed, the row not yet written
        own.register(lambda folder: None, {"study_hash": "s", "training_set_hash": "t", "model_version": "1"})
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    assert (registry.folder / "0002").exists()
    assert [version.number for version in registry.versions()] == [1]
    again = Registry.open(SnapshotStore.open(store.folder))
    assert [version.number for version in again.versions()] == [1, 2]
    assert again.candidate == 2 and again.verify() == []
    assert again.version(2).manifest["number"] == 2
    assert register().number == 3


def test_damaged_files_of_a_version_are_named(registry, register):
    for _ in range(3):
        register()
    (registry.folder / "0001" / "parts" / "basis.npz").write_text("hullo")
    (registry.folder / "0002" / "surrogate.json").unlink()
    (registry.folder / "0003" / "manifest.json").write_text("{}")
    changed, gone, manifest = registry.verify()
    assert "0001/parts/basis.npz is not as it was registered" in changed
    assert "0002/surrogate.json is missing" in gone
    assert "0003/manifest.json is not as it was registered" in manifest
    with pytest.raises(StorageError):
        _ = registry.version(3).manifest


def test_a_study_without_versions_can_be_read(store):
    reader = Registry(store.folder, Database(store.folder / "catalogue.db", readonly=True))
    assert (reader.versions(), reader.champion, reader.candidate, reader.history()) == ([], None, None, [])


def test_readers_see_one_champion_while_it_moves_a_thousand_times(registry, register, store):
    for _ in range(3):
        register()
    registry.promote(1, None)
    done = threading.Event()
    wrong: list[object] = []
    reads = [0] * 4

    def read(number: int) -> None:
        own = Registry.open(SnapshotStore.open(store.folder, readonly=True))
        while not done.wait(0.003):
            champion = own.require_champion()
            if own.version(champion).manifest["number"] != champion:
                wrong.append(champion)
            reads[number] += 1

    readers = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for reader in readers:
        reader.start()
    champions, refused = [1], 0
    for step in range(1000):
        number = 1 + step % 3
        if step % 7 == 3:
            with pytest.raises(RegistryError):
                registry.promote(number, 99)
            refused += 1
        elif step % 2 and len(champions) > 1:
            champions.pop()
            assert registry.rollback() == champions[-1]
        elif number != champions[-1]:
            registry.promote(number, champions[-1])
            champions.append(number)
    done.set()
    for reader in readers:
        reader.join()
    assert registry.champion == champions[-1]
    assert refused > 100
    assert wrong == []
    assert min(reads) > 0


def test_of_two_who_promote_at_once_exactly_one_succeeds(registry, register, store):
    for _ in range(9):
        register()
    registry.promote(1, None)
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def promote(number: int) -> None:
        own = Registry.open(SnapshotStore.open(store.folder))
        together.wait()
        try:
            own.promote(number, 1)
            outcomes.append(f"promoted {number}")
        except RegistryError:
            outcomes.append("refused")

    threads = [threading.Thread(target=promote, args=(number,)) for number in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 7
    assert f"promoted {registry.champion}" in outcomes


def test_versions_registered_at_once_get_numbers_of_their_own(registry, store):
    manifest = {"study_hash": "s", "training_set_hash": "t", "model_version": "1"}

    def register() -> None:
        own = Registry.open(SnapshotStore.open(store.folder))
        for _ in range(3):
            own.register(lambda folder: (folder / "a").write_text("b") and None, manifest)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.number for version in registry.versions()] == list(range(1, 13))
    assert registry.verify() == []
