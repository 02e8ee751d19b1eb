"""Models that raise, hang, die or answer nonsense: each is one failed sample with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locum.snapshots import SnapshotStore

REASONS = {
    10: ("raised", "ValueError: no wave at x = 0."),
    11: ("not finite", "'height'"),
    12: ("shape", "22"),
    13: ("timed out", "longer than the timeout of 4 s"),
    14: ("killed", "SIGKILL"),
    15: ("raised", "SystemExit: 3"),
}


def test_each_mischief_is_one_failed_sample_with_its_reason_and_the_run_goes_on(
    locum_flow, wave_study, tmp_path: Path
) -> None:
    wave_study(
        seed=9,  # the first sample, which settles the mesh, is a good one
        model={"options": {"does": "everything"}},
        execution={"timeout": 4},
        methods={"design": {"initial": 16}},
        budget={"simulations": 22},
    )
    answer = locum_flow("run", "wave.yaml", "--json")
    assert answer.returncode == 0, answer.stderr
    records = SnapshotStore.open(tmp_path / "study", readonly=True).records()
    for record in records:
        sixteenth = int(16 * record.parameters["x"])
        failure, reason = REASONS.get(sixteenth, ("", ""))
        assert record.outcome == ("failed" if failure else "done"), record.reason
        assert record.failure == failure and reason in (record.reason or "")
    assert {int(16 * record.parameters["x"]) for record in records} == set(range(16))
    simulations = json.loads(answer.stdout)["status"]["simulations"]
    assert simulations["failed"] == sum(record.outcome == "failed" for record in records)
    # what models print is in a log, and nowhere else
    assert "said" not in answer.stdout + answer.stderr
    log = (tmp_path / "study" / "logs" / "simulations.log").read_text()
    assert "said by the model" in log and "said below Python" in log


@pytest.mark.parametrize(
    ("does", "why"),
    [("raise", "ValueError: no wave"), ("not a number", "'height'"), ("exit", "SystemExit: 3")],
)
def test_a_model_that_always_fails_ends_the_run_with_its_reason(
    refused_flow, wave_study, tmp_path: Path, does, why
) -> None:
    wave_study(model={"options": {"does": does}})
    sentence = refused_flow("run", "wave.yaml", "--quiet")
    assert why in sentence and "only 0 are done" in sentence, sentence
    assert "wave.yaml" in sentence
    if does == "exit":  # run again: nothing is simulated a second time
        assert refused_flow("run", "wave.yaml", "--quiet", WAVE_LOG="runs.txt") == sentence
        assert not (tmp_path / "runs.txt").exists()


def test_failed_samples_run_again_when_asked(locum_flow, wave_study, tmp_path: Path) -> None:
    wave_study(model={"options": {"does": "raise", "above": 0.5}}, budget={"simulations": 14})
    assert locum_flow("run", "wave.yaml", "-q").returncode == 0
    failed = {record.identity for record in samples(tmp_path, "failed")}
    source = (tmp_path / "wave.py").read_text()
    (tmp_path / "wave.py").write_text(source.replace("    if does ==", "    if False and does =="))
    answer = locum_flow("run", "wave.yaml", "--retry-failed", "--json", "-q", WAVE_LOG="runs.txt")
    assert answer.returncode == 0, answer.stderr
    done = {record.identity for record in samples(tmp_path, "done")}
    assert failed and failed <= done
    assert not samples(tmp_path, "failed")
    assert len((tmp_path / "runs.txt").read_text().splitlines()) == len(failed)


def samples(folder: Path, outcome: str):
    return SnapshotStore.open(folder / "study", readonly=True).records(outcome=outcome)
