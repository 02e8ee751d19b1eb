"""Flows on a real Prefect server: what its pages show, and what its deployments do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def flows_run_there(prefect_server: str) -> Iterator[None]:
    """Flows of this process run on the server of all tests."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


@pytest.fixture
def client() -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def newest(client, flow: str, study: Path):
    """The newest run of a flow for a study."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])), sort=FlowRunSort.EXPECTED_START_TIME_DESC
    )
    return next(run for run in runs if run.parameters["study"] == str(study))


def artifacts(client, run) -> dict[str, Any]:
    """Artifacts of a flow run and of its tasks, by key."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    return {artifact.key: artifact for artifact in client.read_artifacts(artifact_filter=mine)}


def test_a_run_shows_its_tasks_its_convergence_and_the_way_to_the_report(
    client, locum_flow, finished_study
) -> None:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    answer = locum_flow("run", finished_study, "-q")
    assert answer.returncode == 0, answer.stderr
    run = newest(client, "adapt", finished_study)
    assert run.state.is_completed() and run.name == f"adapt {finished_study}"
    tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
    names = {task.name.rsplit("-", 1)[0] for task in tasks}
    assert names == {"train a candidate", "sweep the error figure", "promote through the gate"}
    shown = artifacts(client, run)
    assert {key: artifact.type for key, artifact in shown.items()} == {
        "wave-convergence": "table",
        "wave-verdict": "markdown",
        "wave-report": "markdown",
    }
    assert "share within" in shown["wave-convergence"].data
    assert (finished_study.parent / "study" / "report.html").as_uri() in shown["wave-report"].data


def test_a_check_shows_its_verdict_and_writes_nothing(client, locum_flow, finished_study) -> None:
    catalogue = finished_study.parent / "study" / "catalogue.db"
    before = catalogue.read_bytes()
    answer = locum_flow("check", finished_study, "-q", "--exit-code")
    assert answer.returncode == 0, answer.stderr
    (verdict,) = artifacts(client, newest(client, "check", finished_study)).values()
    assert verdict.type == "markdown" and "wave: within tolerance" in verdict.data
    assert catalogue.read_bytes() == before
    over = locum_flow("check", finished_study, "-q", "--exit-code", "--set", "accuracy.tolerance=1e-6")
    assert (over.returncode, over.stderr) == (1, "") and "over tolerance" in over.stdout


def test_simulations_and_training_run_as_flows_of_their_own(wave_study) -> None:
    from locum.flows.simulate import simulate
    from locum.flows.train import train

    study = str(wave_study())
    assert simulate(study, quiet=True) == 14
    assert simulate(study, quiet=True) == 14
    assert train(study, quiet=True) == 1
    assert train(study, quiet=True) == 1


def test_deployments_are_there_one_run_at_a_time_and_check_every_night(client, deployed) -> None:
    adapt = client.read_deployment_by_name("adapt/adapt")
    check = client.read_deployment_by_name("check/check")
    assert not adapt.schedules
    assert [schedule.schedule.cron for schedule in check.schedules] == ["0 2 * * *"]
    assert check.parameters["adapt_with"] == "adapt/adapt"
    assert {each.global_concurrency_limit.limit for each in (adapt, check)} == {1}
    for deployment in (adapt, check):
        assert (ROOT / deployment.parameters["study"]).is_file()
        assert (ROOT / deployment.entrypoint.split(":")[0]).is_file()


def test_a_check_over_tolerance_starts_the_loop_and_one_within_does_not(
    client, deployed, finished_study
) -> None:
    from locum.flows.check import check

    def started() -> list[Any]:
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

        adapt = DeploymentFilter(name=DeploymentFilterName(any_=["adapt"]))
        runs = client.read_flow_runs(deployment_filter=adapt)
        return [run for run in runs if run.parameters["study"] == str(finished_study)]

    check(str(finished_study), adapt_with="adapt/adapt", quiet=True)
    assert not started()
    overrides = ["accuracy.tolerance=1e-6"]
    document = check(str(finished_study), overrides, adapt_with="adapt/adapt", quiet=True)
    assert document["verdict"] == "over tolerance"
    (run,) = started()
    assert run.state.is_scheduled()
    assert run.parameters == {"study": str(finished_study), "overrides": overrides}


def test_an_event_of_the_query_service_starts_the_loop_of_its_study(
    client, deployed, prefect_server, finished_study
) -> None:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    from locum.service.relay import EXCEEDED, send_event

    study = str(finished_study)
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": EXCEEDED,
        "resource": {"prefect.resource.id": "locum.surrogate.wave", "prefect.resource.name": "wave"},
        "related": [],
        "payload": {"study": study, "version": 3, "training_set": "hash", "exceedances": 2},
    }
    send_event(prefect_server, event)
    mine = DeploymentFilter(name=DeploymentFilterName(any_=["adapt"]))
    deadline = time.monotonic() + 120
    while not [
        run for run in client.read_flow_runs(deployment_filter=mine) if run.parameters["study"] == study
    ]:
        assert time.monotonic() < deadline, "the automation has started nothing"
        time.sleep(0.5)
