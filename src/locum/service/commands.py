"""The commands ``locum serve`` and ``locum keys``. They import what they need when they run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from locum.exceptions import ParameterError


def serve(
    studies: Annotated[list[Path], typer.Argument(help="Study files that have been run.")],
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0 takes any free one.")] = 8000,
    key_file: Annotated[
        Path | None, typer.Option("--keys", help="File of API keys; needed beyond this machine.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Requests a second of one caller.")] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Parameter sets of one request.")] = 200_000,
    max_body: Annotated[int, typer.Option(min=1, help="Bytes of one request.")] = 64 * 2**20,
    retrain: Annotated[bool, typer.Option(help="Queries over tolerance start `locum run`.")] = True,
    collect: Annotated[
        float, typer.Option(min=0, help="Seconds in which such queries are collected before it starts.")
    ] = 30.0,
    audit_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of answers that is simulated in idle time.")
    ] = 0.01,
    retention: Annotated[float, typer.Option(min=0, help="Days for which queries are remembered.")] = 30.0,
) -> None:
    """Answer queries over HTTP, with error figures and verdicts.

    A version that is promoted meanwhile answers within two seconds, without a restart.
    """
    from locum.queries import Triggers
    from locum.service.options import Limits, Options
    from locum.service.server import serve as serve_studies

    limits = Limits(body=max_body, rows=max_rows, rate=rate)
    options = Options(
        limits=limits,
        keys=key_file,
        triggers=Triggers(window=collect),
        retrain=retrain,
        prefect=os.environ.get("PREFECT_API_URL"),
        audit_share=audit_share,
        retention=86400 * retention,
    )
    serve_studies(studies, host, port, options)


keys = typer.Typer(no_args_is_help=True, help="API keys of a service: make, list and remove them.")
KeyFile = Annotated[Path, typer.Option("--file", help="File of API keys.")]


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, predict, simulate or promote; read and predict if left out."),
    ] = None,
    file: KeyFile = Path("keys.json"),
) -> None:
    """Make a key and print it; only its hash is kept."""
    from locum.queries import Scope
    from locum.queries import add_key as add

    known = [scope.value for scope in Scope]
    for scope in scopes or []:
        if scope not in known:
            raise ParameterError(f"--scope {scope}: expected one of {', '.join(known)}")
    typer.echo(add(file, name, {Scope(scope) for scope in scopes or ["read", "predict"]}))


@keys.command("list")
def list_keys(file: KeyFile = Path("keys.json")) -> None:
    """List names, scopes and dates of the keys."""
    from locum.queries import Keys

    for key in Keys.load(file).by_digest.values():
        typer.echo(f"{key.name}  {', '.join(sorted(key.scopes))}  {key.created}")


@keys.command("remove")
def remove_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    file: KeyFile = Path("keys.json"),
) -> None:
    """Take a key away; a service that runs refuses it within a second or two."""
    from locum.queries import remove_key as remove

    remove(file, name)
