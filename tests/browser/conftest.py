"""A dashboard of small studies in a process of its own, and a real browser that looks at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from locum.execution import checking, promotion, sampling, training
from locum.execution.workspace import Workspace, open_workspace
from locum.snapshots import Cost, SampleRecord

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

BLOCK = {
    "name": "block",
    "description": "Four blocks.",
    "model": {"kind": "thermal_block", "blocks": 2, "cells": 8},
    "accuracy": {"tolerance": 0.01},
    "budget": {"simulations": 40},
    "methods": {
        "surrogate": "interpolated",
        "indicator": "deviation",
        "regression": {"kernel": "rbf"},
        "calibration": {"simulations": 19},
        "design": {"initial": 12},
    },
    "execution": {"workers": 1},
    "storage": {"folder": "block"},
}
FRESH = BLOCK | {"name": "fresh", "storage": {"folder": "fresh"}}


class Dashboard(NamedTuple):
    """Where it is served, and its studies' files by name."""

    address: str
    studies: dict[str, Path]


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``block``, a square with a surrogate and two versions of it, and ``fresh``, which nobody has run."""
    folder = tmp_path_factory.mktemp("dashboard")
    paths = {}
    for study in (BLOCK, FRESH):
        paths[study["name"]] = path = folder / f"{study['name']}.yaml"
        path.write_text(yaml.safe_dump(study), encoding="utf-8")
    with open_workspace(paths["block"], quiet=True) as work:
        [broken] = work.plan(work.space.sample(1, work.generator("broken")), "adaptive")
        work.store.fail(broken, "raised", "One simulation failed on purpose", Cost())
        simulate(work, sampling.first_samples(work))
        for _ in range(2):
            candidate = training.train(work)
            checking.check(work, candidate)
            promotion.promote(work, candidate)
            simulate(work, work.plan(work.space.sample(2, work.generator("more")), "adaptive"))
    return paths


def simulate(work: Workspace, records: Sequence[SampleRecord]) -> None:
    """Simulate here, without a cluster."""
    for record in records:
        if record.outcome == "planned":
            work.store.save(record, work.model.simulate(record.parameters), Cost(seconds=0.01))


@pytest.fixture(scope="session")
def simulate_here() -> Callable[[Workspace, Sequence[SampleRecord]], None]:
    """Simulate without a cluster."""
    return simulate


@contextmanager
def _dashboard_of(studies: Iterable[Path], **environment: str) -> Iterator[str]:
    command = [sys.executable, "-m", "locum.cli", "dashboard", *map(str, studies), "--port", "0"]
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=inherited | environment) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("locum dashboard: http://127.0.0.1:"), line
            yield line.split()[2]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def dashboard_of(prefect_database: Path) -> Callable[..., AbstractContextManager[str]]:
    """``locum dashboard`` of studies on a free port while a block runs; its address."""
    return _dashboard_of


@pytest.fixture(scope="session")
def dashboard(studies: dict[str, Path], dashboard_of) -> Iterator[Dashboard]:
    """The dashboard of these studies."""
    with dashboard_of(studies.values()) as address:
        yield Dashboard(address, studies)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Debian's chromium, without a window."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here; on Debian: apt install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=120_000)  # a busy machine is slow, not wrong

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def _browse(browser, address: str) -> Iterator[object]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    faults: list[str] = []
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: faults.append(error.stack or str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    own = (address, address.replace("http:", "ws:"), "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else faults.append(asked.url))
    yield page
    context.close()
    assert not faults


@pytest.fixture
def browse(browser) -> Callable[[str], AbstractContextManager[object]]:
    """A page of a browser that visits an address while a block runs.

    At the end: nothing came from elsewhere, and the page had no error.
    """
    return partial(_browse, browser)


@pytest.fixture
def visit(browser, dashboard) -> Iterator[Callable[[str], object]]:
    """Open one of the dashboard's pages: ``visit("studies/block")``."""
    with _browse(browser, dashboard.address) as page:

        def open_page(way: str = ""):
            page.goto(dashboard.address + way)
            return page

        yield open_page
