"""The doctor: what is wrong in a sentence each, one simulation that is kept, and what the rest will take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from locum.execution.doctor import examine
from locum.snapshots import SnapshotStore
from locum.study import load_study

pytestmark = pytest.mark.usefixtures("warm_python")


def problems(study: Path, *overrides: str) -> list[str]:
    return examine(study, overrides, quiet=True)["problems"]


def test_a_sound_program_is_run_once_and_its_sample_is_of_the_design(
    locum, program_study, tmp_path: Path
) -> None:
    study = program_study(model={"version_command": "echo wave 1.0"}, execution={"workers": 1})
    answer = locum("doctor", study, "--json", "-q", WAVE_LOG=str(tmp_path / "runs.txt"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = json.loads(answer.stdout)
    assert not found["problems"] and found["program"]["version"] == "wave 1.0"
    assert found["program"]["found"]["sh"].endswith("/sh")
    assert found["snapshot"]["fields"] == {"height": {"shape": [21], "unit": "m"}}
    assert found["snapshot"]["bytes"] == 8 * 21 and found["snapshot"]["bytes_on_disk"] > 0
    forecast = found["forecast"]
    assert (forecast["simulations"], forecast["workers"]) == (23, 1)
    assert forecast["seconds"] == pytest.approx(23 * found["simulation"]["seconds"])
    again = locum("doctor", study, WAVE_LOG=str(tmp_path / "runs.txt"))
    assert again.returncode == 0 and "sound" in again.stdout and "23 simulations" in again.stdout
    assert len((tmp_path / "runs.txt").read_text().splitlines()) == 1
    (record,) = SnapshotStore.open(tmp_path / "study", readonly=True).records()
    assert (record.purpose, record.outcome, record.short) == ("design", "done", found["simulation"]["sample"])


def test_models_in_python_are_examined_too(wave_study) -> None:
    found = examine(wave_study(), quiet=True)
    assert not found["problems"] and found["program"] is None
    assert found["forecast"]["simulations"] == 23 and found["simulation"]["outcome"] == "done"
    assert problems(wave_study(model={"path": "wave.py:simulat"})) == [
        f"{wave_study(model={'path': 'wave.py:simulat'})}: model: model path 'wave.py:simulat': "
        "name 'simulat' is unknown; did you mean 'simulate'?"
    ]


def test_every_problem_is_a_sentence_and_the_exit_status_is_2(locum, program_study, tmp_path: Path) -> None:
    study = program_study()
    (tmp_path / "case" / "input.sh.j2").write_text("x={{ X }}\ny={{ z }}\n")
    answer = locum("doctor", study, "--json")
    assert answer.returncode == 2
    assert [line.partition("template ")[2] for line in json.loads(answer.stdout)["problems"]] == [
        "input.sh.j2, line 1: name 'X' is unknown; expected one of x, y, relaxation, cores",
        "input.sh.j2, line 2: name 'z' is unknown; expected one of x, y, relaxation, cores",
    ]
    study = program_study(model={"command": "no-such-program"})
    (tmp_path / "case" / "input.sh.j2").write_text("x={{ x }}\n")
    assert problems(study) == [
        "program 'no-such-program' is not found along PATH; install it, or say where it is",
        "parameter 'y' stands in no template and in no command: results cannot depend on it",
    ]
    assert "1000, and there are" in problems(study, "model.cores=1000")[0]
    assert problems(study, "model.version_command=no-such") == [
        f"{study}: model: version_command: 'no-such' cannot be started: No such file or directory; "
        "install the program, or say where it is"
    ]
    assert not SnapshotStore.open(tmp_path / "study", readonly=True).records(outcome="failed")


def test_a_simulation_that_fails_is_a_problem_until_it_succeeds(program_study, tmp_path: Path) -> None:
    study = program_study(does="stall")
    (sentence,) = problems(study)
    assert "not converged" in sentence and "its logs are in" in sentence
    script = tmp_path / "case" / "program.sh"
    script.write_text(script.read_text().replace("residual=0.1", "residual=0"))
    assert not problems(study)
    assert problems(study, "accuracy.quantities={topp: {tolerance: 1}}") == [
        f"{study}: accuracy.quantities: quantity 'topp' is unknown; did you mean 'top'?"
    ]
    assert problems(study, "model.units={heigt: m}") == [
        f"{study}: model.units: name 'heigt' is unknown; did you mean 'height'?"
    ]
    assert "budget.wall_time: the simulations will take" in problems(study, "budget.wall_time=1 ms")[0]


def test_runs_at_the_same_time_are_as_many_as_fit(program_study) -> None:
    def workers(cores: int, memory: int | None = None, **sections) -> int:
        return load_study(program_study(**sections)).workers(cores, memory)

    free = {"execution": {"workers": "auto"}}
    assert workers(8, model={"cores": 3}, **free) == 2
    assert workers(8, model={"cores": 3}, execution={"workers": 4}) == 2
    assert workers(8, model={"cores": 3}, execution={"workers": 1}) == 1
    assert workers(2, model={"cores": 3}, **free) == 1  # and refused when it is to run
    assert workers(8, 10 * 10**9, model={"memory": "4 GB"}, **free) == 2


def test_the_workers_of_dask_have_the_cores_that_a_run_takes(program_study, monkeypatch) -> None:
    import locum.execution.workspace as workspace

    monkeypatch.setattr(workspace, "available_cores", lambda: 5)
    study = program_study(model={"cores": 2}, execution={"workers": "auto"})
    with workspace.open_workspace(study, quiet=True) as work:
        workers = work.cluster.client.scheduler_info()["workers"].values()
        assert [worker["resources"] for worker in workers] == [{"cores": 2}, {"cores": 2}]


def test_equations_that_the_simulation_does_not_solve_are_a_problem(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    model = {"kind": "python", "path": f"{Path(__file__).parents[1] / 'curved.py'}:Elsewhere"}
    content = {
        "name": "elsewhere",
        "model": model,
        "accuracy": {"tolerance": 0.01},
        "budget": {"simulations": 40},
    }
    study.write_text(yaml.safe_dump(content), encoding="utf-8")
    (told,) = problems(study)
    assert "curved: the residual at its own simulation is" in told and "\n" not in told
    assert not problems(study, "methods={surrogate: interpolated, indicator: deviation}")
