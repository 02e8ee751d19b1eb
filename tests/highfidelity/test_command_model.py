"""A program as a model: what it is given, what it leaves, and each way in which it fails."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from locum.exceptions import LocumError, ModelError, SimulationError
from locum.highfidelity.command import RunFolders
from locum.study import build_model, load_study

POINT = {"x": 0.25, "y": 0.5}
MPIRUN = "mpirun --allow-run-as-root --oversubscribe -n {{ cores }}"
mpirun = pytest.mark.skipif(not shutil.which("mpirun"), reason="mpirun is not installed")


@pytest.fixture
def model(program_study: Callable[..., Path]):
    """Build the model of the small study: ``model(does="half")``, sections as in the study file."""

    def build(**sections):
        return build_model(load_study(program_study(**sections)))

    return build


@pytest.fixture
def fails(model, tmp_path: Path):
    """Run one sample that fails; gives the class, the reason and the attempts."""

    def run(**sections):
        with model(**sections).trial("sample") as trial, pytest.raises(SimulationError) as error:
            trial.simulate(POINT)
        assert trial.attempts[-1].failure == error.value.failure
        assert not (tmp_path / "study" / "runs").exists()
        return error.value.failure, error.value.reason, trial.attempts

    return run


def marked(mark: Path) -> dict[int, str]:
    """Processes that carry this path in their environment, but for this process's own children."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if str(mark).encode() in (process / "environ").read_bytes() and parent != os.getpid():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {number: line for number, line in found.items() if line}


def soon(condition: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def test_a_program_gives_fields_quantities_units_and_mesh(model) -> None:
    snapshot = model().simulate(POINT)
    nodes = np.linspace(0, 1, 21)
    assert np.allclose(snapshot["node_x"], nodes) and snapshot["node_x"].attrs["units"] == "m"
    assert np.allclose(snapshot["height"], np.sin(np.pi * nodes * 1.075) / 2.5)
    assert snapshot["height"].attrs["units"] == "m"
    assert float(snapshot["top"]) == float(snapshot["height"][10]) and float(snapshot["residual"]) == 1e-9


def test_nothing_of_a_run_that_succeeded_is_left_unless_asked(model, tmp_path: Path) -> None:
    model().simulate(POINT)
    assert not (tmp_path / "study" / "runs").exists() and not (tmp_path / "study" / "logs").exists()
    with model(model={"keep": "all", "logs": ["**/*"]}).trial("good") as trial:
        trial.simulate(POINT)
    kept = Path(trial.attempts[-1].folder)
    assert {path.name for path in kept.iterdir()} == {"input.sh", "program.sh", "stdout.txt", "wave.csv"}
    assert "x=0.25 y=0.5 relaxation=1.0" in (kept / "input.sh").read_text()


@pytest.mark.parametrize(
    ("does", "failure", "reason"),
    [
        ("refuse", "refused", "ended with exit status 201"),
        ("diverge", "diverged", "stdout.txt says: DIVERGED at step 3"),
        ("stall", "not converged", "ends at 0.1; expected at most 1e-06"),
        ("die", "killed", "signal 9 (SIGKILL)"),
        ("nothing", "output missing", "no file 'wave.csv'; it left input.sh, program.sh"),
        ("half", "output malformed", "file 'wave.csv'"),
        ("nan", "not finite", "field 'height' is nan"),
        ("full", "disk full", "SIGXFSZ"),
    ],
)
def test_every_failure_has_its_class(fails, does: str, failure: str, reason: str) -> None:
    found, said, attempts = fails(does=does)
    assert (found, reason in said) == (failure, True), said
    assert len(attempts) == (2 if does == "diverge" else 1)


def test_a_signal_counts_before_what_the_files_say(fails) -> None:
    assert (
        fails(does="die", model={"success": [{"file": "stdout.txt", "contains": "residual"}]})[0] == "killed"
    )
    assert fails(does="refuse", model={"success": [{"file": "stdout.txt", "contains": "step"}]})[0] == "error"


def test_a_failed_run_keeps_its_logs_and_their_last_lines(fails, tmp_path: Path) -> None:
    _, _, attempts = fails(does="stall", model={"logs": ["*.csv"]})
    kept = tmp_path / "study" / "logs" / "runs" / "sample" / "1"
    assert attempts[0].folder == str(kept)
    assert {path.name for path in kept.iterdir()} == {"stdout.txt", "wave.csv"}
    assert "stdout.txt:\nstep 1 residual = 1.0\nstep 2 residual = 0.1" in attempts[0].log


def test_a_program_that_is_not_there_did_not_start(fails) -> None:
    failure, reason, _ = fails(model={"command": "no-such-program --input x"})
    assert (failure, reason) == (
        "did not start",
        "the program 'no-such-program' did not start: No such file or directory",
    )


def test_what_a_launcher_says_of_a_signal_and_of_a_missing_program_is_understood(fails) -> None:
    for status, failure in ((136, "diverged"), (137, "killed"), (127, "did not start"), (1, "error")):
        assert fails(model={"command": f"sh -c 'exit {status}'"})[0] == failure


def test_a_program_that_hangs_ends_at_the_timeout_with_all_that_it_started(
    fails, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAVE_LOG", str(tmp_path / "runs.txt"))
    failure, reason, _ = fails(does="hang", execution={"timeout": 0.5})
    assert failure == "timed out" and "longer than the timeout of 0.5 s" in reason
    assert not marked(tmp_path / "runs.txt")


def test_what_a_program_leaves_running_is_ended(model, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WAVE_LOG", str(tmp_path / "runs.txt"))
    model(does="leftover").simulate(POINT)
    assert not marked(tmp_path / "runs.txt")


@pytest.fixture
def hangs(model, tmp_path: Path, monkeypatch):
    """Start a process that simulates with a program that hangs; gives it and its family's log."""
    log = tmp_path / "runs.txt"
    monkeypatch.setenv("WAVE_LOG", str(log))

    def start(copies: int = 1, **keys) -> tuple[int, Path]:
        hanging = model(does="hang", model=keys)
        if not (process := os.fork()):
            try:
                hanging.simulate(POINT)
            except SimulationError as error:
                (tmp_path / "said.txt").write_text(error.reason)
            finally:
                os._exit(0)
        assert soon(lambda: list(marked(log).values()).count("sleep 600 ") == 2 * copies)
        return process, log

    yield start
    for number in marked(log):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def test_when_the_simulating_process_is_killed_nothing_survives(hangs) -> None:
    process, log = hangs()
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert soon(lambda: not marked(log)), marked(log)


@mpirun
@pytest.mark.parametrize("victim", ["the process that simulates", "mpirun"])
def test_no_rank_survives_a_kill(hangs, tmp_path: Path, victim: str) -> None:
    process, log = hangs(copies=2, launcher=MPIRUN, cores=2)
    launcher = next(number for number, line in marked(log).items() if line.startswith("mpirun "))
    os.kill(launcher if victim == "mpirun" else process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert soon(lambda: not marked(log)), marked(log)
    if victim == "mpirun":
        assert "signal 9 (SIGKILL)" in (tmp_path / "said.txt").read_text()


@mpirun
def test_mpirun_starts_a_rank_a_core(model) -> None:
    rank = "echo rank $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE >> ranks.txt"
    given = {
        "launcher": MPIRUN,
        "cores": 2,
        "command": [["sh", "-c", f"{rank}; if [ $OMPI_COMM_WORLD_RANK = 0 ]; then sh program.sh; fi"]],
        "quantities": {
            "ranks": {"file": "ranks.txt", "column": 4},
            "last": {"file": "ranks.txt", "column": 2, "take": "max"},
        },
    }
    snapshot = model(model=given).simulate(POINT)
    assert (float(snapshot["ranks"]), float(snapshot["last"])) == (2, 1)


def test_srun_gets_its_options_then_the_program_and_its_arguments(model, tmp_path: Path) -> None:
    """A stand-in on PATH; the words before the program are its options."""
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(
        '#!/bin/sh\n[ "$*" = "--ntasks 2 --exact sh program.sh" ] || exit 64\nshift 3; exec "$@"\n'
    )
    srun.chmod(0o755)
    path = f"{srun.parent}:{os.environ['PATH']}"
    launched = model(
        model={"launcher": "srun --ntasks {{ cores }} --exact", "cores": 2, "environment": {"PATH": path}}
    )
    assert float(launched.simulate(POINT)["residual"]) == 1e-9
    assert launched.programs(POINT) | {"sh": None} == {"srun": str(srun), "sh": None}


def test_when_the_guard_is_killed_so_is_the_program_and_the_sample_failed(hangs, tmp_path: Path) -> None:
    process, log = hangs()
    guard = next(number for number, line in marked(log).items() if "guard.py" in line)
    os.kill(guard, signal.SIGKILL)
    os.waitpid(process, 0)
    assert "signal 9 (SIGKILL)" in (tmp_path / "said.txt").read_text()
    # what a program has put into a session of its own can survive this, and only this
    assert soon(lambda: set(marked(log).values()) <= {"sleep 600 "})


def test_a_retry_changes_settings_and_is_recorded(model) -> None:
    with model(does="again").trial("sample") as trial:
        trial.simulate(POINT)
    first, second = trial.attempts
    assert (first.failure, first.settings) == ("diverged", {"relaxation": 1.0})
    assert (second.failure, second.settings) == ("", {"relaxation": 0.5})
    assert "DIVERGED at step 1" in first.log


def test_retries_are_bounded_and_only_for_their_class(fails) -> None:
    retries = [{"on": ["diverged", "killed"], "times": 3, "set": {"relaxation": "relaxation * x"}}]
    _, _, attempts = fails(does="diverge", model={"retries": retries})
    assert [attempt.settings["relaxation"] for attempt in attempts] == [1.0, 0.25, 0.0625, 0.015625]
    assert len(fails(does="stall", model={"retries": retries})[2]) == 1


def test_a_typo_in_a_template_is_refused_with_file_and_line(model, tmp_path: Path, program_study) -> None:
    study = program_study()
    (tmp_path / "case" / "input.sh.j2").write_text("y={{ y }}\nx={{ X }} relaxation={{ relaxatoin }}\n")
    with pytest.raises(ModelError) as error:
        build_model(load_study(study))
    assert "template input.sh.j2, line 2: name 'X' is unknown" in str(error.value)
    assert "name 'relaxatoin' is unknown; did you mean 'relaxation'?" in str(error.value)
    (tmp_path / "case" / "input.sh.j2").write_text("y={{ y }}\nx={{ x }\n")
    with pytest.raises(ModelError, match=r"template input.sh.j2, line 2: "):
        build_model(load_study(study))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"launcher": 3}, "model.launcher: expected text, got 3; put it in quotes"),
        ({"launcher": ["mpirun", "-n", 2]}, "model.launcher[2]: expected text, got 2; put it in quotes"),
        ({"launcher": 'mpirun -n "2'}, "model.launcher: 'mpirun -n \"2' does not split into words"),
        ({"command": "sh 'program.sh"}, "No closing quotation"),
        ({"retries": [{"on": "divergd"}]}, "got 'divergd'; did you mean 'diverged'?"),
        (
            {"retries": [{"on": "diverged", "set": {"relaxation": "relaxatio / 2"}}]},
            "model: retries: relaxation: ",
        ),
        ({"reader": {"kind": "cvs", "path": "a"}}, "got 'cvs'; did you mean 'csv'?"),
        ({"reader": {"kind": "csv", "path": "a", "coordinate": ["x"]}}, "did you mean 'coordinates'?"),
    ],
)
def test_a_mistake_in_the_section_is_one_sentence(model, keys, sentence: str) -> None:
    with pytest.raises(LocumError) as error:
        model(model=keys)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_what_a_template_cannot_compute_is_a_failed_sample(fails, tmp_path: Path, program_study) -> None:
    program_study()
    (tmp_path / "case" / "more.txt.j2").write_text("\n{{ 1 / (x - 0.25) }}\n")
    failure, reason, _ = fails()
    assert failure == "did not start"
    assert reason == "template more.txt.j2, line 2: ZeroDivisionError: float division by zero"


def test_templates_cannot_reach_out_of_their_sandbox(fails, tmp_path: Path, program_study) -> None:
    program_study()
    (tmp_path / "case" / "more.txt.j2").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}\n")
    assert "more.txt.j2" in fails()[1]


def test_the_version_follows_templates_command_reader_and_the_programs_own(
    program_study, tmp_path: Path
) -> None:
    def version(**keys):
        return build_model(load_study(program_study(model=keys))).version

    plain = version()
    assert version() == plain
    assert version(cores=1, keep="all", logs=["*"], retries=[], launcher="env") == plain
    for keys in (
        {"command": "sh ./program.sh"},
        {"settings": {"relaxation": 0.5}},
        {"reader": {"kind": "csv", "path": "wave.csv", "fields": {"height": "height"}}},
        {"version_command": "sh -c 'echo 1.0'"},
        {"version": "2"},
        {"environment": {"MODE": "fast"}},
    ):
        assert version(**keys) != plain, keys
    assert version(version_command="sh -c 'echo 1.1'") != version(version_command="sh -c 'echo 1.0'")
    study = program_study()
    (tmp_path / "case" / "mesh").mkdir()
    (tmp_path / "case" / "mesh" / "points.txt").write_text("0 1\n")
    assert build_model(load_study(study)).version != plain


def test_several_commands_run_one_after_another_until_one_fails(model, fails) -> None:
    commands = ["sh program.sh", ["sh", "-c", "sed -i 's/height/depth/' wave.csv"]]
    quantities = {"deepest": {"field": "depth", "take": "largest"}}
    snapshot = model(model={"command": commands, "quantities": quantities}).simulate(POINT)
    assert float(snapshot["deepest"]) == float(np.abs(snapshot["depth"]).max())
    assert fails(model={"command": ["false", *commands]})[0] == "error"


def test_the_environment_and_the_launcher_reach_the_program(model) -> None:
    given = {
        "launcher": "env LAUNCHED={{ cores }}",
        "environment": {"HALF": "{{ x / 2 }}"},
        "command": ["sh program.sh", "sh -c 'echo residual = $HALF; echo launched $LAUNCHED'"],
        "success": [],
        "quantities": {
            "half": {"file": "stdout.txt", "pattern": "residual = (.*)"},
            "cores": {"file": "stdout.txt", "column": 2},
            "both": {"expression": "half * cores + x"},
        },
    }
    snapshot = model(model=given).simulate(POINT)
    assert [float(snapshot[name]) for name in ("half", "cores", "both")] == [0.125, 1.0, 0.375]


def test_folders_come_and_go_at_the_same_time(tmp_path: Path) -> None:
    """The last one out removes the common folder, which another one may be about to enter."""
    folders = RunFolders(tmp_path / "runs", tmp_path / "kept")

    def come_and_go(sample: int) -> None:
        for number in range(300):
            folder = folders.fresh(f"{sample}", number)
            assert folders.left(f"{sample}") == [(number, folder)]
            folders.remove(folder)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert not (tmp_path / "runs").exists()
