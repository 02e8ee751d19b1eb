"""The loop in small, on the study with a local feature; `benchmarks/loop_against_design.py` goes further."""

import pytest

from benchmarks import loop_against_design as script
from locum.execution.workspace import open_workspace

SEED, LARGEST = 3, 60
BATCH = ["methods.design.batch=12"]  # six rounds instead of twelve


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The loop's last round, and a Sobol design as large."""
    folder = tmp_path_factory.mktemp("self_heating")
    setting = script.Setting("self_heating", LARGEST, 200, (SEED,), "interpolated")
    path = script.CONFIGS / "self_heating.yaml"
    with open_workspace(path, script.overrides(setting, SEED, folder / "loop") + BATCH, quiet=True) as work:
        truth = script.held_out(work, setting.held_out)
        *_, last = script.loop(work)
        found = {"loop": script.row(setting, SEED, "loop", last, truth)}
    with open_workspace(
        path, script.overrides(setting, SEED, folder / "design", LARGEST), quiet=True
    ) as work:
        found["design"] = script.row(setting, SEED, "design", script.trained(work), truth)
    return found


def test_as_many_simulations_leave_less_error_where_the_loop_chose_them(rows):
    loop, design = rows["loop"], rows["design"]
    assert loop.training == design.training == LARGEST
    assert loop.q99 < design.q99
    assert loop.largest < design.largest
