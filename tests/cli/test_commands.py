"""Commands on a finished study: keys that programs rely on, words for people, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_first_run_needs_no_server_and_prints_progress_and_a_summary_only(first_run) -> None:
    folder, run = first_run
    assert run.returncode == 0, run.stderr
    first, *progress = run.stderr.splitlines()
    assert "embedded server" in first
    phases = ("the surrogate is", "simulating", "training", "sweeping", "writing the report", "95 % quantile")
    for line in progress:
        words = line.split("; ")
        assert any(word.startswith(phases) or " done, " in word for word in words), run.stderr
    assert "\x1b" not in run.stderr + run.stdout
    assert run.stdout.startswith("within tolerance: ")
    assert f"report  {folder / 'study' / 'report.html'}" in run.stdout
    assert (folder / "study" / "report.html").is_file()


def test_the_status_has_the_keys_that_programs_rely_on(locum, finished_study) -> None:
    answer = locum("status", finished_study, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    document = json.loads(answer.stdout)
    assert document["verdict"] == "within tolerance"
    assert {"done", "failed", "budget"} <= set(document["simulations"])
    assert document["simulations"]["done"] >= 14 and document["simulations"]["budget"] == 24
    assert (document["tolerance"], document["confidence"], document["share_required"]) == (0.002, 0.8, 0.9)
    assert 0.9 <= document["share_within"] <= 1
    figure = document["error_figure"]
    assert figure["kind"] == "indicator" and 0 < figure["q50"] <= figure["q95"] <= figure["max"]
    assert document["coverage"]["claimed"] == 0.8
    assert (document["coverage"]["observed"], document["coverage"]["n"]) == (None, 0)
    assert document["champion"] >= 1 and document["rounds"] >= 1


def test_a_model_file_that_prints_and_goes_elsewhere_disturbs_nobody(
    locum_flow, wave_study, tmp_path
) -> None:
    path = wave_study()
    source = (tmp_path / "wave.py").read_text()
    (tmp_path / "wave.py").write_text(source + "\nprint('a word from the model')\nos.chdir('/')\n")
    answer = locum_flow("run", path.name, "--json", "-q")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["status"]["simulations"]["done"] >= 14
    assert "a word from the model" in answer.stderr


def test_people_read_the_same_in_words(locum, finished_study) -> None:
    answer = locum("status", finished_study)
    assert "within tolerance" in answer.stdout and "80 % claimed, no audit yet" in answer.stdout
    assert "\x1b" not in answer.stdout


def test_an_audit_runs_fresh_simulations_and_the_status_tells_what_it_observed(
    locum, finished_study, tmp_path: Path
) -> None:
    log = tmp_path / "runs.txt"
    before = json.loads(locum("status", finished_study, "--json").stdout)
    answer = locum("audit", finished_study, "-n", "5", "-q", "--json", WAVE_LOG=str(log))
    assert (answer.returncode, answer.stderr) == (0, "")
    document = json.loads(answer.stdout)
    assert (document["simulations"], document["failed"]) == (5, 0)
    assert len(log.read_text().splitlines()) == 5
    after = json.loads(locum("status", finished_study, "--json").stdout)
    assert after["coverage"]["n"] == 5 and 0 <= after["coverage"]["observed"] <= 1
    assert after["simulations"] == before["simulations"]
    table = locum("audit", finished_study, "-n", "3", "-q", WAVE_LOG=str(log))
    assert "silent misses" in table.stdout
    assert len(set(log.read_text().splitlines())) == 8


def test_versions_are_listed_promoted_and_rolled_back(locum, refused, finished_study) -> None:
    document = json.loads(locum("versions", finished_study, "--json").stdout)
    last = document["champion"]
    assert [version["number"] for version in document["versions"]] == list(range(1, last + 1))
    assert document["versions"][-1]["alias"] == "champion" and last > 1
    assert json.loads(locum("promote", finished_study, 1, "--json").stdout)["champion"] == 1
    assert json.loads(locum("rollback", finished_study, "--json").stdout)["champion"] == last
    assert f"version {last + 7} does not exist" in refused("promote", finished_study, last + 7)
    first = json.loads(locum("query", finished_study, "x=0.5", "y=0.5", "--version", 1, "--json").stdout)
    assert first["version"] == 1


def test_the_folder_of_a_study_stands_for_its_file(locum, finished_study) -> None:
    folder = finished_study.parent / "study"
    by_file, by_folder = (locum("query", path, "x=0.5", "y=0.5") for path in (finished_study, folder))
    assert by_file.stdout == by_folder.stdout and by_file.returncode == 0


def test_damage_is_found_and_named(locum, finished_study) -> None:
    assert locum("verify", finished_study).returncode == 0
    chunk = next(
        path
        for path in sorted((finished_study.parent / "study" / "ensemble.zarr" / "height").rglob("*"))
        if path.is_file() and path.name != "zarr.json"
    )
    chunk.write_bytes(chunk.read_bytes()[:-4] + b"oops")
    answer = locum("verify", finished_study)
    assert answer.returncode == 1 and "sample" in answer.stdout


@pytest.mark.parametrize(
    "arguments", [("run",), ("nonsense",), ("query", "--nonsense"), ("audit", "x", "-n", "0")]
)
def test_a_command_that_is_not_understood_shows_how_to_use_it(locum, arguments) -> None:
    answer = locum(*arguments)
    assert answer.returncode == 2
    assert "Usage" in answer.stderr and "Traceback" not in answer.stderr


def test_the_schema_is_the_one_of_the_shipped_files(locum) -> None:
    schema = json.loads(locum("schema").stdout)
    assert {"name", "model", "parameters", "accuracy", "budget"} <= set(schema["properties"])


def test_a_server_that_does_not_answer_is_one_sentence(refused, wave_study, tmp_path: Path) -> None:
    wave_study()
    sentence = refused("run", "wave.yaml", "-q", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert "http://127.0.0.1:9/api does not answer" in sentence and "PREFECT_API_URL" in sentence
    assert not (tmp_path / "study").exists()


def test_a_reader_that_goes_away_ends_the_command_in_silence(finished_study) -> None:
    command = f"'{sys.executable}' -m locum.cli status '{finished_study}' | true"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert answer.stderr == ""


def test_a_champion_of_an_earlier_model_is_reported_and_audited_as_such(
    locum, locum_flow, finished_study, tmp_path: Path
) -> None:
    text = finished_study.read_text(encoding="utf-8")
    finished_study.write_text(text.replace("version: '1'", "version: '2'"), encoding="utf-8")
    answer = locum("report", finished_study)
    assert answer.returncode == 0, answer.stderr
    assert "no verdict yet" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8").lower()
    answer = locum_flow("audit", finished_study, "-n", "3")
    assert answer.returncode == 0 and "was trained on version" in answer.stderr, answer.stderr
