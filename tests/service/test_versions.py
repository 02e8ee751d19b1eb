"""Promotions are served at once and whole; keys and scopes decide who may ask for them."""

from __future__ import annotations

import concurrent.futures
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from locum.queries import Scope, add_key, remove_key
from locum.registry import Registry
from locum.snapshots import SnapshotStore

HERE = {"x": 0.4, "y": 0.5}


def test_a_promotion_elsewhere_is_served_within_two_seconds(
    serve, finished_study: Path, predict, wait_for
) -> None:
    client = serve()
    with_registry = Registry.open(SnapshotStore.open(finished_study.parent / "study"))
    assert predict(client).json()["version"] == 3
    with_registry.promote(1, expected=3)
    started = time.monotonic()
    wait_for(lambda: predict(client).json()["version"] == 1)
    assert time.monotonic() - started < 20  # two seconds, and what a busy machine adds
    assert predict(client, version=3).json()["version"] == 3


def test_promotions_and_rollbacks_under_readers_never_mix_versions(serve, predict) -> None:
    client = serve()
    base = str(client.base_url)
    expected = {}
    for version in (1, 3):
        answer = predict(client, version=version).json()
        expected[version] = (answer["training_set"], answer["outputs"]["top"])
    assert expected[1] != expected[3]
    done = threading.Event()

    def read() -> int:
        answered = 0
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as mine:
            while not done.is_set():
                answer = predict(mine)
                assert answer.status_code == 200, answer.text
                document = answer.json()
                training_set, top = expected[document["version"]]
                assert document["training_set"] == training_set
                assert document["outputs"]["top"]["values"] == pytest.approx(top["values"], rel=1e-9)
                assert document["outputs"]["top"]["error_figure"] == pytest.approx(
                    top["error_figure"], rel=1e-5
                )
                answered += 1
        return answered

    with concurrent.futures.ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read) for _ in range(4)]
        for _ in range(10):
            move = {"version": 1, "expected": 3}
            assert client.post("/v1/surrogates/wave:promote", json=move).json() == {"champion": 1}
            assert client.post("/v1/surrogates/wave:promote", json=move).status_code == 409
            back = client.post("/v1/surrogates/wave:rollback", json={"expected": 1})
            assert back.json() == {"champion": 3}
            assert client.post("/v1/surrogates/wave:rollback", json={"expected": 1}).status_code == 409
        done.set()
        assert all(each.result() for each in reading)


def test_not_ready_before_a_champion_and_ready_with_one(wave_study, locum, predict, serving) -> None:
    study = wave_study()
    SnapshotStore.open(study.parent / "study", study="wave", model="simulate", create=True).close()
    with serving(study) as client:
        assert client.get("/health/live").json()["status"] == "alive"
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["surrogates"]) == (503, {"wave": None})
        answer = predict(client)
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        assert "locum run" in answer.json()["detail"]
        assert client.get("/v1/surrogates").json()["surrogates"][0]["ready"] is False


def test_keys_let_in_who_has_the_scope(serve, tmp_path: Path, predict, wait_for) -> None:
    path = tmp_path / "keys.json"
    reader, asker = add_key(path, "reader", {Scope.READ}), add_key(path, "asker", {Scope.PREDICT})
    promoter = add_key(path, "promoter", {Scope.PROMOTE})
    client = serve(keys=path)

    def as_(key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    assert predict(client).status_code == 401
    assert predict(client).headers["www-authenticate"] == "Bearer"
    assert predict(client, headers=as_("locum_wrong")).status_code == 401
    assert predict(client, headers=as_(reader)).status_code == 403
    assert predict(client, headers=as_(asker)).status_code == 200
    assert client.get("/v1/surrogates", headers=as_(asker)).status_code == 403
    assert client.get("/v1/surrogates", headers=as_(reader)).status_code == 200
    assert client.get("/metrics").status_code == 401
    assert client.get("/health/live").status_code == client.get("/health/ready").status_code == 200
    move = {"version": 1, "expected": 3}
    path_ = "/v1/surrogates/wave:promote"
    assert client.post(path_, json=move, headers=as_(asker)).status_code == 403
    assert client.post(path_, json=move, headers=as_(promoter)).status_code == 200
    remove_key(path, "asker")
    wait_for(lambda: predict(client, headers=as_(asker)).status_code == 401)


def test_foreign_pages_get_nothing(serve, predict) -> None:
    client = serve(hosts=("localhost", "127.0.0.1"))
    foreign = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    asked = client.options("/v1/surrogates/wave:predict", headers=foreign)
    assert asked.status_code == 405 and not [name for name in asked.headers if "access-control" in name]
    assert predict(client, headers={"host": "elsewhere.example"}).status_code == 400


def test_metrics_count_what_was_answered(serve, predict) -> None:
    client = serve()
    predict(client, {"x": [0.1, 0.5, 1.5], "y": 0.5})
    lines = client.get("/metrics").text.splitlines()
    assert 'locum_parameter_sets_total{surrogate="wave"} 3.0' in lines
    assert 'locum_outside_domain_total{surrogate="wave"} 1.0' in lines
    assert 'locum_champion_version{surrogate="wave"} 3.0' in lines
    assert 'locum_outbox_depth{surrogate="wave"} 1.0' in lines


def test_the_command_serves_and_ends_what_has_begun(finished_study: Path, predict, wait_for) -> None:
    command = [sys.executable, "-m", "locum.cli", "serve", str(finished_study), "--port", "0", "--no-retrain"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        base = line.split()[3]
        assert base.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            many = {"x": [0.5] * 50_000, "y": 0.5}
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                answer = pool.submit(predict, client, many)
                wait_for(lambda: answer.running())
                time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
                assert answer.result().json()["rows"] == 50_000
        assert process.wait(60) in (0, -signal.SIGTERM)
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], ["--host 0.0.0.0", "--keys"]),
        (["--keys", "nowhere.json"], ["nowhere.json"]),
    ],
)
def test_what_would_be_unsafe_or_cannot_be_served_is_refused(
    refused, finished_study, arguments, words
) -> None:
    sentence = refused("serve", finished_study, *arguments)
    assert all(word in sentence for word in words), sentence


def test_a_study_that_was_never_run_is_refused(refused, wave_study) -> None:
    assert "nothing has been run yet" in refused("serve", wave_study())


def test_keys_are_made_listed_and_removed(locum, refused, tmp_path: Path) -> None:
    made = locum("keys", "add", "ann", "--scope", "predict", "--file", "keys.json")
    assert made.returncode == 0 and made.stdout.startswith("locum_")
    assert "ann  predict" in locum("keys", "list", "--file", "keys.json").stdout
    assert "predict" in refused("keys", "add", "bob", "--scope", "guess")
    assert locum("keys", "remove", "ann", "--file", "keys.json").returncode == 0
    assert locum("keys", "list", "--file", "keys.json").stdout == ""
