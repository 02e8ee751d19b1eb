"""The command ``locum dashboard``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def show_dashboard(studies: Sequence[Path], address: str, port: int, browser: bool) -> None:
    """Serve the dashboard of some studies until interrupted.

    Parameters
    ----------
    studies
        Study files.
    address, port
        Where it is served.
    browser
        Open it in this machine's browser too.

    Raises
    ------
    StudyError
        A study file that cannot be read, an address or a port that cannot be used.
    """
    from locum.dashboard.watched import watch_studies
    from locum.execution.environment import prepare_environment

    prepare_environment()
    watched = watch_studies(studies)
    print(f"opening the dashboard of {', '.join(watched)}", file=sys.stderr)
    from locum.dashboard.serving import serve

    def started(address: str) -> None:
        print(f"locum dashboard: {address}  (Ctrl-C ends it)", flush=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(watched, address, port, started)
