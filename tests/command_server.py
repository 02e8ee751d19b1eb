"""Runs commands of ``locum`` and ``prefect``, each in a process of its own that is forked from this one.

This process has imported what the commands need, so that a command takes milliseconds where a fresh
interpreter takes seconds; so do modules that a command starts as programs, ``python -m MODULE``. Arguments
are the descriptor of the socket on which ``command_client.py`` asks, with arguments, folder, environment and
descriptors, and the program that stands for Python. Further messages are signals for the command; the answer
is its exit status, negative for a signal. A command whose client has gone is killed with its process group,
and so are all when standard input closes.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from runpy import run_module
from typing import Any, NoReturn

import locum.cli
from locum.execution.environment import prepare_environment

prepare_environment()

import prefect.cli  # noqa: E402
from prefect.context import refresh_global_settings_context  # noqa: E402

for module in (
    "anyio._backends._asyncio",
    "dask.array",
    "distributed.http.scheduler.info",
    "distributed.http.scheduler.json",
    "distributed.http.scheduler.prometheus",
    "distributed.http.worker.prometheus",
    "fastapi",
    "gpytorch",
    "locum.execution.answers",
    "locum.execution.cluster",
    "locum.execution.doctor",
    "locum.execution.head_start",
    "locum.execution.prefect_server",
    "locum.execution.simulate",
    "locum.flows.adapt",
    "locum.highfidelity.python_model",
    "locum.regression.gaussian_process",
    "locum.regression.hyperparameters",
    "locum.reports.report",
    "locum.reports.terminal",
    "locum.service.server",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "prefect.cli.deploy",
    "prefect.cli.server",
    "prefect.cli.work_pool",
    "prefect.cli.worker",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "prefect.workers.process",
    "scipy.fft",
    "scipy.stats",
    "sqlalchemy.dialects.sqlite",
    "torch",
):
    import_module(module)
gc.freeze()  # what is here for good need not be looked through in every process again

sys.executable = sys.argv[2]


def python() -> None:
    """Run a module as a program, as if nobody had imported it."""
    del sys.argv[:2]
    sys.modules.pop(sys.argv[0], None)
    run_module(sys.argv[0], run_name="__main__", alter_sys=True)


PROGRAMS = {"locum": locum.cli.main, "prefect": prefect.cli.app, "python": python}
LARGEST_REQUEST = 1 << 20  # bytes
MOST_DESCRIPTORS = 16


def become(request: dict[str, Any], streams: Sequence[int]) -> NoReturn:
    """Turn this process into the command that was asked for; it ends with the command's exit status."""
    status = 1
    try:
        os.setsid()
        first_free = max(request["descriptors"]) + 1
        lifted = [fcntl.fcntl(stream, fcntl.F_DUPFD, first_free) for stream in streams]
        os.closerange(3, first_free)
        for descriptor, stream in zip(request["descriptors"], lifted, strict=True):
            os.dup2(stream, descriptor)
        os.closerange(first_free, os.sysconf("SC_OPEN_MAX"))
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        prepare_environment()
        refresh_global_settings_context()
        sys.argv = request["arguments"]
        if sys.argv[0] != "python":
            os.environ["COMMAND_PID"] = str(os.getpid())
        PROGRAMS[sys.argv[0]]()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        atexit._run_exitfuncs()
        os._exit(status)  # taking apart all that was imported would cost more than the command


def kill(command: int) -> None:
    """Kill a command and its process group, unless it has not made one yet."""
    with suppress(ProcessLookupError):
        os.killpg(command, signal.SIGKILL)
    os.kill(command, signal.SIGKILL)


def serve(listener: socket.socket) -> None:
    """Fork a command for every client, until standard input closes."""
    selector, pids = selectors.DefaultSelector(), dict[socket.socket, int]()

    def accept() -> None:
        client, _ = listener.accept()
        request, streams, _, _ = socket.recv_fds(client, LARGEST_REQUEST, MOST_DESCRIPTORS)
        if not (pid := os.fork()):
            become(json.loads(request), streams)
        for stream in streams:
            os.close(stream)
        pids[client], ended = pid, os.pidfd_open(pid)
        selector.register(client, selectors.EVENT_READ, partial(pass_on, client))
        selector.register(ended, selectors.EVENT_READ, partial(finish, client, ended))

    def pass_on(client: socket.socket) -> None:
        number = client.recv(LARGEST_REQUEST)
        if number:
            os.kill(pids[client], int(number))
        else:
            selector.unregister(client)
            kill(pids[client])

    def finish(client: socket.socket, ended: int) -> None:
        selector.unregister(ended)
        os.close(ended)
        status = os.waitstatus_to_exitcode(os.waitpid(pids.pop(client), 0)[1])
        with suppress(KeyError, OSError):  # the client may have gone
            selector.unregister(client)
            client.send(str(status).encode())
        client.close()

    selector.register(listener, selectors.EVENT_READ, accept)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while happened := selector.select()[0][0].data:
        happened()
    for pid in pids.values():
        kill(pid)


serve(socket.socket(fileno=int(sys.argv[1])))
