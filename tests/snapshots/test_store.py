import os
import pickle
import signal

import numpy as np
import pytest
import xarray as xr

from locum.exceptions import SimulationError, StorageError
from locum.highfidelity import Mesh
from locum.highfidelity.attempts import Attempt
from locum.snapshots import Cost, SampleRecord, SnapshotStore, training_set_hash


def test_a_sample_does_not_exist_before_its_commit(store, plan, simulate):
    (record,) = plan(1.0)
    written = store.write(record, simulate(1.0))
    assert store.outcome(record.identity) is None
    assert store.records(outcome="done") == []
    assert store.commit(record, written, Cost(2.0, 7, "here"))
    (done,) = store.records(outcome="done")
    assert (done.seconds, done.memory, done.host) == (2.0, 7, "here")
    assert done.quantities == {"peak": float(simulate(1.0)["peak"])}
    assert done.content_hash == written.content_hash


def test_committing_twice_keeps_the_first_and_says_so(store, plan, simulate):
    (record,) = plan(1.0)
    assert store.save(record, simulate(1.0), Cost(1.0))
    assert not store.save(record, simulate(2.0), Cost(9.0))
    assert store.outcome(record.identity).seconds == 1.0
    assert store.verify() == []


def test_planning_twice_keeps_row_purpose_and_outcome(store, plan, simulate):
    first = plan(1.0, 2.0)
    store.save(first[1], simulate(2.0), Cost())
    again = plan(2.0, 3.0, 1.0, purpose="audit")
    assert [record.row for record in again] == [1, 2, 0]
    assert [record.purpose for record in again] == ["design", "audit", "design"]
    assert [record.outcome for record in again] == ["done", "planned", "planned"]


def test_a_sample_that_was_never_planned_cannot_be_committed(store, plan, simulate):
    (record,) = plan(1.0)
    stranger = SampleRecord.from_dict({**record.to_dict(), "identity": "f" * 64})
    with pytest.raises(StorageError, match="never planned"):
        store.fail(stranger, "raised", "", Cost())


def test_a_failed_sample_keeps_its_reason_until_it_is_tried_again(store, plan, simulate):
    (record,) = plan(1.0)
    assert store.fail(record, "timed out", "took 10 s", Cost(10.0))
    assert not store.fail(record, "raised", "later", Cost())
    failed = store.outcome(record.identity)
    assert (failed.outcome, failed.failure, failed.reason) == ("failed", "timed out", "took 10 s")
    assert store.retry_failed([record]) == 1
    assert [r.outcome for r in store.records()] == ["planned"]


def test_a_reason_is_kept_whatever_foreign_code_put_into_it(store, plan, simulate):
    (record,) = plan(1.0)
    assert store.fail(record, "raised", "no file \udcff\0 " + 5000 * "x", Cost())
    reason = store.outcome(record.identity).reason
    assert reason.startswith(r"no file \udcff\0 xxx") and reason.endswith("xxx ...") and len(reason) < 2100


def test_a_finished_simulation_supersedes_its_timeout_but_never_the_reverse(store, plan, simulate):
    (record,) = plan(1.0)
    store.fail(record, "timed out", "took 10 s", Cost(10.0))
    assert store.save(record, simulate(1.0), Cost(11.0))
    assert not store.fail(record, "raised", "", Cost())
    assert store.retry_failed([record]) == 0
    assert store.outcome(record.identity).outcome == "done"


def test_fields_read_back_bit_for_bit_in_the_order_asked(filled, simulate):
    records = filled.records(outcome="done")[::-1]
    dataset = filled.dataset(records)
    for position, record in enumerate(records):
        expected = simulate(record.parameters["x"])
        for field in ("temperature", "flux"):
            np.testing.assert_array_equal(dataset[field][position], expected[field])
    assert dataset["x"].values.tolist() == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert dataset["peak"].values.tolist() == [record.quantities["peak"] for record in records]
    assert dataset["temperature"].chunks[0] == (1,) * 5


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 0, 1, 3, 2], [2]])
@pytest.mark.parametrize("samples_a_block", [1, 2, 3, 99])
def test_blocks_are_one_pass_over_the_samples_in_order(filled, simulate, order, samples_a_block):
    done = filled.records(outcome="done")
    records = [done[i] for i in order]
    nbytes = samples_a_block * filled.layout().fields["flux"].nbytes
    passes = filled.blocks("flux", records, nbytes)
    expected = np.stack([simulate(record.parameters["x"])["flux"].values for record in records])
    for _ in range(2):
        blocks = list(passes())
        assert max(len(block) for block in blocks) <= samples_a_block
        np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_what_is_not_done_is_not_read(filled):
    for record in filled.records(outcome="failed") + filled.records(outcome="planned"):
        with pytest.raises(StorageError, match=rf"{record.identity[:8]}.*is {record.outcome}"):
            filled.dataset([record])
    with pytest.raises(StorageError, match="no sample"):
        filled.blocks("flux", [])
    with pytest.raises(StorageError, match=r"no field 'wind'.*flux, temperature"):
        filled.blocks("wind", filled.records(outcome="done"))


SPOILT = {
    "another mesh": lambda s: s.assign_coords(node_x=s["node_x"] + 1e-12),
    "times": lambda s: s.assign_coords(time=("time", s["time"].values * 2, s["time"].attrs)),
    "no times": lambda s: s.isel(time=0, drop=True),
    "the fields": lambda s: s.drop_vars("flux"),
    "the quantities of interest": lambda s: s.drop_vars("peak"),
    "'flux' has shape": lambda s: s.isel(component=[0]),
    "'temperature' is in 'degC'": lambda s: s.assign(temperature=s["temperature"].assign_attrs(units="degC")),
}


@pytest.mark.parametrize("reason", SPOILT)
def test_a_snapshot_that_does_not_fit_the_ensemble_is_refused_with_the_reason(filled, plan, simulate, reason):
    (record,) = plan(7.0)
    with pytest.raises(SimulationError, match=reason) as refusal:
        filled.save(record, SPOILT[reason](simulate(7.0)), Cost())
    assert refusal.value.failure == "shape"
    assert filled.outcome(record.identity) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_place(store, plan, simulate, value):
    (record,) = plan(1.0)
    spoilt = simulate(1.0)
    spoilt["flux"].values[2, 7, 1] = value
    with pytest.raises(SimulationError, match=r"'flux' has 1 values.*time 2, node 7, component 1") as refusal:
        store.save(record, spoilt, Cost())
    assert refusal.value.failure == "not finite"
    with pytest.raises(SimulationError, match="'peak' is nan"):
        store.save(record, simulate(1.0).assign(peak=np.nan), Cost())
    assert store.save(record, simulate(1.0), Cost())


def test_a_new_version_of_the_model_starts_anew_on_its_own_mesh(filled, plan, simulate):
    (record,) = plan(1.0, version="2")
    other = Mesh(np.random.default_rng(1).random((12, 2)))
    field = xr.Dataset({"stress": (("node",), np.ones(12), {"units": "Pa"})})
    assert filled.save(record, other.to_ugrid().merge(field), Cost())
    assert [r.identity for r in filled.records(version="2", outcome="done")] == [record.identity]
    assert filled.versions() == {
        ("toy", "1"): {"planned": 1, "done": 5, "failed": 1},
        ("toy", "2"): {"planned": 0, "done": 1, "failed": 0},
    }
    assert filled.layout("1").mesh.nodes == 30
    assert filled.layout("2").mesh.nodes == filled.layout().mesh.nodes == 12
    with pytest.raises(StorageError, match="another version"):
        filled.dataset(filled.records(outcome="done"))
    filled.publish()
    assert filled.verify() == []


def test_the_ensemble_grows_beyond_its_first_room(store, plan, simulate):
    first = plan(0.0)
    store.save(first[0], simulate(0.0), Cost())
    store.publish()
    other = SnapshotStore.open(store.folder)
    other.layout()
    records = plan(*range(200))
    for record in (records[199], records[70]):
        other.save(record, simulate(record.parameters["x"]), Cost())
    values = store.dataset(store.records(outcome="done"))
    np.testing.assert_array_equal(values["temperature"][2], simulate(199.0)["temperature"])
    store.publish()
    with xr.open_zarr(store.folder / "ensemble.zarr", consolidated=False) as dataset:
        assert dataset.sizes["sample"] >= 200
    assert store.verify() == []


def test_a_store_travels_between_processes_as_its_address(filled):
    travelled = pickle.loads(pickle.dumps(filled))
    assert pickle.loads(pickle.dumps(filled)) is travelled
    assert travelled.records() == filled.records()
    assert len(pickle.dumps(filled)) < 500


def test_a_record_survives_the_journey_through_plain_values(filled):
    for record in filled.records():
        assert SampleRecord.from_dict(record.to_dict()) == record


def test_the_training_set_hash_ignores_order_and_sees_content(filled):
    records = filled.records(outcome="done")
    assert training_set_hash(records) == training_set_hash(records[::-1])
    changed = SampleRecord.from_dict({**records[0].to_dict(), "content_hash": "0" * 64})
    assert training_set_hash(records) != training_set_hash([changed, *records[1:]])


def test_rounds_and_the_study_file_are_kept(store):
    store.save_round(1, {"share": 0.9})
    store.save_round(0, {"share": 0.5})
    store.save_round(1, {"share": 0.95})
    store.save_study("a: 1\n", {"x": "m"})
    store.save_study("a: 2\n", {"x": "mm"})
    again = SnapshotStore.open(store.folder, readonly=True)
    assert again.rounds() == [{"share": 0.5}, {"share": 0.95}]
    assert (again.study_document, again.parameter_units) == ("a: 2\n", {"x": "mm"})


def test_one_run_at_a_time_and_a_killed_one_lets_go(store):
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        with SnapshotStore.open(store.folder).lock():
            os.write(writer, b"locked")
            signal.pause()
    assert os.read(reader, 6) == b"locked"
    refusal = rf"another locum run \(process {process}\) is working on this study"
    with pytest.raises(StorageError, match=refusal), store.lock():
        pass
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    with store.lock():
        pass


def test_what_killed_writers_left_is_swept_once_it_is_old(filled):
    ensemble = filled.folder / "ensemble.zarr"
    old, new = ensemble / "flux" / ".c.9.partial", ensemble / "flux" / ".c.8.partial"
    schema = filled.folder / ".ensemble.zarr.1.partial"
    schema.mkdir()
    for path in (old, new):
        path.touch()
    for path in (old, schema):
        os.utime(path, (0, 0))
    with filled.lock():
        pass
    assert [path.exists() for path in (old, new, schema)] == [False, True, False]


def test_leaving_a_run_brings_the_labels_up_to_date(store, plan, simulate):
    with store.lock():
        (record,) = plan(1.0)
        store.save(record, simulate(1.0), Cost())
    with xr.open_zarr(store.folder / "ensemble.zarr", consolidated=False) as dataset:
        assert dataset["identity"][0] == record.identity


def test_a_document_may_have_any_name_without_touching_the_study(store):
    for name in ("study", "model", "format"):
        store.save_document(name, {"value": name})
        assert store.document(name) == {"value": name}
    assert store.document("another") is None
    SnapshotStore.open(store.folder, study="plate", model="toy")


def test_a_catalogue_without_attempts_gets_them_with_the_first(tmp_path):
    """As one that was written before programs could be models."""
    import sqlite3

    store = SnapshotStore.open(tmp_path, study="s", model="m", create=True)
    one, two = store.plan([{"x": 0.0}, {"x": 1.0}], model="m", version="1", purpose="design")
    store.close()
    with sqlite3.connect(tmp_path / "catalogue.db") as connection:
        connection.execute("DROP TABLE attempts")
    connection.close()
    assert SnapshotStore.open(tmp_path, readonly=True).attempts() == {}
    store = SnapshotStore.open(tmp_path)
    store.fail(one, "raised", "no", Cost())
    tried = (Attempt({"step": 1.0}, "diverged", "no", 2.0, "log", "folder"), Attempt({"step": 0.5}))
    store.fail(two, "diverged", "no", Cost(attempts=tried))
    assert store.attempts() == {two.identity: tried}
    assert store.retry_failed([two]) == 1 and store.attempts() == {}
