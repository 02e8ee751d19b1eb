"""Folders of another study or a newer format, read-only or full: one sentence, and nothing is lost."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from locum.snapshots import SnapshotStore


def done(folder: Path) -> int:
    return len(SnapshotStore.open(folder, readonly=True).records(outcome="done"))


@pytest.mark.parametrize("command", ["run", "status", "query"])
def test_the_folder_of_another_study_is_refused(refused_flow, wave_study, finished_study, command) -> None:
    wave_study(name="ripple")
    arguments = ["x=0.5", "y=0.5"] if command == "query" else []
    sentence = refused_flow(command, "wave.yaml", *arguments)
    assert "belongs to the study 'wave', not to 'ripple'" in sentence


@pytest.mark.parametrize("command", ["run", "status", "query"])
def test_a_newer_format_is_refused(refused_flow, finished_study, command) -> None:
    with sqlite3.connect(finished_study.parent / "study" / "catalogue.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    arguments = ["x=0.5", "y=0.5"] if command == "query" else []
    sentence = refused_flow(command, finished_study, *arguments)
    assert "newer locum (format 99" in sentence


def test_a_read_only_folder_answers_but_runs_nothing(
    locum, refused_flow, finished_study, make_readonly
) -> None:
    make_readonly(finished_study.parent / "study")
    for command in ("run", "audit", "rollback", "report"):
        sentence = refused_flow(command, finished_study, *["--quiet"] * (command == "run"))
        assert "read-only" in sentence.lower() or "permission denied" in sentence, sentence
    for command in (("status",), ("versions",), ("verify",), ("query", "x=0.5", "y=0.5")):
        answer = locum(command[0], finished_study, *command[1:])
        assert (answer.returncode, answer.stderr) == (0, "")
    elsewhere = finished_study.parent / "report.html"
    assert locum("report", finished_study, "--output", elsewhere).returncode == 0
    assert elsewhere.stat().st_size > 10_000


def test_a_full_disk_ends_the_run_and_freed_it_goes_on(
    locum_flow, refused_flow, wave_study, small_disk: Path, tmp_path: Path
) -> None:
    wave_study(storage={"folder": str(small_disk / "study")}, accuracy={"tolerance": 0.1})
    log = str(tmp_path / "runs.txt")
    assert locum_flow("run", "wave.yaml", "-q", WAVE_LOG=log, KILL_AT="6").returncode == -9
    before = done(small_disk / "study")
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        free = os.statvfs(small_disk)
        file.write(bytes(free.f_bavail * free.f_bsize))
    assert "the disk is full" in refused_flow("run", "wave.yaml", "-q", WAVE_LOG=log)
    assert done(small_disk / "study") >= before
    ballast.unlink()
    answer = locum_flow("run", "wave.yaml", "-q", WAVE_LOG=log)
    assert answer.returncode == 0, answer.stderr
    assert done(small_disk / "study") == 14
    assert not SnapshotStore.open(small_disk / "study", readonly=True).verify()


def test_a_damaged_version_is_named_and_the_simulations_stay(
    locum, refused, finished_study, tmp_path: Path
) -> None:
    folder = sorted((tmp_path / "study" / "surrogates").iterdir())[-1]
    for name in ("surrogate.npz", "manifest.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept[:100])
        sentence = refused("query", finished_study, "x=0.5", "y=0.5")
        assert str(folder) in sentence
        problems = locum("verify", finished_study)
        assert problems.returncode == 1 and name in problems.stdout
        (folder / name).write_bytes(kept)


@pytest.mark.parametrize("name", ["surrogate.npz", "manifest.json"])
def test_a_damaged_version_is_trained_again_from_the_simulations(
    name, locum, locum_flow, finished_study, tmp_path: Path
) -> None:
    before = done(tmp_path / "study")
    last = json.loads(locum("versions", finished_study, "--json").stdout)["champion"]
    path = tmp_path / "study" / "surrogates" / f"{last:04d}" / name
    path.write_bytes(path.read_bytes()[:100])
    answer = locum_flow("run", finished_study, "--json")
    assert answer.returncode == 0, answer.stderr
    assert f"version {last} is passed over" in answer.stderr and str(path) in answer.stderr
    document = json.loads(answer.stdout)
    assert document["decision"] == "within tolerance" and document["status"]["champion"] == last + 1
    assert document["simulated"] == {"done": 0, "failed": 0} and done(tmp_path / "study") == before
    assert locum("query", finished_study, "x=0.5", "y=0.5").returncode == 0
    versions = json.loads(locum("versions", finished_study, "--json").stdout)["versions"]
    assert [row["number"] for row in versions] == list(range(1, last + 2))
