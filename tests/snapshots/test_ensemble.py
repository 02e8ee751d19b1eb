import json
import warnings

import numpy as np
import xarray as xr

from locum.highfidelity import Mesh
from locum.snapshots import Cost, SnapshotStore


def _opened(store: SnapshotStore) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xr.open_zarr(store.folder / "ensemble.zarr", consolidated=False)


def test_xarray_alone_reads_an_ensemble_that_explains_itself(filled, simulate, mesh):
    dataset = _opened(filled)
    assert dataset.attrs["Conventions"] == "CF-1.11 UGRID-1.0"
    assert (dataset.attrs["model"], dataset.attrs["model_version"]) == ("toy", "1")
    assert dataset["temperature"].dims == ("sample", "time", "node")
    assert dataset["flux"].dims == ("sample", "time", "node", "component")
    units = {
        name: dataset[name].attrs["units"] for name in ("temperature", "flux", "peak", "x", "load", "time")
    }
    assert units == {"temperature": "K", "flux": "W m-2", "peak": "K", "x": "m", "load": "N", "time": "s"}
    assert {"x", "load", "identity", "time", "node_x", "node_y"} <= set(dataset.coords)
    assert {"temperature", "flux", "peak"} <= set(dataset.data_vars)
    record = filled.records(outcome="done")[3]
    row = int(np.flatnonzero(dataset["identity"].values == record.identity)[0])
    assert dict(dataset["x"].attrs)["role"] == "parameter"
    assert float(dataset["x"][row]) == record.parameters["x"]
    np.testing.assert_array_equal(dataset["flux"][row], simulate(3.0)["flux"])


def test_the_mesh_follows_ugrid_and_is_stored_once(filled, mesh):
    dataset = _opened(filled)
    topology = dataset["mesh"].attrs
    assert topology["cf_role"] == "mesh_topology"
    assert topology["topology_dimension"] == 2
    for name in topology["node_coordinates"].split():
        assert dataset[name].dims == ("node",)
        assert dataset[name].attrs["units"] == "m"
    connectivity = dataset[topology["face_node_connectivity"]]
    assert connectivity.attrs["cf_role"] == "face_node_connectivity"
    assert connectivity.attrs["start_index"] == 0
    for field in ("temperature", "flux"):
        assert dataset[field].attrs["mesh"] == "mesh"
        assert dataset[field].attrs["location"] == "node"
    assert Mesh.from_ugrid(dataset).hash == mesh.hash == topology["hash"]


def test_rows_without_a_sample_are_blank(filled):
    dataset = _opened(filled)
    finished = filled.records(outcome="done")
    blank = dataset.isel(sample=slice(6, None))
    assert blank.sizes["sample"] > 0
    assert blank["temperature"].isnull().all()
    assert (blank["identity"] == "").all()
    assert blank["x"].isnull().all()
    assert (blank["outcome"] == -1).all()
    assert dataset["outcome"][: len(finished)].values.tolist() == [1] * len(finished)
    assert dataset["temperature"][5].isnull().all()  # the failed one has a name and no field
    assert dataset["identity"][5] != ""


def test_a_sample_costs_one_file_a_field(filled):
    for field in ("temperature", "flux"):
        names = {path.name for path in (filled.folder / "ensemble.zarr" / field).iterdir()}
        assert len(names) == 5 + 1


def test_fields_are_compressed_as_doubles_compress_best(filled):
    metadata = json.loads((filled.folder / "ensemble.zarr" / "flux" / "zarr.json").read_text())
    codec = metadata["codecs"][-1]
    assert codec["name"] == "blosc"
    assert codec["configuration"]["cname"] == "zstd"
    assert codec["configuration"]["shuffle"] == "shuffle"
    assert metadata["chunk_grid"]["configuration"]["chunk_shape"] == [1, 4, 30, 2]


def test_a_large_snapshot_is_cut_along_time(store, plan, monkeypatch, simulate):
    monkeypatch.setattr("locum.snapshots.ensemble._CHUNK_BYTES", 3 * 8 * 30)
    (record,) = plan(1.0)
    store.save(record, simulate(1.0), Cost())
    names = {path.name for path in (store.folder / "ensemble.zarr" / "temperature").glob("c.*")}
    assert names == {"c.0.0.0", "c.0.1.0"}
    assert store.verify() == []
    (store.folder / "ensemble.zarr" / "temperature" / "c.0.1.0").unlink()
    (problem,) = store.verify()
    assert "temperature/c.0.1.0 missing" in str(problem)


def test_a_parameter_with_the_name_of_a_field_or_quantity_gets_a_prefix(store, simulate):
    named = [{"temperature": 300.0, "peak": 1.0, "round": 2.0, "face": 3.0}]
    (record,) = store.plan(named, model="toy", version="1", purpose="design")
    store.save(record, simulate(1.0), Cost())
    store.publish()
    dataset = _opened(store)
    for opened in (dataset, store.dataset(store.records())):
        assert float(opened["parameter_temperature"][0]) == 300.0
        assert float(opened["parameter_peak"][0]) == 1.0
        assert float(opened["parameter_round"][0]) == 2.0
        assert float(opened["parameter_face"][0]) == 3.0  # a dimension of the mesh
        assert opened["temperature"].dims == ("sample", "time", "node")


def test_a_steady_cloud_of_points_is_an_ensemble_too(store, plan):
    mesh = Mesh(np.linspace(0, 1, 7))
    (record,) = plan(1.0)
    field = xr.Dataset({"u": (("node",), np.arange(7.0), {"units": "1"})})
    store.save(record, mesh.to_ugrid().merge(field), Cost())
    np.testing.assert_array_equal(_opened(store)["u"][0], np.arange(7.0))
    assert store.layout().times is None
    assert store.verify() == []
