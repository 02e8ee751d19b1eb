"""The client's predictions are those of a local surrogate."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
import xarray as xr

import locum
from locum.exceptions import ParameterError
from locum.service.client import ServiceError

POINTS = {"x": [0.1, 0.5, 1.5], "y": [0.2, 0.9, 0.5]}


@pytest.fixture
def client(server: httpx.Client) -> locum.Client:
    return locum.Client(str(server.base_url))


def test_a_remote_prediction_is_a_local_one(server: httpx.Client, client) -> None:
    local = locum.load(str(server.service.studies["wave"].path)).predict(POINTS)
    assert client.surrogates() == ["wave"]
    remote = client.surrogate("wave").predict(POINTS)
    assert len(remote) == 3 and remote.version == 3
    np.testing.assert_allclose(remote["top"], local["top"], rtol=1e-12)
    assert list(remote.verdict) == list(local.verdict) and list(remote.in_domain) == list(local.in_domain)
    figure = remote.error_figures["height"]
    np.testing.assert_allclose(figure.value[:2], local.error_figures["height"].value[:2], rtol=1e-5)
    assert np.isinf(figure.value[2]) and (figure.kind, figure.coverage) == ("indicator", 0.8)
    xr.testing.assert_allclose(remote["height"].drop_attrs(), local["height"].drop_attrs())
    dataset, expected = remote.to_xarray(), local.to_xarray().load()
    assert set(dataset.variables) == set(expected.variables)
    xr.testing.assert_allclose(dataset["height"], expected["height"])
    assert dataset["height"].attrs == expected["height"].attrs


def test_what_is_refused_says_why(client) -> None:
    surrogate = client.surrogate("wave")
    with pytest.raises(ParameterError, match="'z' is unknown"):
        surrogate.predict({"x": 0.4, "z": 0.5})
    with pytest.raises(ServiceError, match="above 1 m"):
        surrogate.predict({"x": 1.5, "y": 0.5}, if_over_tolerance="refuse")
    with pytest.raises(ParameterError, match="did you mean 'height'"):
        surrogate.predict({"x": 0.5, "y": 0.5})["heigth"]
    with pytest.raises(ServiceError, match="did you mean 'wave'"):
        client.surrogate("wafe")
    with pytest.raises(ServiceError, match="does not answer"):
        locum.Client("http://127.0.0.1:9", timeout=5).surrogates()
