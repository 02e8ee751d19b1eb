"""A model in a process of its own: it may hang, die or print, and nothing of it is left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from locum.exceptions import ModelError, SimulationError
from locum.execution import simulation_process
from locum.execution.head_start import head_start
from locum.execution.one_simulation import simulate_in
from locum.execution.sampling import calibration_to_run, simulate
from locum.execution.simulation_process import SimulationProcess, warm_processes
from locum.execution.workspace import open_workspace, processes_of, validated
from locum.snapshots import Cost, SampleRecord
from locum.snapshots.durable import byte_lock
from locum.snapshots.housekeeping import SIMULATING_LOCK
from locum.study import load_study


@pytest.fixture
def started(wave_study: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start a process for a study whose model does this; gives it and the first planned samples."""
    processes = []

    def start(
        timeout: float | None = None, path: str = "wave.py:simulate", **options: Any
    ) -> tuple[SimulationProcess, list[dict[str, Any]]]:
        study = wave_study(model={"path": path, "options": options})
        with open_workspace(study, quiet=True) as work:
            samples = work.plan(work.space.sample(3, work.generator("test")), "design")
        process = SimulationProcess(load_study(study).to_json(), tmp_path / "said.log", timeout)
        processes.append(process)
        return process, [sample.to_dict() for sample in samples]

    yield start
    for process in processes:
        process.stop()


def alive(mark: str) -> int:
    """Processes that carry this mark in their environment."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            count += mark.encode() in (process / "environ").read_bytes()
        except OSError:
            continue
    return count


def test_a_simulation_that_hangs_ends_at_the_timeout_with_all_that_it_started(
    started, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAVE_LOG", str(tmp_path / "runs.txt"))
    process, samples = started(timeout=5, does="hang")
    with pytest.raises(SimulationError, match="longer than the timeout of 5 s") as error:
        process.run(samples[0])
    assert error.value.failure == "timed out"
    deadline = time.monotonic() + 20
    while (left := alive(str(tmp_path / "runs.txt"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == 0


def test_after_a_crash_the_next_sample_runs(started, tmp_path: Path) -> None:
    process, samples = started(does="die", above=0.0)
    with pytest.raises(SimulationError, match=r"signal 9 \(SIGKILL\).*said.log") as error:
        process.run(samples[0])
    assert error.value.failure == "killed"
    process.study = process.study.replace('"die"', '"print"')
    assert process.run(samples[1])["outcome"] == "done"
    assert process.run(samples[1])["seconds"] == 0.0  # committed: not run again
    assert "said by the model" in (tmp_path / "said.log").read_text()


@pytest.mark.parametrize(
    ("does", "failure", "reason"),
    [
        ("ask", "raised", "EOFError"),
        ("quit", "raised", "SystemExit: enough"),
        ("interrupt", "raised", "KeyboardInterrupt"),
        ("signal", "killed", "ended by signal 40; "),
        ("leave a child", "killed", r"SIGKILL"),
    ],
)
def test_however_a_model_ends_it_is_said_at_once(started, wave_study, does, failure, reason) -> None:
    process, samples = started(timeout=30, does=does)
    with open_workspace(wave_study(model={"options": {"does": does}}), quiet=True) as work:
        known = simulate_in(process, work, SampleRecord.from_dict(samples[0]))
    assert known is not None and known.failure == failure and reason in known.reason, known


def test_files_where_it_is_started_are_not_taken_for_libraries(started, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('not the library')\n")
    monkeypatch.chdir(tmp_path)
    process, samples = started()
    assert process.run(samples[0])["outcome"] == "done"


def test_a_model_that_is_a_module_is_found_where_this_process_finds_it(
    started, wave_study, monkeypatch, tmp_path: Path
) -> None:
    wave_study()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "wave.py").rename(tmp_path / "elsewhere" / "waves.py")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    process, samples = started(path="waves:simulate")
    assert process.run(samples[0])["outcome"] == "done"


def test_a_copy_of_the_process_that_the_model_forgot_answers_nothing(started, wave_study) -> None:
    process, samples = started(timeout=30, does="split")
    with open_workspace(wave_study(model={"options": {"does": "split"}}), quiet=True) as work:
        for sample in samples:
            assert process.run(sample)["outcome"] == "done"
            assert work.store.outcome(sample["identity"]) is not None


def test_a_model_that_cannot_be_built_there_is_one_sentence(started, tmp_path: Path) -> None:
    process, samples = started()
    (tmp_path / "wave.py").write_text("import no_such_solver\n")
    with pytest.raises(ModelError, match="no_such_solver"):
        process.run(samples[0])


def test_two_that_come_upon_one_sample_run_it_once(started, wave_study, monkeypatch, tmp_path: Path) -> None:
    """A query simulates a sample while a run begins that finds it planned: the run waits for the outcome."""
    monkeypatch.setenv("WAVE_LOG", str(tmp_path / "runs.txt"))
    process, samples = started()
    with (
        open_workspace(wave_study(), quiet=True) as work,
        ThreadPoolExecutor(1) as threads,
        byte_lock(work.study.folder / SIMULATING_LOCK, samples[0]["row"]),
    ):
        record = SampleRecord.from_dict(samples[0])
        assert process.run(samples[1])["outcome"] == "done"
        waiting = threads.submit(process.run, samples[0])
        time.sleep(0.3)
        assert not waiting.done()
        work.store.save(record, work.model.simulate(record.parameters), Cost())
    assert waiting.result() == {"outcome": "done", "seconds": 0.0}
    assert len((tmp_path / "runs.txt").read_text().splitlines()) == 2  # the second one, and ours


def test_warm_processes_wait_for_a_study_and_are_those_that_it_takes(
    wave_study: Callable[..., Path],
) -> None:
    path = wave_study()
    study, model = validated(path)
    with warm_processes(2):
        warm = list(simulation_process._WARM)
        with open_workspace(path, quiet=True) as work:
            [sample, *_] = work.plan(work.space.sample(1, work.generator("test")), "design")
        with processes_of(study, model, 3).open() as processes:
            assert processes[0].run(sample.to_dict())["outcome"] == "done"
            assert [process._process in warm for process in processes] == [True, True, False]
    assert all(process.poll() is not None for process in warm)
    with warm_processes(1):
        [unused] = simulation_process._WARM
    assert unused.poll() is not None


FORK = """
import os, sys, time
from locum.execution.child_process import Forked, end
from locum.execution.simulation_process import warm_processes
from locum.execution.workspace import open_workspace

own_session, os.setsid = os.setsid, lambda: None  # the child has not come as far
early = Forked(lambda: time.sleep(60))
end(early)
os.setsid = own_session
print(early.poll())
with open(sys.argv[1]) as ours, warm_processes(2), open_workspace(sys.argv[1], quiet=True) as work:
    first, second = work.plan(work.space.sample(2, work.generator("test")), "design")
    [process] = work.processes
    child = process._process
    process.begin(first.to_dict())
    print(process.run(second.to_dict())["outcome"], work.store.outcome(first.identity).outcome)
    files = [os.readlink(f"/proc/{child.pid}/fd/{name}") for name in os.listdir(f"/proc/{child.pid}/fd")]
    print(type(child).__name__, ours.name in files, os.getsid(child.pid) == child.pid, child.poll())
print(child.poll())
"""


def test_a_forked_process_simulates_and_shares_nothing_that_is_open(
    wave_study: Callable[..., Path], tmp_path: Path
) -> None:
    """In a process of its own: a test may have threads, which a fork would leave behind."""
    (tmp_path / "fork.py").write_text(FORK)
    command = [sys.executable, tmp_path / "fork.py", wave_study(model={"options": {"does": "print"}})]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert finished.stdout.splitlines() == ["-9", "done done", "Forked False True None", "-9"]
    assert "said by the model" in (tmp_path / "study" / "logs" / "simulations.log").read_text()


def test_a_sample_that_was_begun_is_waited_for(started, monkeypatch, tmp_path: Path) -> None:
    log = tmp_path / "runs.txt"
    monkeypatch.setenv("WAVE_LOG", str(log))
    process, samples = started()
    process.begin(samples[0])
    assert process.run(samples[0])["seconds"] > 0.0
    process.begin(samples[1])
    assert process.run(samples[2])["outcome"] == "done"
    assert process.run(samples[1])["seconds"] == 0.0  # committed before the one that was asked for
    assert len(log.read_text().splitlines()) == 3


def test_a_crash_of_what_was_begun_is_told_to_nobody_else(started) -> None:
    process, samples = started(does="die", above=0.0)
    process.begin(samples[0])
    with pytest.raises(SimulationError, match="SIGKILL"):
        process.run(samples[0])
    process.begin(samples[0])
    process.study = process.study.replace('"die"', '"answer"')
    assert process.run(samples[1])["outcome"] == "done"
    assert process.run(samples[0])["seconds"] > 0.0


def test_a_study_that_is_opened_ahead_simulates_before_its_flow_begins(
    wave_study: Callable[..., Path], monkeypatch, tmp_path: Path
) -> None:
    log = tmp_path / "runs.txt"
    monkeypatch.setenv("WAVE_LOG", str(log))
    path = wave_study()
    with head_start(path, quiet=True):
        deadline = time.monotonic() + 60
        while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        with open_workspace(path, quiet=True) as work:
            assert work.before["done"] == 0
            records = calibration_to_run(work)
            assert [record.purpose for record in records] == ["calibration"] * 6
            simulate(work, records)
            assert not any("distributed" in repr(each) for each in gc.callbacks)  # they swallow Ctrl-C
            assert [record.outcome for record in work.samples()] == ["done"] * 6
            assert (work.progress.done, work.progress.planned) == (6, 0)
            assert calibration_to_run(work) == []
    assert len(log.read_text().splitlines()) == 6
    with head_start(path, quiet=True), open_workspace(path, quiet=True) as work:
        assert work.before["done"] == 6
        assert "cluster" not in vars(work)  # nothing is known to be missing
