"""A flow as soon as possible: what it needs starts and is imported side by side.

Importing takes seconds, so nothing is imported here before it is needed: a command's help answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from locum.execution.environment import available_cores, available_memory, importing, prepare_environment


@contextmanager
def started_flow(name: str, study: Path, overrides: Sequence[str], quiet: bool) -> Iterator[Any]:
    """Refuse what is wrong with a study at once, then import a flow while a server starts.

    For ``adapt``, a new study simulates meanwhile.

    Raises
    ------
    LocumError
        What is wrong with the study, or no server that answers.
    """
    prepare_environment()
    with ExitStack() as ahead:
        with importing():
            if name == "adapt":
                _warm_up(study, overrides, ahead)
            from locum.execution.workspace import validated

            validated(study, overrides)
            if not quiet and "PREFECT_API_URL" not in os.environ:
                print(
                    "starting Prefect's embedded server (some seconds; PREFECT_API_URL would name another)",
                    file=sys.stderr,
                )
            from locum.execution.prefect_server import reach_server

            if "PREFECT_API_URL" in os.environ:
                reach_server().wait()  # before anything is simulated
            if name == "adapt":
                from locum.execution.head_start import head_start

                ahead.enter_context(head_start(study, overrides, quiet=quiet))
            server = reach_server()
            flow = getattr(import_module(f"locum.flows.{name}"), name)
        server.wait()
        ahead.enter_context(_without_heartbeat())
        yield flow


def _without_heartbeat() -> AbstractContextManager[Any]:
    """Let a flow end at once, not up to a second later with Prefect's heartbeat; unless somebody set one."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    if PREFECT_FLOWS_HEARTBEAT_FREQUENCY.name in os.environ:
        return nullcontext()
    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})


def _warm_up(study: Path, overrides: Sequence[str], ahead: ExitStack) -> None:
    """Start the simulation processes of a new study, where there is something to simulate for sure."""
    from locum.execution.simulation_process import warm_processes
    from locum.study import load_study

    given = load_study(study, overrides)
    if not given.folder.exists():
        ahead.enter_context(warm_processes(given.workers(available_cores(), available_memory())))
