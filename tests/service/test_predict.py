"""Predictions over HTTP are those of the library, in every format, and nothing wrong is let through."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from zarr.storage import ZipStore

import locum
from locum.service.formats import ARROW, NPY, ZARR

HERE = {"x": 0.4, "y": 0.5}

POINTS = {"x": [0.1, 0.5, 1.5], "y": [0.2, 0.9, 0.5]}


@pytest.fixture
def local(server: httpx.Client):
    return locum.load(str(server.service.studies["wave"].path))


def test_an_answer_is_that_of_the_library(server: httpx.Client, local, predict) -> None:
    answer = predict(server, POINTS).json()
    expected = local.predict(POINTS)
    assert answer["rows"] == 3 and answer["version"] == local.manifest["version"]
    assert answer["training_set"] == local.manifest["training_set_hash"]
    np.testing.assert_allclose(answer["outputs"]["top"]["values"], expected["top"], rtol=1e-12)
    for name, figure in expected.error_figures.items():
        output = answer["outputs"][name]
        np.testing.assert_allclose(output["error_figure"][:2], figure.value[:2], rtol=1e-5)
        assert (output["error_kind"], output["coverage"]) == (figure.kind, figure.coverage)
        assert output["error_figure"][2] is None  # nothing is claimed outside the domain
    assert answer["verdict"] == list(expected.verdict)
    assert answer["in_domain"] == [True, True, False] and answer["reasons"] == list(expected.domain_reasons)


def test_units_may_be_told_to_be_safe(server: httpx.Client, predict) -> None:
    assert predict(server, units={"x": "m"}).status_code == 200


def test_rows_and_columns_are_the_same_question(server: httpx.Client, predict) -> None:
    rows = [dict(zip(POINTS, row, strict=True)) for row in zip(*POINTS.values(), strict=True)]
    columns, listed = predict(server, POINTS).json(), predict(server, rows).json()
    assert columns["verdict"] == listed["verdict"] and columns["answer"] != listed["answer"]
    assert predict(server, {"x": [0.1, 0.2], "y": 0.5}).json()["parameters"]["y"] == [0.5, 0.5]


def test_fields_come_whole_or_at_nodes_and_points(server: httpx.Client, local, predict) -> None:
    truth = local.predict(POINTS).field("height")
    whole = predict(server, POINTS, fields=["height"]).json()["outputs"]["height"]
    assert whole["dimensions"] == ["sample", "node"]
    np.testing.assert_allclose(whole["values"], truth, rtol=1e-12)
    some = predict(server, POINTS, fields=["height"], nodes=[20, 3]).json()
    np.testing.assert_allclose(some["outputs"]["height"]["values"], truth[:, [20, 3]], rtol=1e-12)
    assert some["nodes"] == [20, 3]
    between = predict(server, POINTS, fields=["height"], points=[[0.0], [0.126]]).json()
    expected = 0.48 * truth[:, 2] + 0.52 * truth[:, 3]
    np.testing.assert_allclose(between["outputs"]["height"]["values"][1][1], expected[1], rtol=1e-9)


@pytest.mark.parametrize(("fields", "shape"), [([], None), (["height"], (3, 21))])
def test_every_format_says_the_same(server: httpx.Client, tmp_path: Path, fields, shape, predict) -> None:
    def asked(media_type: str) -> httpx.Response:
        answer = predict(server, POINTS, fields=fields, headers={"accept": media_type})
        assert answer.status_code == 200 and answer.headers["content-type"] == media_type
        assert answer.headers["locum-version"] == "3" and len(answer.headers["locum-answer"]) == 32
        return answer

    known = predict(server, POINTS, fields=fields).json()
    table = np.load(io.BytesIO(asked(NPY).content), allow_pickle=False)
    stream = pa.ipc.open_stream(asked(ARROW).content).read_all()
    (tmp_path / "answer.zip").write_bytes(asked(ZARR).content)
    assert zipfile.is_zipfile(tmp_path / "answer.zip")
    dataset = xr.open_zarr(ZipStore(tmp_path / "answer.zip", mode="r"), consolidated=False)
    figures = np.array(known["outputs"]["top"]["error_figure"], dtype=float)
    for found in (table, dataset, {name: np.array(stream[name]) for name in stream.column_names}):
        np.testing.assert_allclose(found["top"], known["outputs"]["top"]["values"], rtol=1e-12)
        np.testing.assert_allclose(found["top_error_figure"][:2], figures[:2], rtol=1e-5)
        assert np.isinf(found["top_error_figure"][2])
        assert list(np.asarray(found["verdict"])) == known["verdict"]
        assert list(np.asarray(found["in_domain"])) == known["in_domain"]
        if shape:
            assert np.stack(np.asarray(found["height"])).shape == shape
    about = json.loads(stream.schema.metadata[b"locum"])
    assert about["version"] == dataset.attrs["version"] == 3
    assert json.loads(stream.schema.field("top_error_figure").metadata[b"locum"])["error_kind"] == "indicator"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"parameters": {"x": 0.4}}, 422, "'y' is missing"),
        ({"parameters": {"x": 0.4, "z": 0.5}}, 422, "'z' is unknown"),
        ({"parameters": [{"x": 0.4, "y": 0.5}, {"x": 0.4}]}, 422, "parameter set 1: parameter 'y'"),
        ({"parameters": {"x": "300 K", "y": 0.5}}, 422, "parameters"),
        ({"parameters": {"x": True, "y": 0.5}}, 422, "parameters"),
        ({"parameters": {"x": [0.1, 0.2], "y": [0.1, 0.2, 0.3]}}, 422, "equally long"),
        ({"parameters": {"x": [], "y": []}}, 422, "at least one"),
        ({"parameters": []}, 422, "parameters"),
        ({}, 422, "parameters: Field required"),
        ({"parameters": HERE, "fields": ["heigth"]}, 422, "did you mean 'height'"),
        ({"parameters": HERE, "nodes": [1]}, 422, "fields"),
        ({"parameters": HERE, "fields": ["height"], "nodes": [21]}, 422, "node 21 does not exist"),
        ({"parameters": HERE, "fields": ["height"], "nodes": [1], "points": [[0.5]]}, 422, "one of the two"),
        ({"parameters": HERE, "fields": ["height"], "points": [[1.5]]}, 422, "outside the mesh"),
        ({"parameters": HERE, "fields": ["height"], "points": [[0.5, 0.5]]}, 422, "1 coordinates"),
        ({"parameters": HERE, "fields": ["height"], "times": [1.0]}, 422, "steady"),
        ({"parameters": HERE, "if_over_tolerance": "guess"}, 422, "if_over_tolerance"),
        ({"parameters": HERE, "surprise": 1}, 422, "surprise"),
        ({"parameters": HERE, "units": {"x": "mm"}}, 422, "parameter 'x': expected m, got mm"),
        ({"parameters": HERE, "units": {"z": "m"}}, 422, "'z' is unknown"),
        ({"parameters": HERE, "version": 99}, 404, "version 99 does not exist"),
        ({"parameters": {"x": 1.5, "y": 0.5}, "if_over_tolerance": "refuse"}, 409, "above 1 m"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(server: httpx.Client, body, status, words) -> None:
    answer = server.post("/v1/surrogates/wave:predict", json=body)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status and words in problem["detail"], problem


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400, '"NaN"', "null"])
def test_numbers_that_are_none_are_refused(server: httpx.Client, number: str) -> None:
    for values in (number, f"[0.1, {number}]"):
        body = f'{{"parameters": {{"x": {values}, "y": 0.5}}}}'
        answer = server.post(
            "/v1/surrogates/wave:predict", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("number", [1e308, -1e308, 1.5, -1e-6, 5e-324])
def test_huge_numbers_are_answered_and_nothing_is_claimed(
    server: httpx.Client, number: float, predict
) -> None:
    answer = predict(server, {"x": number, "y": 0.5})
    assert answer.status_code == 200
    inside = 0 <= number <= 1
    document = answer.json()
    assert document["in_domain"] == [inside]
    assert (document["verdict"] == ["outside the domain"]) is not inside
    assert inside or all(output["error_figure"] == [None] for output in document["outputs"].values())


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"content-type": "application/json"}, 422),
        (b"\xff\xfe", {"content-type": "application/json"}, 422),
        (b'{"parameters": {"x": 0.4, "y": 0.5}}', {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/json", "accept": "image/png"}, 406),
        (b"[" * 100_000, {"content-type": "application/json"}, 422),
    ],
)
def test_bodies_that_are_not_understood_are_refused(server: httpx.Client, content, headers, status) -> None:
    answer = server.post("/v1/surrogates/wave:predict", content=content, headers=headers)
    assert answer.status_code == status and answer.json()["status"] == status


def test_unknown_names_and_paths_are_told(server: httpx.Client) -> None:
    answer = server.post("/v1/surrogates/wafe:predict", json={"parameters": HERE})
    assert answer.status_code == 404 and "did you mean 'wave'" in answer.json()["detail"]
    assert server.get("/v2/nowhere").json()["status"] == 404
    assert server.delete("/v1/surrogates").json()["status"] == 405


def test_a_hundred_thousand_sets_in_one_request_are_answered_and_logged_as_one(
    server: httpx.Client, predict, wait_for
) -> None:
    values = np.random.default_rng(0).random((100_000, 2))
    answer = predict(server, {"x": values[:, 0].tolist(), "y": values[:, 1].tolist()}).json()
    assert answer["rows"] == 100_000 == len(answer["outputs"]["top"]["values"])
    log = server.service.studies["wave"].log
    logged = wait_for(lambda: [each for each in log.recent(10) if each.answer == answer["answer"]])[0]
    assert logged.rows == 100_000 and len(logged.sets) == 32
    assert logged.over == answer["verdict"].count("over tolerance")


def test_the_log_says_what_was_asked_and_answered(server: httpx.Client, predict, wait_for) -> None:
    answer = predict(server, {"x": 0.25, "y": 0.75}).json()
    log = server.service.studies["wave"].log
    line = wait_for(lambda: [each for each in log.recent(10) if each.answer == answer["answer"]])[0]
    assert line.sets == [{"x": 0.25, "y": 0.75}] and line.version == 3 and line.seconds > 0
    assert list(line.verdicts) == answer["verdict"]
    assert line.ratios[0] == pytest.approx(answer["outputs"]["height"]["error_figure"][0] / 0.002)


def test_examples_of_the_openapi_document_are_answered(server: httpx.Client) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    for path in ("/v1/surrogates/{name}:predict", "/v2/models/{name}/infer"):
        asked = paths[path]["post"]
        names = next(each for each in asked["parameters"] if each["name"] == "name")["examples"]
        assert names == {"wave": {"value": "wave"}}
        example = asked["requestBody"]["content"]["application/json"]["examples"]["wave"]["value"]
        assert server.post(path.format(name="wave"), json=example).status_code == 200


def test_what_is_served_is_described(server: httpx.Client, local) -> None:
    assert server.get("/v1/surrogates").json()["surrogates"] == [
        {"name": "wave", "description": "", "version": 3, "ready": True}
    ]
    described = server.get("/v1/surrogates/wave").json()
    assert [(each["name"], each["unit"], each["upper"]) for each in described["parameters"]] == [
        ("x", "m", 1.0),
        ("y", "", 1.0),
    ]
    assert described["outputs"]["height"]["shape"] == [21] and described["nodes"] == 21
    assert described["trusted"] and described["training_set"] == local.manifest["training_set_hash"]
    mesh = server.get("/v1/surrogates/wave/mesh").json()
    np.testing.assert_array_equal(mesh["points"], local.description.mesh.points)
    versions = server.get("/v1/surrogates/wave/versions").json()
    assert versions["champion"] == 3 and [each["alias"] for each in versions["versions"]][-1] == "champion"


def test_limits_of_body_rows_and_rate(finished_study: Path, predict, serving) -> None:
    from locum.service.options import Limits

    with serving(finished_study, limits=Limits(body=1000, rows=3, numbers=50, rate=5.0)) as client:
        assert predict(client, {"x": [0.1] * 4, "y": 0.5}).status_code == 413
        assert predict(client, [HERE] * 4).status_code == 413
        assert predict(client, {"x": [0.1] * 300, "y": 0.5}).json()["detail"].startswith("the body")
        assert predict(client, {"x": [0.1] * 3, "y": 0.5}, fields=["height"]).status_code == 413
        answers = [predict(client) for _ in range(60)]
        refused = [each for each in answers if each.status_code == 429]
        assert refused and all(int(each.headers["retry-after"]) >= 1 for each in refused)
        assert answers[0].status_code in (200, 429)
