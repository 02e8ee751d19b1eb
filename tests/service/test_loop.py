"""From a query over tolerance to a better surrogate: outbox, retraining, the new version; jobs; audits."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from locum.exceptions import LocumError
from locum.queries import Audit, Outbox, Triggers
from locum.service.relay import Relay

pytestmark = pytest.mark.usefixtures("warm_python")

EAGER = Triggers(window=0.1, margin=0.0, rest=0.0)


def over_tolerance(client, predict) -> dict[str, float]:
    """A parameter set inside the domain at which the champion is over its tolerance."""
    values = np.random.default_rng(1).random((5000, 2))
    answer = predict(client, {"x": values[:, 0].tolist(), "y": values[:, 1].tolist()}).json()
    rows = [row for row, verdict in enumerate(answer["verdict"]) if verdict == "over tolerance"]
    assert rows, "no query of these is over tolerance"
    return {"x": values[rows[0], 0], "y": values[rows[0], 1]}


def test_an_answer_over_tolerance_is_in_the_outbox_before_it_is_given(serve, predict) -> None:
    client = serve()
    answer = predict(client, {"x": [0.5, 1.5, 1.6], "y": 0.5}).json()
    (found,) = [
        each for each in client.service.studies["wave"].outbox.waiting() if each.kind == "outside the ranges"
    ]
    assert (found.answer, found.count, found.ratio) == (answer["answer"], 2, None)
    assert found.sets == [{"x": 1.5, "y": 0.5}, {"x": 1.6, "y": 0.5}]


def test_queries_over_tolerance_are_simulated_and_the_new_version_is_served(
    serve, predict, wait_for, prefect_server, monkeypatch
) -> None:
    """The champion is the first version, which many queries find over tolerance; `locum run` is a child."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)  # for the child: the service itself has no server
    client = serve(retrain=True, triggers=EAGER)
    client.post("/v1/surrogates/wave:promote", json={"version": 1, "expected": 3})
    question = over_tolerance(client, predict)
    served = client.service.studies["wave"]
    wait_for(lambda: any(each.ended for each in served.outbox.retrainings()))
    (retraining,) = served.outbox.retrainings()
    assert retraining.version == 1 and "within tolerance" in (retraining.outcome or "")
    assert served.outbox.depth() == 0
    wait_for(lambda: predict(client, question).json()["version"] > 1)
    assert predict(client, question).json()["verdict"] == ["within tolerance"]


def test_nothing_is_lost_while_prefect_is_down_and_one_retraining_is_asked_for(
    serve, predict, prefect_server
) -> None:
    client = serve()
    served = client.service.studies["wave"]
    client.post("/v1/surrogates/wave:promote", json={"version": 1, "expected": 3})
    question = over_tolerance(client, predict)
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: predict(client, question).json()["answer"], range(200)))
    time.sleep(EAGER.window)
    with pytest.raises(LocumError, match="does not take events"):
        Relay(served, EAGER, "http://127.0.0.1:9/api").look()
    assert served.outbox.retrainings() == []
    relay = Relay(served, EAGER, prefect_server)
    for _ in range(3):
        relay.look()
    assert "announced" in relay.why
    (retraining,) = served.outbox.retrainings()
    assert (retraining.version, retraining.attempts, retraining.started) == (1, 1, None)
    assert {*answers} <= {each.answer for each in served.outbox.waiting()}


def test_a_query_that_asks_for_it_is_simulated_once(serve, predict, wait_for, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("WAVE_LOG", str(tmp_path / "runs.txt"))
    client = serve()
    client.post("/v1/surrogates/wave:promote", json={"version": 1, "expected": 3})
    question = over_tolerance(client, predict)
    asked = [predict(client, question, if_over_tolerance="simulate") for _ in range(2)]
    assert [each.status_code for each in asked] == [202, 202]
    (where,) = {each.headers["location"] for each in asked}
    job = wait_for(lambda: (found := client.get(where).json())["state"] == "done" and found)
    assert job["progress"] == {"done": 1, "failed": 0, "waiting": 0}
    (sample,) = job["samples"]
    truth = np.sin(np.pi * 0.5 * (1 + 0.3 * question["x"])) / (2 + question["y"])
    assert sample["parameters"] == question and sample["quantities"]["top"] == pytest.approx(truth)
    assert len((tmp_path / "runs.txt").read_text().splitlines()) == 1
    assert client.get(where + "/fields").headers["content-type"] == "application/zip"
    inside = predict(client, question, version=3, if_over_tolerance="simulate")
    assert inside.status_code == 200 and "job" not in inside.json()


def test_what_may_not_be_simulated_is_refused(serve, predict) -> None:
    client = serve()
    answer = predict(client, {"x": 1.5, "y": 0.5}, if_over_tolerance="simulate")
    assert answer.status_code == 422 and "the study covers 0 to 1 m" in answer.json()["detail"]
    assert client.get("/v1/jobs/nothing").status_code == 404
    client.service.studies["wave"].work.study.budget.__dict__["simulations"] = 1
    client.post("/v1/surrogates/wave:promote", json={"version": 1, "expected": 3})
    answer = predict(client, over_tolerance(client, predict), if_over_tolerance="simulate")
    assert answer.status_code == 409 and "budget leaves 0" in answer.json()["detail"]


def test_answers_are_audited_in_idle_time_and_a_refuted_claim_takes_the_trust_away(
    serve, predict, wait_for, finished_study: Path
) -> None:
    client = serve(audit_share=1.0, idle=0.0)
    served = client.service.studies["wave"]
    for x in (0.1, 0.2):
        predict(client, {"x": x, "y": 0.5})
    wait_for(lambda: len(served.audits.done(3)) == 2)
    assert all(audit.errors["top"] < 1e-3 for audit in served.audits.done(3))
    # figures that claim far too much, as a broken calibration would give them
    claimed = {"height": 1e-12, "top": 1e-12}
    values = np.random.default_rng(0).random((8, 2)).round(6)
    served.audits.add([Audit("a", time.time(), 3, {"x": x, "y": y}, claimed) for x, y in values.tolist()])
    wait_for(lambda: not served.current.trusted)
    assert predict(client, {"x": 0.5, "y": 0.5}).json()["verdict"] == ["over tolerance"]
    described = client.get("/v1/surrogates/wave").json()
    assert not described["trusted"] and any(claim["refuted"] for claim in described["claims"].values())
    assert "failed audit" in {each.kind for each in Outbox(served.work.store.database).waiting()}
    assert client.get("/v1/surrogates/wave/monitoring").json()["trusted"] is False


def test_monitoring_shows_drift_and_what_waits(serve, predict, wait_for) -> None:
    client = serve()
    for _ in range(3):
        predict(client, {"x": np.linspace(0.9, 1.1, 30).tolist(), "y": 0.5})
    served = client.service.studies["wave"]
    wait_for(lambda: len(served.log.recent()) == 3)
    shown = client.get("/v1/surrogates/wave/monitoring").json()
    assert (shown["requests"], shown["rows"], shown["outside"]) == (3, 90, 45)
    assert shown["drift"]["x"]["drifted"] and shown["drift"]["x"]["outside"] == pytest.approx(0.5)
    assert shown["outbox"] >= 3
