"""``locum simulate``: one real simulation where somebody wants it, once and for all."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_simulation_is_kept_and_never_run_twice(locum, finished_study, tmp_path: Path) -> None:
    log = tmp_path / "runs.txt"
    ask = ("simulate", finished_study, "x=0.25", "y=0.75", "-q", "--json")
    first = json.loads(locum(*ask, WAVE_LOG=str(log)).stdout)
    assert (first["outcome"], first["simulated"]) == ("done", True)
    assert set(first["quantities"]) == {"top"} and first["parameters"] == {"x": 0.25, "y": 0.75}
    again = json.loads(locum(*ask, WAVE_LOG=str(log)).stdout)
    assert again == first | {"simulated": False}
    assert len(log.read_text().splitlines()) == 1
    status = json.loads(locum("status", finished_study, "--json").stdout)
    assert status["simulations"]["planned"] == 0


def test_parameters_outside_their_ranges_are_refused(refused, finished_study) -> None:
    assert "x = 3: the study covers 0 to 1 m" in refused("simulate", finished_study, "x=3", "y=0.5")
