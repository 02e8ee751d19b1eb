"""Runs ``locum`` commands, each in a process of its own that is forked from this one.

This process has imported what the commands need, so that a command takes milliseconds where a fresh
interpreter takes seconds. One JSON line on standard input asks: arguments, folder, environment, and the files
that standard output and error go to. One line on standard output answers: the exit status, negative for a
signal.
"""

import atexit
import gc
import json
import os
import sys
import traceback
from importlib import import_module

from locum.cli import main
from locum.execution.environment import prepare_environment

prepare_environment()

from prefect.context import refresh_global_settings_context  # noqa: E402

for module in (
    "anyio._backends._asyncio",
    "dask.array",
    "distributed.http.scheduler.info",
    "distributed.http.scheduler.prometheus",
    "distributed.http.worker.prometheus",
    "fastapi",
    "locum.execution.answers",
    "locum.execution.cluster",
    "locum.execution.doctor",
    "locum.execution.prefect_server",
    "locum.flows.adapt",
    "locum.highfidelity.python_model",
    "locum.regression.gaussian_process",
    "locum.reports.report",
    "locum.reports.terminal",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "scipy.fft",
    "scipy.stats",
    "sqlalchemy.dialects.sqlite",
):
    import_module(module)
gc.freeze()  # what is here for good need not be looked through in every process again


def become(request: dict) -> None:
    """Turn this process into the one that was asked for."""
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    refresh_global_settings_context()
    for stream, descriptor, flags in (
        (os.devnull, 0, os.O_RDONLY),
        (request["stdout"], 1, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (request["stderr"], 2, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(stream, flags), descriptor)
    sys.argv = ["locum", *request["arguments"]]


def run() -> int:
    """Run the command as the interpreter would; returns its exit status."""
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


for line in sys.stdin:
    if not (process := os.fork()):
        become(json.loads(line))
        status = run()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # taking apart all that was imported would cost more than the command
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
