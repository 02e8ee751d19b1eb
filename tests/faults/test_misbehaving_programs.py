"""Programs that refuse, diverge, hang, die or write nonsense, and runs that are killed around them.

Each failure is one sample with its class and its log; nothing else is lost, and no process is left.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locum.exceptions import ModelError, SimulationError, StudyError
from locum.execution.losses import record_loss
from locum.execution.one_simulation import simulate_at
from locum.execution.sampling import simulate
from locum.execution.simulate import Simulator
from locum.execution.status import status_document
from locum.execution.workspace import Workspace, open_workspace
from locum.parameters import sobol_design
from locum.reports.study_report import write_study_report
from locum.snapshots import SampleRecord, SnapshotStore
from locum.study import build_model, load_study

SIXTEENTHS = {  # of the range of x, as in program.sh
    5: ("refused", "exit status 201"),
    6: ("diverged", "DIVERGED at step 3"),
    7: ("not converged", "ends at 0.1"),
    8: ("timed out", "timeout of 1 s"),
    9: ("killed", "SIGKILL"),
    10: ("output missing", "wave.csv"),
    11: ("output malformed", "wave.csv"),
    12: ("shape", "22 nodes"),
    13: ("not finite", "'height'"),
    14: ("disk full", "SIGXFSZ"),
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "runs.txt"


def samples(folder: Path, **wanted: str):
    return SnapshotStore.open(folder / "study", readonly=True).records(**wanted)


def runs(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def simulated(study: Path, look: Callable[[Workspace], Any] = lambda work: None, wanted: int = 16) -> Any:
    """Run what is planned of the first points of the design to its outcomes, then look at the study."""
    with open_workspace(study, quiet=True) as work:
        points = sobol_design(work.space, wanted, work.generator("design"))
        simulate(work, [each for each in work.plan(points, "design") if each.outcome == "planned"])
        return look(work)


def assert_no_orphan(log: Path) -> None:
    """Nothing that carries the log in its environment is alive, whoever its parent is."""
    mark, until = f"WAVE_LOG={log}".encode(), time.monotonic() + 30
    while True:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        if not found or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert not found


def test_each_failure_of_a_program_has_its_class_and_the_others_run(
    program_study, monkeypatch, tmp_path: Path, log: Path
) -> None:
    monkeypatch.setenv("WAVE_LOG", str(log))
    # the first sample of this seed, which settles the mesh, is a good one
    study = program_study(does="everything", seed=10, execution={"timeout": 1})
    report = tmp_path / "report.html"
    status = simulated(study, lambda work: write_study_report(work, report) and status_document(work))
    assert_no_orphan(log)
    store = SnapshotStore.open(tmp_path / "study", readonly=True)
    records, attempts = store.records(), store.attempts()
    assert {int(16 * record.parameters["x"]) for record in records} == set(range(16))
    for record in records:
        sixteenth = int(16 * record.parameters["x"])
        failure, reason = SIXTEENTHS.get(sixteenth, ("", ""))
        assert (record.failure, reason in record.reason) == (failure, True), record.reason
        assert record.outcome == ("failed" if failure else "done")
        assert len(attempts[record.identity]) == (2 if sixteenth in (6, 15) else 1)
        for attempt in attempts[record.identity]:
            assert not attempt.folder or any(Path(attempt.folder).iterdir())
            assert attempt.failure in ("", failure, "diverged")
    assert not (tmp_path / "study" / "runs").exists()
    assert {each["failure"] for each in status["failures"]} == {name for name, _ in SIXTEENTHS.values()}
    assert status["retried"] == 2
    refused = next(each for each in status["failures"] if each["failure"] == "refused")
    assert refused["attempts"][0]["log"] == "stderr.txt:\nno licence left"
    said = report.read_text()
    assert "no licence left" in said and "attempt 2 with relaxation = 0.5: diverged" in said


def test_a_run_killed_with_its_program_at_work_goes_on(
    locum_flow, program_study, tmp_path: Path, log: Path
) -> None:
    program_study(budget={"simulations": 14})
    killed = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log), KILL_AT="3")
    assert killed.returncode == -9
    assert_no_orphan(log)
    known = {record.identity for record in samples(tmp_path, outcome="done")}
    assert len(known) == 2
    gone_on = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log), KILL_AT="6", KILL="worker")
    assert gone_on.returncode == 0, gone_on.stderr
    assert_no_orphan(log)
    done = samples(tmp_path, outcome="done")
    assert known < {record.identity for record in done} and len(done) == 13
    assert_killed_with_its_log(tmp_path)
    # a kill costs what was at work, and no more
    assert len(runs(log)) == len(done) + 2 and len(set(runs(log))) == len(done) + 1
    assert not SnapshotStore.open(tmp_path / "study", readonly=True).verify()


def test_the_doctor_leaves_nothing_either(locum, program_study, tmp_path: Path, log: Path) -> None:
    study = program_study()
    assert locum("doctor", study, "-q", WAVE_LOG=str(log), KILL_AT="1").returncode == -9
    assert_no_orphan(log)
    assert [record.outcome for record in samples(tmp_path)] == ["planned"]
    died = locum("doctor", study, "-q", WAVE_LOG=str(log), KILL_AT="2", KILL="worker")
    assert died.returncode == 2 and "SIGKILL" in died.stdout
    assert_no_orphan(log)
    assert_killed_with_its_log(tmp_path)
    assert locum("doctor", study, "-q", WAVE_LOG=str(log)).returncode == 0
    assert len(runs(log)) == 3 and len(set(runs(log))) == 1


def test_attempts_before_a_kill_are_in_the_record_and_are_not_made_again(
    program_study, monkeypatch, log: Path
) -> None:
    study = program_study(does="again")
    monkeypatch.setenv("WAVE_LOG", str(log))
    monkeypatch.setenv("KILL", "worker")
    with open_workspace(study, quiet=True) as work:
        first, second = work.plan(np.array([[0.5, 0.5], [0.5, 0.6]]), "design")

        def status(record: SampleRecord, line: int) -> int:
            """Of a process that simulates this sample and is killed at a line of the log."""
            monkeypatch.setenv("KILL_AT", str(line))
            if not (process := os.fork()):
                Simulator.for_study(load_study(study)).run(record.to_dict())
                os._exit(0)
            status = os.waitpid(process, 0)[1]
            assert_no_orphan(log)
            return status

        def tried(record: SampleRecord) -> list[tuple[str, float]]:
            attempts = work.store.attempts(record)[record.identity]
            return [(attempt.failure, attempt.settings["relaxation"]) for attempt in attempts]

        assert status(first, line=2) == signal.SIGKILL
        assert tried(first) == [("diverged", 1.0)]
        assert status(first, line=0) == 0
        assert tried(first) == [("diverged", 1.0), ("", 0.5)] and len(runs(log)) == 3
        assert status(second, line=5) == signal.SIGKILL
        record_loss(work.store, second, SimulationError("it died", "killed"), None, work.lost)
        assert tried(second) == [("diverged", 1.0), ("killed", 0.5)]
        assert "about to be killed" in work.store.attempts(second)[second.identity][1].log


def assert_killed_with_its_log(folder: Path) -> None:
    """One sample was killed, and what its program said last is kept."""
    (lost,) = samples(folder, outcome="failed")
    (attempt,) = SnapshotStore.open(folder / "study", readonly=True).attempts()[lost.identity]
    assert (lost.failure, attempt.failure) == ("killed", "killed")
    assert "about to be killed" in attempt.log
    assert "about to be killed" in (Path(attempt.folder) / "stdout.txt").read_text()
    assert not (folder / "study" / "runs").exists()


def test_on_a_full_disk_the_sample_failed_and_the_next_one_has_its_room(
    program_study, small_disk: Path, tmp_path: Path
) -> None:
    study = program_study(model={"scratch": str(small_disk)})
    script = tmp_path / "case" / "program.sh"
    filling = "if [ $x != 0.5 ]; then head -c 4000000 /dev/zero > large.bin || exit 1; fi\n"
    script.write_text(script.read_text().replace("nodes=21", filling + "nodes=21"))
    with open_workspace(study, quiet=True) as work:
        records = work.plan(work.space.sample(2, work.generator("test")), "design")
        (good,) = work.plan(np.array([[0.5, 0.5]]), "design")
    simulator = Simulator.for_study(load_study(study))
    assert [simulator.run(each.to_dict())["outcome"] for each in records] == ["failed", "failed"]
    assert simulator.run(good.to_dict())["outcome"] == "done"
    failed = samples(tmp_path, outcome="failed")
    assert [record.failure for record in failed] == ["disk full"] * 2
    assert f"the disk of {small_disk}" in failed[0].reason
    assert not list(small_disk.iterdir())


def test_what_is_known_is_read_where_the_program_is_not_installed(
    program_study, monkeypatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "wave-solver"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho wave 1.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    study = program_study(model={"version_command": "wave-solver --version"})
    with open_workspace(study, quiet=True) as work:
        (record,) = work.plan(np.array([[0.5, 0.5]]), "design")
        assert Simulator(work.model, work.store).run(record.to_dict())["outcome"] == "done"
    program.unlink()
    with open_workspace(study, readonly=True, create=False, quiet=True) as work:
        assert status_document(work)["simulations"]["done"] == 1
    with pytest.raises(ModelError, match="version_command: 'wave-solver' cannot be started: No such file"):
        simulate_at(study, {"x": 0.1, "y": 0.1}, quiet=True)
    assert [each.identity for each in samples(tmp_path)] == [record.identity]
    elsewhere = ["storage.folder=elsewhere"]
    with pytest.raises(
        ModelError, match="'wave-solver' cannot be started: No such file or directory; install"
    ):
        build_model(load_study(study, elsewhere))


def test_what_cannot_run_here_is_refused_before_a_sample_fails(program_study, tmp_path: Path) -> None:
    for model, sentence in (
        ({"command": "no-such-program"}, "program 'no-such-program' is not found along PATH; install it"),
        ({"cores": 1000}, "model.cores: one run takes 1000, and there are"),
        ({"memory": "100 TB"}, "model.memory: one run takes 1e\\+05 GB, and there are"),
    ):
        with pytest.raises((ModelError, StudyError), match=sentence):
            simulated(program_study(model=model), wanted=1)
    assert not samples(tmp_path, outcome="failed")
