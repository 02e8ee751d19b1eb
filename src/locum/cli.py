"""The ``locum`` command: every capability of the library, for people and, with ``--json``, for programs.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from locum import __version__
from locum.dashboard.commands import dashboard
from locum.exceptions import LocumError, ParameterError
from locum.execution.starting import started_flow
from locum.service.commands import keys, serve

app = typer.Typer(
    name="locum",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
    rich_markup_mode=None,  # plain help: loading rich takes longer than all the rest of it
    help="""Keep a fast surrogate of an expensive simulation within a stated tolerance.

A study is one YAML file: the simulation, its parameters, the tolerance, the budget.

\b
  locum doctor study.yaml                  check everything with one simulation
  locum run study.yaml                     simulate, train, check, until within tolerance
  locum query study.yaml temperature=300   ask the surrogate, with its error figure
  locum report study.yaml                  one HTML page to defend the numbers with
  locum dashboard study.yaml               watch and explore it in a browser

Exit status: 0 done; 1 with --exit-code when over tolerance; 2 something is wrong with what was given.
""",
)

INTERRUPTED, BROKEN_PIPE = 130, 141  # exit statuses, as of a shell

StudyPath = Annotated[Path, typer.Argument(help="The study's YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the study: --set accuracy.tolerance=0.02."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit with status 1 when the study is over tolerance.")
]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"locum {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _emit(document: Any, as_json: bool, render: str) -> None:
    """Print a document as JSON, or as the named table of :mod:`locum.reports.terminal`."""
    if as_json:
        typer.echo(json.dumps(document, indent=2, allow_nan=False, default=str))
        return
    from locum.reports import terminal

    getattr(terminal, render)(document)


@contextmanager
def _workspace(
    study: Path, overrides: list[str] | None = None, readonly: bool = True, quiet: bool = True
) -> Iterator[Any]:
    """Open a study that has been run."""
    from locum.execution.workspace import open_workspace

    with open_workspace(study, overrides or (), readonly=readonly, create=False, quiet=quiet) as work:
        yield work


@app.command()
def run(
    study: StudyPath,
    overrides: Overrides = None,
    retry_failed: Annotated[bool, typer.Option(help="Run failed samples again first.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    exit_code: ExitCode = False,
) -> None:
    """Run the closed loop until within tolerance or out of budget.

    Simulate, reduce, train, calibrate, sweep the error figure, simulate where it is largest, again. Stop it
    whenever you like, even with kill -9: run again and it goes on from the last finished sample.
    """
    with started_flow("adapt", study, overrides or (), quiet) as adapt:
        summary = adapt(study=str(study), overrides=overrides or [], retry_failed=retry_failed, quiet=quiet)
    _emit(summary, as_json, "print_summary")
    if exit_code and summary["status"]["verdict"] != "within tolerance":
        raise typer.Exit(1)


@app.command()
def doctor(
    study: StudyPath, overrides: Overrides = None, as_json: Json = False, quiet: Quiet = False
) -> None:
    """Check all that can go wrong before anything is spent, and run one simulation.

    Program, version, templates, cores; then the first simulation of the design, which is kept. From it the
    time and the disk that the whole budget will take. Exit status 2 with a sentence for every problem.
    """
    from locum.execution.doctor import examine

    document = examine(study, overrides or (), quiet=quiet)
    _emit(document, as_json, "print_doctor")
    if document["problems"]:
        raise typer.Exit(2)


@app.command()
def check(
    study: StudyPath,
    overrides: Overrides = None,
    as_json: Json = False,
    quiet: Quiet = False,
    exit_code: ExitCode = False,
) -> None:
    """Sweep the champion's error figure and say the verdict.

    Twenty thousand fresh draws from the parameter distribution; nothing is simulated.
    """
    with started_flow("check", study, overrides or (), quiet) as check_flow:
        document = check_flow(study=str(study), overrides=overrides or [], quiet=quiet)
    _emit(document, as_json, "print_check")
    if exit_code and document["verdict"] != "within tolerance":
        raise typer.Exit(1)


@app.command()
def audit(
    study: StudyPath,
    n: Annotated[int, typer.Option("-n", min=1, help="Fresh independent simulations to run.")] = 200,
    overrides: Overrides = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare claimed with observed coverage on fresh simulations.

    They are drawn independently and nothing was tuned on them; they do not count against the budget.
    """
    from locum.execution.audit import audit_champion

    with _workspace(study, overrides, readonly=False, quiet=quiet) as work:
        document = audit_champion(work, n)
    _emit(document, as_json, "print_audit")


@app.command()
def simulate(
    study: StudyPath,
    parameters: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="One parameter set.", show_default=False)
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the real simulation at chosen parameters, once and for all.

    It becomes a sample of the study: it counts against the budget, and trains the next surrogate.
    """
    from locum.execution.answers import parse_assignments
    from locum.execution.one_simulation import simulate_at

    document = simulate_at(study, parse_assignments(parameters), quiet=quiet)
    _emit(document, as_json, "print_simulation")


@app.command()
def query(
    study: StudyPath,
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE...", help="One parameter set.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Many parameter sets: a CSV file with a column a parameter.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write answers to a .csv file, or fields as well to a .zarr folder."
        ),
    ] = None,
    version: Annotated[int | None, typer.Option(help="Ask this version instead of the champion.")] = None,
    as_json: Json = False,
) -> None:
    """Ask the surrogate: quantities, error figures and the verdict.

    \b
    locum query configs/cooled_blade.yaml gas_temperature=1500 film_scale=1 ...
    locum query configs/cooled_blade.yaml --csv points.csv --output answers.csv
    """  # noqa: D301
    from locum import load
    from locum.execution import answers

    if bool(parameters) == bool(csv):
        raise ParameterError(
            "locum query: give parameters as NAME=VALUE, or a file with --csv (one of the two)"
        )
    surrogate = load(str(study), version)
    if csv is not None:
        summary = answers.answer_file(surrogate, csv, output, as_json)
        if summary is not None:
            _emit(summary, as_json, "print_file_answers")
        return
    document = answers.answer_one(surrogate, answers.parse_assignments(parameters or []), output)
    _emit(document, as_json, "print_answer")
    if not document["in_domain"]:
        raise ParameterError(
            f"{document['reason']}: this answer is outside the domain of validity, no error figure covers it"
        )


@app.command()
def status(study: StudyPath, overrides: Overrides = None, as_json: Json = False) -> None:
    """Say where a study stands: verdict, simulations, champion."""
    from locum.execution.status import status_document

    with _workspace(study, overrides) as work:
        document = status_document(work)
    _emit(document, as_json, "print_status")


@app.command()
def report(
    study: StudyPath,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write it.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report: one HTML file that needs nothing else."""
    from locum.reports.study_report import write_study_report

    with _workspace(study) as work:
        path = write_study_report(work, output)
    _emit({"report": str(path)}, as_json, "print_report")


@app.command()
def versions(study: StudyPath, as_json: Json = False) -> None:
    """List the trained surrogates of a study and which one answers."""
    from locum.execution.status import versions_document

    with _workspace(study) as work:
        document = versions_document(work)
    _emit(document, as_json, "print_versions")


@app.command()
def promote(
    study: StudyPath,
    version: Annotated[int, typer.Argument(help="Number of the version.")],
    as_json: Json = False,
) -> None:
    """Make a version the champion, whatever the gate said of it."""
    from locum.execution.status import versions_document

    with _workspace(study, readonly=False) as work:
        work.registry.promote(version, expected=work.registry.champion)
        document = versions_document(work)
    _emit(document, as_json, "print_versions")


@app.command()
def rollback(study: StudyPath, as_json: Json = False) -> None:
    """Make the champion before this one champion again."""
    from locum.execution.status import versions_document

    with _workspace(study, readonly=False) as work:
        work.registry.rollback()
        document = versions_document(work)
    _emit(document, as_json, "print_versions")


@app.command()
def verify(study: StudyPath, as_json: Json = False) -> None:
    """Read every stored field again and name what is damaged."""
    from locum.execution.status import verify_document

    with _workspace(study) as work:
        document = verify_document(work)
    _emit(document, as_json, "print_problems")
    if document["problems"]:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from locum.study import study_schema

    typer.echo(json.dumps(study_schema(), indent=2))


app.command()(serve)
app.add_typer(keys, name="keys")
app.command()(dashboard)


def main() -> None:
    """Run the command; a user's mistake ends in one sentence and exit status 2."""
    status = 1
    # The last thing to happen: taking a thousand imported modules apart takes a second and serves nobody.
    atexit.register(lambda: os._exit(status))
    try:
        status = _answer()
    except LocumError as error:
        print(f"locum: {error}", file=sys.stderr)
        status = 2
    except BrokenPipeError:  # as in `locum status | true`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    sys.stdout.flush()
    sys.exit(status)


def _answer() -> int:
    """Run the command that was given; its exit status."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print(
                "locum: interrupted; every finished simulation is kept, run again to go on", file=sys.stderr
            )
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    main()
