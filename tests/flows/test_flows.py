"""The flows against a real Prefect server: what its pages show, and that the catalogue alone is the truth."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def adapted(wave_study: Callable[..., Path], prefect_server: str) -> tuple[Path, dict[str, Any]]:
    from locum.flows.adapt import adapt

    study = wave_study()
    return study, adapt(study=str(study), quiet=True)


def artifacts() -> dict[str, Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/latest/filter", json={}).json()
    return {artifact["key"]: artifact for artifact in found}


def task_names() -> set[str]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        runs = client.request("POST", "/task_runs/filter", json={"limit": 200}).json()
    return {run["name"].rsplit("-", 1)[0] for run in runs}


def test_adapt_ends_within_tolerance_and_shows_its_steps_and_artifacts(adapted) -> None:
    _, summary = adapted
    assert summary["decision"] == "within tolerance"
    assert summary["simulated"]["done"] >= 14
    assert Path(summary["report"]).is_file()
    assert {
        "simulate a batch",
        "train a candidate",
        "sweep the error figure",
        "promote through the gate",
    } <= task_names()
    shown = artifacts()
    assert shown["wave-convergence"]["type"] == "table"
    assert "report.html" in str(shown["wave-report"]["data"])


def test_adapt_on_a_finished_study_simulates_nothing_and_keeps_its_version(adapted) -> None:
    from locum.flows.adapt import adapt

    study, first = adapted
    again = adapt(study=str(study), quiet=True)
    assert again["simulated"] == {"done": 0, "failed": 0}
    assert again["status"]["champion"] == first["status"]["champion"]
    assert again["status"]["error_figure"] == first["status"]["error_figure"]


def test_check_says_the_verdict_and_starts_adapt_only_when_over_tolerance(adapted, monkeypatch) -> None:
    import locum.flows.check as module

    started: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        module, "run_deployment", lambda name, parameters, timeout: started.append((name, parameters))
    )
    study, _ = adapted
    document = module.check(study=str(study), adapt_with="adapt/adapt", quiet=True)
    assert document["verdict"] == "within tolerance"
    assert started == []
    assert "within tolerance" in artifacts()["wave-verdict"]["data"]
    stricter = ["accuracy.tolerance=1e-9"]
    document = module.check(study=str(study), overrides=stricter, adapt_with="adapt/adapt", quiet=True)
    assert document["verdict"] == "over tolerance"
    assert started == [("adapt/adapt", {"study": str(study), "overrides": stricter})]


def test_simulate_then_train_make_the_version_that_adapt_begins_with(
    wave_study, prefect_server, tmp_path
) -> None:
    from locum.flows.simulate import simulate
    from locum.flows.train import train

    study = wave_study()
    assert simulate(study=str(study), quiet=True) == 14
    assert train(study=str(study), quiet=True) == 1
    assert train(study=str(study), quiet=True) == 1  # nothing new to learn from


def test_the_deployments_deploy_with_a_nightly_check(prefect_server: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    shutil.copytree(ROOT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {"PREFECT_API_URL": prefect_server}
    prefect = [sys.executable, "-m", "prefect"]
    for arguments in (
        ["work-pool", "create", "local", "--type", "process"],
        ["--no-prompt", "deploy", "--all"],
    ):
        done = subprocess.run(
            [*prefect, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr

    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        check = client.read_deployment_by_name("check/check")
        adapt = client.read_deployment_by_name("adapt/adapt")
    assert [schedule.schedule.cron for schedule in check.schedules] == ["0 2 * * *"]
    assert check.parameters["adapt_with"] == "adapt/adapt"
    assert adapt.schedules == []
    assert adapt.global_concurrency_limit is None or adapt.global_concurrency_limit.limit == 1
