"""Clients of the Open Inference Protocol get the same answers."""

from __future__ import annotations

import json

import httpx
import numpy as np
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


def as_triton_sends(
    server: httpx.Client, inputs: list[dict], binary: bytes, **asked: object
) -> httpx.Response:
    """A request as ``tritonclient.http`` makes it: no media type; a header says where the JSON ends."""
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}} | asked).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))} if binary else {}
    return server.post("/v2/models/wave/infer", content=head + binary, headers=headers)


def tensors_of(answer: httpx.Response) -> dict[str, np.ndarray]:
    """Tensors of an answer, read as ``tritonclient.http`` reads them."""
    ends = int(answer.headers["Inference-Header-Content-Length"])
    outputs, rest, found = json.loads(answer.content[:ends])["outputs"], answer.content[ends:], {}
    for each in outputs:
        size = each["parameters"]["binary_data_size"]
        piece, rest = rest[:size], rest[size:]
        if each["datatype"] == "BYTES":
            texts = []
            while piece:
                length = int.from_bytes(piece[:4], "little")
                texts.append(piece[4 : 4 + length].decode())
                piece = piece[4 + length :]
            found[each["name"]] = np.array(texts)
        else:
            kind = {"FP64": "<f8", "BOOL": "?"}[each["datatype"]]
            found[each["name"]] = np.frombuffer(piece, kind).reshape(each["shape"])
    assert not rest
    return found


@pytest.mark.parametrize("kind", ["FP64", "FP32"])
def test_clients_that_speak_in_bytes_are_answered_in_bytes(server: httpx.Client, predict, kind) -> None:
    values = {"x": [0.25, 1.5], "y": [0.5, 0.5]}
    number = {"FP64": "<f8", "FP32": "<f4"}[kind]
    pieces = [np.array(each, number).tobytes() for each in values.values()]
    inputs = [
        {"name": name, "shape": [2, 1], "datatype": kind, "parameters": {"binary_data_size": len(piece)}}
        for name, piece in zip(values, pieces, strict=True)
    ]
    found = tensors_of(as_triton_sends(server, inputs, b"".join(pieces)))
    known = predict(server, values).json()
    assert found["top"] == pytest.approx(known["outputs"]["top"]["values"])
    assert found["height_error_figure"][1] == np.inf
    assert found["verdict"].tolist() == known["verdict"] and found["in_domain"].tolist() == [True, False]
    mixed = [{"name": "top", "parameters": {"binary_data": False}}, {"name": "verdict"}]
    some = as_triton_sends(server, [tensor(*each) for each in (("x", 0.25), ("y", 0.5))], b"", outputs=mixed)
    ends = int(some.headers["Inference-Header-Content-Length"])
    top, verdict = json.loads(some.content[:ends])["outputs"]
    assert top["data"] == pytest.approx(found["top"][:1]) and "data" not in verdict


@pytest.mark.parametrize(
    ("size", "binary", "words"),
    [
        (16, b"\0" * 31, "y"),
        (16, b"\0" * 33, "announced"),
        (16, b"\0" * 16 + np.array([np.nan, 0.5]).tobytes(), "finite"),
        (15, b"\0" * 30, "x"),
        (-1, b"\0" * 32, "binary_data_size"),
        ("16", b"\0" * 32, "binary_data_size"),
        (None, b"\0" * 32, "expected data"),
    ],
)
def test_bytes_that_are_no_tensors_are_refused(server: httpx.Client, size, binary, words) -> None:
    parameters = {} if size is None else {"binary_data_size": size}
    inputs = [
        {"name": name, "shape": [2], "datatype": "FP64", "parameters": parameters} for name in ("x", "y")
    ]
    answer = as_triton_sends(server, inputs, binary)
    assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
    for ends in ("-1", "1e9", "99999"):
        headers = {"Inference-Header-Content-Length": ends}
        assert server.post("/v2/models/wave/infer", content=b"{}", headers=headers).status_code == 422


def test_a_page_of_a_foreign_site_cannot_ask_without_a_media_type(server: httpx.Client) -> None:
    content = json.dumps({"inputs": [tensor("x", 0.4), tensor("y", 0.4)]})
    answer = server.post(
        "/v2/models/wave/infer", content=content, headers={"origin": "https://elsewhere.example"}
    )
    assert answer.status_code == 415
    assert server.post("/v2/models/wave/infer", content=content).status_code == 200
