"""A run at work in a terminal: others may look, nobody else may run, and Ctrl-C ends it in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


def hears_interrupts() -> None:
    """As in a terminal: what a shell starts in the background ignores them, and so do all its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def at_work(wave_study, tmp_path: Path, prefect_server) -> Iterator[subprocess.Popen[str]]:
    """A run in a fresh interpreter and a process group of its own, that has begun to simulate."""
    study, log = wave_study(model={"options": {"does": "hang"}}), tmp_path / "runs.txt"
    environment = os.environ | {"WAVE_LOG": str(log), "PREFECT_API_URL": prefect_server}
    with subprocess.Popen(
        [sys.executable, "-m", "locum.cli", "run", str(study)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hears_interrupts,
    ) as process:
        deadline = time.monotonic() + 120
        while not log.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process
        process.kill()


def test_others_may_look_but_not_run_and_ctrl_c_ends_it_in_one_sentence(
    at_work, locum, locum_flow, refused_flow
) -> None:
    sentence = refused_flow("run", "wave.yaml", "-q")
    assert f"another locum run (process {at_work.pid}) is working on this study" in sentence
    assert locum("status", "wave.yaml").returncode == 0
    os.killpg(at_work.pid, signal.SIGINT)  # as a terminal does
    said, errors = at_work.communicate(timeout=120)
    assert at_work.returncode == 130
    assert said == ""
    *progress, last = errors.splitlines()
    assert last == "locum: interrupted; every finished simulation is kept, run again to go on"
    assert all(line == "simulating" or "done, " in line for line in progress), errors
