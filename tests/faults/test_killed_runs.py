"""Runs that are killed at any moment: run again finishes, runs nothing twice, and ends with the same bits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from locum.registry import Registry
from locum.snapshots import SnapshotStore

# Lines of the model's own log at which the run is killed, and how many seconds after. There are 8 simulations
# of the design, 6 of the calibration, then those of the loop; between them it trains.
KILLS = [("1", "0"), ("5", "0.03"), ("11", "0"), ("14", "0.4"), ("16", "0.02")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "runs.txt"


def simulated(log: Path) -> list[str]:
    """What the model itself wrote down, a line a simulation that was begun."""
    return log.read_text().splitlines() if log.exists() else []


def committed(folder: Path) -> set[str]:
    store = SnapshotStore.open(folder, readonly=True)
    return {
        f"{record.parameters['x']!r} {record.parameters['y']!r}" for record in store.records(outcome="done")
    }


def processes_of(log: Path) -> list[str]:
    """Command lines of processes that know this log, whoever their parents are."""
    mark, found = f"WAVE_LOG={log}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def assert_no_orphan(log: Path) -> None:
    deadline = time.monotonic() + 30
    while (found := processes_of(log)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not found


def made(folder: Path) -> list[tuple[str, dict[str, str]]]:
    """What was trained: the samples' hash, and the hash of every file, of each version."""
    registry = Registry.open(SnapshotStore.open(folder, readonly=True))
    return [(version.training_set_hash, version.manifest["files"]) for version in registry.versions()]


def test_killed_again_and_again_a_run_ends_as_if_it_never_was(
    locum_flow, wave_study, first_run, tmp_path: Path, log: Path
) -> None:
    wave_study()
    killed = 0
    for line, seconds in KILLS:
        before, known = len(simulated(log)), committed(tmp_path / "study") if killed else set()
        answer = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log), KILL_AT=line, KILL_AFTER=seconds)
        killed += answer.returncode == -9
        assert_no_orphan(log)
        assert not known & set(simulated(log)[before:])
    assert killed >= 4
    before, known = len(simulated(log)), committed(tmp_path / "study")
    answer = locum_flow("run", "wave.yaml", "-q", "--json", WAVE_LOG=str(log))
    assert answer.returncode == 0, answer.stderr
    assert not known & set(simulated(log)[before:])
    # a kill costs at most the one simulation that ran
    assert len(simulated(log)) - len(committed(tmp_path / "study")) <= killed
    assert made(tmp_path / "study") == made(first_run[0] / "study")
    mine, undisturbed = (
        json.loads(locum_flow("status", folder / "wave.yaml", "--json").stdout)
        for folder in (tmp_path, first_run[0])
    )
    for key in ("simulations", "share_within", "error_figure", "champion", "rounds", "outputs", "verdict"):
        assert mine[key] == undisturbed[key]
    assert not SnapshotStore.open(tmp_path / "study", readonly=True).verify()


def test_with_its_catalogue_on_a_server_a_killed_run_goes_on_to_the_same_bits(
    locum_flow, wave_study, first_run, postgresql, tmp_path: Path, log: Path
) -> None:
    wave_study(storage={"catalogue": postgresql()})
    killed = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log), KILL_AT="11")
    assert killed.returncode == -9
    answer = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log))
    assert answer.returncode == 0, answer.stderr
    assert len(simulated(log)) <= 1 + len(set(simulated(log)))
    assert "no simulation was needed" in locum_flow("run", "wave.yaml", "-q", WAVE_LOG=str(log)).stdout
    assert not (tmp_path / "study" / "catalogue.db").exists()
    mine, undisturbed = (
        json.loads(locum_flow("status", folder / "wave.yaml", "--json").stdout)
        for folder in (tmp_path, first_run[0])
    )
    for key in ("simulations", "share_within", "error_figure", "champion", "rounds", "verdict"):
        assert mine[key] == undisturbed[key]
    assert locum_flow("verify", "wave.yaml").returncode == 0


def test_two_runs_give_the_same_bits_whatever_the_number_of_workers(
    locum_flow, wave_study, first_run, tmp_path: Path
) -> None:
    wave_study(execution={"workers": 2})
    assert locum_flow("run", "wave.yaml", "-q").returncode == 0
    assert made(tmp_path / "study") == made(first_run[0] / "study")
    points = "x,y\n0.1,0.9\n0.5,0.5\n0.77,0.3\n"
    answers = []
    for folder in (tmp_path, first_run[0]):
        (tmp_path / "points.csv").write_text(points)
        answers.append(locum_flow("query", folder / "wave.yaml", "--csv", "points.csv").stdout)
    assert answers[0] == answers[1] and answers[0].count("\n") == 4


def test_a_finished_study_asks_nothing_of_the_solver_and_writes_no_report_again(
    locum_flow, finished_study, log: Path
) -> None:
    report, written = finished_study.parent / "study" / "report.html", set()
    for _ in range(2):
        answer = locum_flow("run", finished_study, "-q", WAVE_LOG=str(log))
        assert answer.returncode == 0, answer.stderr
        assert "no simulation was needed" in answer.stdout
        written.add(report.stat().st_mtime_ns)
    assert not simulated(log) and len(written) == 1


def test_another_tolerance_reuses_every_simulation_and_writes_the_report_again(
    locum_flow, finished_study, log: Path
) -> None:
    known, report = (
        committed(finished_study.parent / "study"),
        finished_study.parent / "study" / "report.html",
    )
    before = report.stat().st_mtime_ns
    arguments = ("--set", "accuracy.tolerance=0.05", "-q", "--json")
    answer = locum_flow("run", finished_study, *arguments, WAVE_LOG=str(log))
    document = json.loads(answer.stdout)
    assert document["status"]["tolerance"] == 0.05 and document["simulated"] == {"done": 0, "failed": 0}
    assert document["status"]["simulations"]["done"] == len(known)
    assert not simulated(log)
    assert report.stat().st_mtime_ns > before
    report.unlink()
    assert locum_flow("run", finished_study, *arguments).returncode == 0
    assert report.is_file()


def test_another_version_of_the_model_runs_anew_and_the_run_says_why(
    locum_flow, finished_study, log: Path
) -> None:
    known = committed(finished_study.parent / "study")
    arguments = ("--set", "model.version='2'", "--set", "accuracy.tolerance=0.1")
    answer = locum_flow("run", finished_study, *arguments, WAVE_LOG=str(log))
    assert answer.returncode == 0, answer.stderr
    assert len(simulated(log)) == 14
    for said in (answer.stdout, answer.stderr):
        assert "the model is now version 2" in said and f"{len(known)} of version 1" in said
    # back at the first version, nothing has been lost
    assert "no simulation was needed" in locum_flow("run", finished_study, "-q", WAVE_LOG=str(log)).stdout
    assert len(simulated(log)) == 14


def test_other_parameters_run_anew_and_the_run_says_why(
    locum_flow, finished_study, log: Path, tmp_path: Path
) -> None:
    """The version is named in the study, so that the model is still the same one."""
    source = (tmp_path / "wave.py").read_text()
    (tmp_path / "wave.py").write_text(source.replace("(x, y, does=", "(x, y=0.5, lift=0.0, does="))
    for change in ("+ lift", "- y"):
        study = yaml.safe_load(finished_study.read_text())
        study["budget"] = {"simulations": 40}
        if change == "- y":
            del study["parameters"]["y"]
        else:
            study["parameters"]["lift"] = {"range": [0, 1]}
        (other := tmp_path / "other.yaml").write_text(yaml.safe_dump(study))
        answer = locum_flow("run", other, "--json", "--set", "accuracy.tolerance=0.1", WAVE_LOG=str(log))
        assert answer.returncode == 0, answer.stderr
        assert "simulations of other parameters are kept, and are not reused" in answer.stderr
        status = json.loads(answer.stdout)["status"]
        assert status["verdict"] == "within tolerance" and status["simulations"]["done"] <= 40
    # back at the first parameters, nothing has been lost
    before = len(simulated(log))
    assert "no simulation was needed" in locum_flow("run", finished_study, "-q", WAVE_LOG=str(log)).stdout
    assert len(simulated(log)) == before
