"""Clients of the Open Inference Protocol get the same answers."""

from __future__ import annotations

import httpx
import pytest


def tensor(name: str, *data: float) -> dict[str, object]:
    return {"name": name, "shape": [len(data)], "datatype": "FP64", "data": list(data)}


def test_a_model_is_described_and_ready(server: httpx.Client) -> None:
    assert server.get("/v2").json()["name"] == "locum"
    assert server.get("/v2/health/live").json() == {"live": True}
    assert server.get("/v2/health/ready").json() == {"ready": True}
    assert server.get("/v2/models/wave/ready").json() == {"ready": True}
    model = server.get("/v2/models/wave").json()
    assert [each["name"] for each in model["inputs"]] == ["x", "y"] and model["versions"] == ["3"]
    assert server.get("/v2/models/wave/versions/1").json()["versions"] == ["1"]
    assert server.get("/v2/models/nothing").status_code == 404


def test_an_inference_is_the_prediction(server: httpx.Client, predict) -> None:
    body = {"id": "mine", "inputs": [tensor("y", 0.5, 0.5), tensor("x", 0.4, 1.5)]}
    found = server.post("/v2/models/wave/infer", json=body).json()
    known = predict(server, {"x": [0.4, 1.5], "y": 0.5}).json()
    outputs = {each["name"]: each for each in found["outputs"]}
    assert (found["id"], found["model_version"]) == ("mine", "3")
    assert outputs["top"]["data"] == pytest.approx(known["outputs"]["top"]["values"])
    assert outputs["height_error_figure"]["data"][1] is None is known["outputs"]["height"]["error_figure"][1]
    assert outputs["verdict"]["data"] == known["verdict"] and outputs["in_domain"]["data"] == [True, False]
    assert found["parameters"]["outputs"]["height"]["tolerance"] == 0.002
    some = body | {"outputs": [{"name": "top"}]}
    older = server.post("/v2/models/wave/versions/1/infer", json=some).json()
    assert [each["name"] for each in older["outputs"]] == ["top"] and older["model_version"] == "1"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"inputs": [tensor("x", 0.4)]}, "'y' is missing"),
        ({"inputs": [tensor("x", 0.4), tensor("x", 0.4)]}, "twice"),
        ({"inputs": [tensor("x", 0.4), tensor("y", 0.4) | {"shape": [2]}]}, "'y'"),
        ({"inputs": [tensor("x", 0.4), tensor("y", 0.4) | {"datatype": "INT64"}]}, "datatype"),
        ({"inputs": [tensor("x", 0.1, 0.2), tensor("y", 0.1, 0.2, 0.3)]}, "equally long"),
        ({"inputs": [tensor("x", 0.4), tensor("y", 0.4)], "outputs": [{"name": "tip"}]}, "'tip' is unknown"),
    ],
)
def test_what_cannot_be_inferred_is_refused(server: httpx.Client, body, words) -> None:
    answer = server.post("/v2/models/wave/infer", json=body)
    assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
