"""Programs that refuse, diverge, hang, die or write nonsense, and runs that are killed around them.

Each failure is one sample with its class and its log; nothing else is lost, and no process is left.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from locum.snapshots import SnapshotStore

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


def test_each_failure_of_a_program_has_its_class_and_the_run_goes_on(
    locum_flow, program_study, tmp_path: Path, log: Path
) -> None:
    program_study(
        does="everything",
        seed=10,  # the first sample, which settles the mesh, is a good one
        accuracy={"tolerance": 0.5},
        execution={"timeout": 1},
        methods={"design": {"initial": 16}},
        budget={"simulations": 28},
    )
    answer = locum_flow("run", "wave.yaml", "--json", "-q", WAVE_LOG=str(log))
    assert answer.returncode == 0, answer.stderr
    assert_no_orphan(log)
    store = SnapshotStore.open(tmp_path / "study", readonly=True)
    records, attempts = store.records(), store.attempts()
    assert {int(16 * record.parameters["x"]) for record in records} == set(range(16))
    for record in records:
        sixteenth = int(16 * record.parameters["x"])
        failure, reason = SIXTEENTHS.get(sixteenth, ("", ""))
        assert (record.failure, reason in record.reason) == (failure, True), record.reason
        assert len(attempts[record.identity]) == (2 if sixteenth in (6, 15) else 1)
        for attempt in attempts[record.identity]:
            kept = Path(attempt.folder)
            assert not attempt.folder or any(kept.iterdir())
            assert attempt.failure in ("", failure, "diverged")
    assert not (tmp_path / "study" / "runs").exists()
    status = json.loads(answer.stdout)["status"]
    assert {each["failure"] for each in status["failures"]} == {name for name, _ in SIXTEENTHS.values()}
    refused = next(each for each in status["failures"] if each["failure"] == "refused")
    assert refused["attempts"][0]["log"] == "stderr.txt:\nno licence left"
    shown = locum_flow("status", "wave.yaml").stdout
    assert "2 diverged" in shown or "1 diverged" in shown
    assert "took more than one attempt" in shown and "logs in" in shown
    report = (tmp_path / "study" / "report.html").read_text()
    assert "no licence left" in report and "attempt 2 with relaxation = 0.5: diverged" in report


def test_a_run_killed_with_its_program_at_work_goes_on_as_if_it_never_was(
    locum_flow, program_study, tmp_path: Path, log: Path
) -> None:
    program_study(budget={"simulations": 14})
    killed = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log), KILL_AT="3")
    assert killed.returncode == -9
    assert_no_orphan(log)
    known = {record.identity for record in samples(tmp_path, outcome="done")}
    died = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log), KILL_AT="6", KILL="worker")
    assert died.returncode == 0, died.stderr
    assert_no_orphan(log)
    assert known < {record.identity for record in samples(tmp_path, outcome="done")}
    (lost,) = samples(tmp_path, outcome="failed")
    (attempt,) = SnapshotStore.open(tmp_path / "study", readonly=True).attempts()[lost.identity]
    assert (lost.failure, attempt.failure) == ("killed", "killed")
    assert (
        "about to be killed" in attempt.log
        and "about to" in (Path(attempt.folder) / "stdout.txt").read_text()
    )
    assert not (tmp_path / "study" / "runs").exists()
    again = locum_flow("run", "wave.yaml", "-q", "--retry-failed", WAVE_LOG=str(log))
    assert again.returncode == 0, again.stderr
    assert len(runs(log)) == 2 + len(samples(tmp_path, outcome="done"))  # a kill costs what was at work
    assert len(set(runs(log))) == len(samples(tmp_path))
    assert not SnapshotStore.open(tmp_path / "study", readonly=True).verify()


def test_on_a_full_disk_the_sample_failed_and_the_next_one_has_its_room(
    program_study, small_disk: Path, tmp_path: Path
) -> None:
    from locum.execution.simulate import Simulator
    from locum.execution.workspace import open_workspace
    from locum.study import load_study

    study = program_study(model={"scratch": str(small_disk)})
    script = tmp_path / "case" / "program.sh"
    filling = "if [ $x != 0.5 ]; then head -c 4000000 /dev/zero > large.bin || exit 1; fi\n"
    script.write_text(script.read_text().replace("nodes=21", filling + "nodes=21"))
    with open_workspace(study, quiet=True) as work:
        records = work.plan(work.space.sample(2, work.generator("test")), "design")
        (good,) = work.plan([[0.5, 0.5]], "design")
    simulator = Simulator.for_study(load_study(study))
    for record in records:
        assert simulator.run(record.to_dict())["outcome"] == "failed"
    assert simulator.run(good.to_dict())["outcome"] == "done"
    failed = samples(tmp_path, outcome="failed")
    assert [record.failure for record in failed] == ["disk full"] * 2
    assert "No space left on device" in failed[0].reason or "is full" in failed[0].reason
    assert not list(small_disk.iterdir())


def test_a_program_that_is_not_there_is_said_before_anything_is_planned_to_fail(
    refused_flow, program_study, tmp_path: Path
) -> None:
    program_study(model={"command": "no-such-program"})
    sentence = refused_flow("run", "wave.yaml", "-q")
    assert "program 'no-such-program' is not found along PATH; install it" in sentence
    assert not samples(tmp_path, outcome="failed")


def test_a_run_that_wants_more_cores_than_there_are_is_refused(refused_flow, program_study) -> None:
    program_study(model={"cores": 1000})
    assert "model.cores: one run takes 1000, and there are" in refused_flow("run", "wave.yaml", "-q")
    program_study(model={"memory": "100 TB"})
    assert "model.memory: one run takes 1e+05 GB, and there are" in refused_flow("run", "wave.yaml", "-q")
