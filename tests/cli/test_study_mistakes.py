"""Every mistake in a study is one sentence that names the key, and nothing is made of it on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

MISTAKES = {
    "unknown key": ({"budgte": {"simulations": 3}}, ["wave.yaml", "'budgte'", "budget"]),
    "unknown key below": ({"budget": {"simulation": 3}}, ["budget", "'simulation'", "simulations"]),
    "wrong type": ({"budget": {"simulations": "many"}}, ["budget.simulations", "whole number", "'many'"]),
    "range reversed": ({"parameters": {"x": {"range": [1, 0]}}}, ["parameters.x", "1", "0"]),
    "log through zero": (
        {"parameters": {"x": {"range": [-1, 1], "scale": "log"}}},
        ["parameters.x", "log", "-1"],
    ),
    "tolerance of nothing": ({"accuracy": {"tolerance": 0}}, ["accuracy.tolerance", "above 0"]),
    "budget too small": ({"budget": {"simulations": 5}}, ["budget.simulations", "allow 14 or more"]),
    "model file missing": ({"model": {"path": "wve.py:simulate"}}, ["wve.py", "does not exist"]),
    "function missing": ({"model": {"path": "wave.py:simulat"}}, ["'simulat'", "simulate"]),
    "module missing": ({"model": {"path": "no_such.module:f"}}, ["no_such.module", "cannot be imported"]),
    "unknown option": ({"model": {"options": {"dose": "answer"}}}, ["option 'dose'", "does"]),
    "quantity missing": (
        {"accuracy": {"quantities": {"to": {"tolerance": 1}}}},
        ["accuracy.quantities", "'to'", "top"],
    ),
}


@pytest.mark.parametrize(
    ("sections", "words"), [case for name, case in MISTAKES.items() if name != "quantity missing"]
)
def test_a_mistake_in_the_study_is_one_sentence(refused, wave_study, tmp_path: Path, sections, words) -> None:
    wave_study(**sections)
    sentence = refused("run", "wave.yaml")
    assert all(word in sentence for word in words), sentence
    assert not (tmp_path / "study").exists()


def test_a_model_file_that_cannot_be_imported_names_the_line(refused, wave_study, tmp_path: Path) -> None:
    wave_study()
    (tmp_path / "wave.py").write_text("import math\n\nimport no_such_solver\n")
    sentence = refused("run", "wave.yaml")
    assert "wave.py" in sentence and "no_such_solver" in sentence and "line 3" in sentence


def test_a_missing_study_file_suggests_the_one_that_is_there(refused, wave_study) -> None:
    wave_study()
    assert "wvae.yaml: no such file; did you mean wave.yaml?" in refused("run", "wvae.yaml")


def test_a_study_that_is_no_yaml_names_the_line(refused, tmp_path: Path) -> None:
    (tmp_path / "wave.yaml").write_text("name: wave\nmodel: {kind: python\n")
    assert "wave.yaml, line" in refused("run", "wave.yaml")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("accuracy.tolerence=0.1", ["--set", "'tolerence'", "tolerance"]),
        ("accuracy.tolerance=tight", ["--set accuracy.tolerance", "number", "'tight'"]),
        ("accuracy.tolerance", ["expected key.subkey=value"]),
    ],
)
def test_an_override_that_is_wrong_says_so(refused, wave_study, tmp_path: Path, override, words) -> None:
    wave_study()
    sentence = refused("run", "wave.yaml", "--set", override)
    assert all(word in sentence for word in words), sentence
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("query", "x=0.5", "y=0.5"),
        ("report",),
        ("versions",),
        ("verify",),
        ("check",),
        ("audit", "-n", "3"),
        ("promote", "1"),
        ("rollback",),
    ],
    ids=lambda command: command[0],
)
def test_before_any_run_every_command_says_what_to_do(
    refused, wave_study, tmp_path: Path, prefect_server, command
) -> None:
    wave_study()
    name, *arguments = command
    sentence = refused(name, "wave.yaml", *arguments, PREFECT_API_URL=prefect_server)
    assert "locum run" in sentence
    assert not (tmp_path / "study").exists()
