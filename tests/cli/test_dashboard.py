"""``locum dashboard`` refuses what it cannot show, in one sentence."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path


def refusal(locum, *arguments: object) -> str:
    answer = locum("dashboard", *arguments)
    assert answer.returncode == 2 and answer.stdout == ""
    sentence = answer.stderr.splitlines()[-1]
    assert sentence.startswith("locum: ")
    return sentence


def test_other_machines_need_keys(locum, wave_study) -> None:
    assert "locum keys add" in refusal(locum, wave_study(), "--host", "0.0.0.0")


def test_a_port_that_is_taken_is_named(locum, wave_study) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--port {port}" in refusal(locum, wave_study(), "--port", port)


def test_two_studies_of_one_name_cannot_be_told_apart(locum, wave_study, tmp_path: Path) -> None:
    study = wave_study()
    other = shutil.copy(study, tmp_path / "other.yaml")
    assert "give one of them another name" in refusal(locum, study, other)
