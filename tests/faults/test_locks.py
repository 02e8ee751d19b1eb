"""Locks that do not survive their process, and that nobody loses to a mere look."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from locum.exceptions import StorageError
from locum.snapshots.durable import file_lock, is_locked


def test_a_lock_that_is_held_refuses_and_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert not is_locked(path)
    with file_lock(path, refusal="process {process} works here"):
        assert is_locked(path)
        with (
            pytest.raises(StorageError, match=f"process {os.getpid()} works here"),
            file_lock(path, refusal="process {process} works here"),
        ):
            pass
    assert not is_locked(path)


def test_who_only_looks_at_a_lock_keeps_nobody_out(tmp_path: Path) -> None:
    """A dashboard looks whether a run is going on at the very moment when one begins."""
    path = tmp_path / "run.lock"
    path.touch()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.01, os.close, [looking]).start()
    with file_lock(path, refusal="another run works here"):
        assert is_locked(path)
