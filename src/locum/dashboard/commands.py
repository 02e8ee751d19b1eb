"""The command ``locum dashboard``. It imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def dashboard(
    studies: Annotated[
        list[Path], typer.Argument(help="Study files, of one study or of many.", show_default=False)
    ],
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any free one.")
    ] = 5006,
    key_file: Annotated[
        Path | None, typer.Option("--keys", help="File of API keys; needed beyond this machine.")
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open it in this machine's browser too.")] = False,
) -> None:
    """Watch studies in a browser: verdicts, progress, fields to explore, queries.

    Prints the address of the first page. Everything comes from this machine: no internet is needed.
    """
    from locum.dashboard.watched import watch_studies
    from locum.execution.environment import prepare_environment

    prepare_environment()
    watched = watch_studies(studies)
    print(f"opening the dashboard of {', '.join(watched)}", file=sys.stderr)
    from locum.dashboard.guard import Guard, refuse_open_host
    from locum.dashboard.serving import serve

    def started(address: str) -> None:
        print(f"locum dashboard: {address}  (Ctrl-C ends it)", flush=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    refuse_open_host(host, key_file)
    serve(watched, host, port, Guard(key_file), started)
