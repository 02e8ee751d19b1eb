"""A newcomer's whole way: the overview, a field under sliders, a query over tolerance, what it starts.

Service, dashboard, Prefect server and worker are those that a user has. With ``LOCUM_SCREENSHOTS`` set to a
folder the pages are kept there: ``docs/images`` has them from here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from playwright.sync_api import Page, expect

import locum
from locum.execution import checking, promotion, sampling, training
from locum.execution.workspace import open_workspace

LIMIT = 300  # seconds, for a busy machine
PLATE = {
    "name": "plate",
    "description": "A plate that is heated at one spot.",
    "seed": 1,
    "model": {
        "kind": "python",
        "path": "plate.py:simulate",
        "version": "1",
        "units": {"coordinates": "m", "temperature": "K", "hottest": "K"},
    },
    "parameters": {"power": {"range": [20, 100], "unit": "W"}, "place": {"range": [0.3, 0.7], "unit": "m"}},
    "accuracy": {"tolerance": 0.002, "confidence": 0.8, "share": 0.9},
    "budget": {"simulations": 24},
    "methods": {
        "surrogate": "interpolated",
        "design": {"initial": 6, "batch": 12},
        "calibration": {"simulations": 6},
    },
    "execution": {"workers": 1},
    "storage": {"folder": "study"},
}


@pytest.fixture
def plate(tmp_path: Path, simulate_here) -> Path:
    """A study whose first version is over tolerance at most parameters."""
    shutil.copy(Path(__file__).with_name("plate.py"), tmp_path)
    path = tmp_path / "plate.yaml"
    path.write_text(yaml.safe_dump(PLATE, sort_keys=False), encoding="utf-8")
    with open_workspace(path, quiet=True) as work:
        simulate_here(work, sampling.first_samples(work))
        candidate = training.train(work)
        checking.check(work, candidate)
        promotion.promote(work, candidate)
    return path


@pytest.fixture
def service(plate: Path, programs: Path, deployed: str) -> Iterator[locum.Client]:
    """``locum serve`` of the study, with Prefect, and a client of it."""
    command = [programs / "locum", "serve", plate, "--port", "0", "--collect", "2", "--audit-share", "0.3"]
    environment = os.environ | {"PREFECT_API_URL": deployed}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        yield locum.Client(process.stderr.readline().split()[3])
        process.terminate()


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.5)
    return found


def keep(page: Page, name: str, seconds: float) -> None:
    """Keep a picture of a page as it is some seconds later, where somebody wants them."""
    if folder := os.environ.get("LOCUM_SCREENSHOTS"):
        page.wait_for_timeout(1000 * seconds)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def full_power(page: Page) -> None:
    """Move the first slider, that of the power, to its end."""
    expect(page.locator("canvas")).to_be_visible()
    expect(page.get_by_text(re.compile("(Within|Over) tolerance"))).to_be_visible()
    page.get_by_role("slider").first.press("End")
    expect(page.locator("input").first).to_have_value("100")


def test_from_the_overview_to_a_better_surrogate(
    plate: Path, service: locum.Client, deployed: str, programs: Path, dashboard_of, browse
) -> None:
    with dashboard_of([plate], PREFECT_API_URL=deployed) as address, browse(address) as page:
        page.goto(address)
        row = page.get_by_role("row", name=re.compile("^plate"))
        expect(row).to_contain_text("! over tolerance")
        row.get_by_role("link", name="plate").click()
        page.get_by_role("link", name="Explore").click()
        full_power(page)
        expect(page.get_by_text("! Over tolerance")).to_be_visible()

        surrogate = service.surrogate("plate")
        question = {"power": 100.0, "place": 0.5}
        assert list(surrogate.predict(question).verdict) == ["over tolerance"]
        others = np.random.default_rng(0).uniform([20, 0.3], [100, 0.7], (60, 2))
        for values in others:
            surrogate.predict(values)

        wait_for(lambda: _retraining_waits(deployed, plate))
        worker = [programs / "prefect", "worker", "start", "--pool", "local", "--run-once"]
        environment = os.environ | {"PREFECT_API_URL": deployed}
        done = subprocess.run(worker, env=environment, capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stdout + done.stderr
        better = wait_for(lambda: (found := surrogate.predict(question)).version > 1 and found)
        assert list(better.verdict) == ["within tolerance"]
        for values in others:
            surrogate.predict(values)

        expect(page.get_by_text(f"Version {better.version} answers by now")).to_be_visible()
        page.reload()
        full_power(page)
        expect(page.get_by_text("✓ Within tolerance")).to_be_visible()
        expect(page.get_by_text(f"Answered by version {better.version}")).to_be_visible()
        page.get_by_role("link", name="Queries").click()
        retraining = page.get_by_role("row").filter(has_text="version 1")
        expect(retraining).to_contain_text(f"version {better.version} answers")
        expect(page.get_by_role("img", name="Parameter sets asked in time, by verdict")).to_be_visible()
        page.get_by_role("button", name="the last hour").click()
        keep(page, "dashboard_queries", 60)  # by then some answers are audited
        page.get_by_role("link", name="Study").click()
        run = page.get_by_role("row").filter(has_text="Completed")
        expect(run.get_by_role("link", name="adapt")).to_have_attribute("href", re.compile("/runs/flow-run/"))


def _retraining_waits(prefect: str, study: Path) -> bool:
    """Whether the automation has started the deployment ``adapt`` for a study."""
    runs = httpx.post(f"{prefect}/flow_runs/filter", json={}).raise_for_status().json()
    return any(run["parameters"].get("study") == str(study) for run in runs)
