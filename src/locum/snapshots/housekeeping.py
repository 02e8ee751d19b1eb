"""Keeping a study's folder in order: writable when it has to be, free of what killed writers left."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from locum.snapshots.durable import PARTIAL, is_locked, told_as_storage_error

RUN_LOCK = ".locks/run.lock"
SIMULATING_LOCK = ".locks/simulating.lock"
"""One byte of it for each sample: see :func:`locum.snapshots.durable.byte_lock`."""
_FORGOTTEN_SECONDS = 3600


def make_writable(folder: Path, create: bool, locks: str) -> None:
    """Make a folder where asked, and find out whether it can be written: ``locks`` is the folder touched."""
    with told_as_storage_error("write to", folder):
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            probe = folder / locks
            probe.mkdir(exist_ok=True)
            os.utime(probe)  # asks the file system itself: permissions mean nothing to root


def sweep_partials(folder: Path) -> None:
    """Remove what killed writers left half-written, once it is certain that nobody still writes it."""
    ensembles = "ensemble*.zarr"
    for path in [
        *folder.glob(f".{ensembles}*{PARTIAL}"),
        *folder.glob(f"{ensembles}/**/.*{PARTIAL}"),
    ]:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_being_run(folder: Path) -> bool:
    """Whether a run works on the study of this folder just now."""
    return is_locked(folder / RUN_LOCK)
