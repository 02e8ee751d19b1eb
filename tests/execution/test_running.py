"""Commands in processes of their own say what became of them."""

from __future__ import annotations

from pathlib import Path

from locum.execution.running import start_command


def test_a_command_that_fails_tells_why(wave_study, tmp_path: Path) -> None:
    study = wave_study(accuracy=None)
    started = start_command("run", study, tmp_path / "study")
    assert started.process.wait(timeout=300) == 2
    assert not started.is_running
    assert started.fault.startswith("locum: ") and "accuracy" in started.fault
    assert started.log.read_text().strip().endswith(started.fault)
