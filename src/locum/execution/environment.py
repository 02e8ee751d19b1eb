"""What the surroundings must be told before numerical libraries and Prefect are imported."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Thread

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

# Prefect without telemetry, with its embedded server given time on a busy machine, and silent on the
# terminal, where our own progress is shown. Whatever the user has set stays.
PREFECT_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}


def prepare_environment() -> None:
    """Set Prefect's defaults. Call it before ``prefect`` is imported."""
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)


def python(*arguments: str) -> list[str]:
    """Command of a process of ours: no file of the folder it starts in, random.py say, is a library to it."""
    return [sys.executable, "-P", *arguments]


def single_threaded(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Copy an environment with one thread for every numerical library: workers never share a core."""
    return {**(os.environ if environment is None else environment), **dict.fromkeys(THREAD_VARIABLES, "1")}


@contextmanager
def importing() -> Iterator[None]:
    """Import much in this block: it stays, and each look for garbage in it would take a third of a second."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def import_in_background(*modules: str) -> None:
    """Import heavy modules while simulations run; whoever needs one sooner waits for it as usual."""

    def load() -> None:
        with suppress(Exception):  # whoever needs the module will be told
            for module in modules:
                import_module(module)
            gc.freeze()

    Thread(target=load, name="imports", daemon=True).start()


def available_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or the limit of its control group."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return physical


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
