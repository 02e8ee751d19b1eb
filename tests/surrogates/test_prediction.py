from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from locum.exceptions import ParameterError
from locum.highfidelity import Mesh
from locum.parameters import ParameterSpace
from locum.surrogates import prediction as module


def test_a_single_query_gives_arrays_of_length_one_and_plain_numbers(bump):
    prediction = bump.surrogate.predict(bump.query)
    assert len(prediction) == 1
    assert prediction.quantities["hottest"].shape == (1,)
    assert prediction.item("hottest") == prediction["hottest"][0]
    assert isinstance(prediction.item("hottest"), float)


def test_what_is_not_asked_for_is_not_computed(bump, monkeypatch):
    """Quantities build no field, and a prediction alone computes nothing."""
    calls = []
    for name in ("quantity_values", "coordinates", "expand"):
        original = getattr(type(bump.surrogate), name)
        monkeypatch.setattr(
            type(bump.surrogate),
            name,
            lambda self, *arguments, _name=name, _original=original: (
                calls.append(_name) or _original(self, *arguments)
            ),
        )
    prediction = bump.surrogate.predict(bump.query)
    assert calls == []
    _ = prediction.quantities, prediction.quantities
    assert calls == ["quantity_values"]
    prediction.field("flux")
    assert calls == ["quantity_values", "coordinates", "expand"]


def test_a_field_has_dimensions_coordinates_and_units(bump):
    field = bump.surrogate.predict(bump.space.sample(3, np.random.default_rng(0))).field("temperature")
    assert field.dims == ("sample", "time", "node")
    assert field.shape == (3, 11, 41)
    assert field.attrs["units"] == "K"
    assert field["time"].attrs["units"] == "s"
    assert np.array_equal(field["node_x"], bump.description.mesh.points[:, 0])
    assert field["diffusivity"].dims == ("sample",)
    assert field["diffusivity"].attrs["units"] == "m2/s"
    assert bump.surrogate.predict(bump.query)["flux"].dims == ("sample", "node", "component")


def test_the_dataset_is_lazy_in_fields_and_equal_when_computed(bump, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 8 * 11 * 41)  # four snapshots a block
    prediction = bump.surrogate.predict(bump.space.sample(10, np.random.default_rng(1)))
    dataset = prediction.to_xarray()
    assert isinstance(dataset["temperature"].data, da.Array)
    assert dataset["temperature"].chunks[0] == (4, 4, 2)
    expected = bump.surrogate.expand("temperature", prediction.coordinates("temperature"))
    assert np.allclose(dataset["temperature"].values, expected, rtol=1e-12)
    assert isinstance(prediction.field("temperature").data, da.Array)
    assert isinstance(bump.surrogate.predict(bump.query).field("temperature").data, np.ndarray)
    assert dataset["hottest"].attrs["units"] == "K"
    assert Mesh.from_ugrid(dataset).hash == bump.description.mesh.hash


def test_the_dataset_survives_a_round_trip_to_zarr(bump, tmp_path):
    dataset = bump.surrogate.predict(bump.space.sample(3, np.random.default_rng(2))).to_xarray()
    dataset.to_zarr(tmp_path / "answers.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "answers.zarr", consolidated=False) as again:
        xr.testing.assert_allclose(dataset.compute(), again.compute())


def test_a_parameter_whose_name_is_taken_gets_a_prefix(bump):
    names = dict(zip(bump.space.names, ("time", "temperature", "edge"), strict=True))
    space = ParameterSpace(tuple(replace(p, name=names[p.name]) for p in bump.space.parameters))
    surrogate = replace(bump.surrogate, description=replace(bump.description, space=space))
    query = {names[name]: value for name, value in bump.query.items()}
    dataset = surrogate.predict(query).to_xarray()
    assert {name: float(dataset[f"parameter_{name}"][0]) for name in query} == pytest.approx(query)
    assert np.array_equal(dataset["time"], bump.description.times)
    assert dataset["temperature"].dims == ("sample", "time", "node")


def test_parameters_may_come_as_a_dataset(bump):
    asked = xr.Dataset({name: ("sample", [value, value]) for name, value in bump.query.items()})
    prediction = bump.surrogate.predict(asked)
    assert prediction["mean_end"] == pytest.approx(
        np.repeat(bump.surrogate.predict(bump.query)["mean_end"], 2)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amplitude": np.nan}, "parameter 'amplitude': expected a finite number"),
        ({"amplitude": np.inf}, "parameter 'amplitude': expected a finite number"),
        ({"amplitud": 1.0}, "did you mean 'amplitude'"),
        ({"amplitude": "much"}, "expected a number"),
    ],
)
def test_a_wrong_query_is_one_clear_sentence(bump, change, message):
    with pytest.raises(ParameterError, match=message):
        bump.surrogate.predict(bump.query | change)


def test_a_missing_parameter_is_named(bump):
    with pytest.raises(ParameterError, match="'position' is missing"):
        bump.surrogate.predict({"diffusivity": 0.03, "amplitude": 100.0})


def test_an_unknown_output_is_refused_with_the_likely_one(bump):
    prediction = bump.surrogate.predict(bump.query)
    for ask in (prediction.field, prediction.coordinates, prediction.__getitem__):
        with pytest.raises(ParameterError, match="did you mean 'temperature'"):
            ask("temperatur")
    with pytest.raises(ParameterError, match="did you mean 'hottest'"):
        prediction.item("hotest")
    with pytest.raises(ParameterError, match="needs a single query"):
        bump.surrogate.predict(bump.data.values).item("hottest")


@pytest.mark.parametrize("queries", [0, 1, 12])
def test_people_see_names_numbers_and_units(bump, queries):
    prediction = bump.surrogate.predict(bump.data.values[:queries])
    assert f"{queries} quer" in repr(prediction)
    assert "hottest" in repr(prediction)
    assert "field of 11 x 41 (time, node) K" in repr(prediction)
    assert prediction._repr_html_().count("<tr>") == 7
