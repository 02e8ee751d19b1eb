"""Files that survive a power cut, and locks that do not survive their process."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

from locum.exceptions import StorageError

PARTIAL = ".partial"
_LOOKS, _LOOK = 5, 0.01  # how often a lock that is taken is tried again, and seconds between
_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is exceeded; free some space and run again",
    errno.EFBIG: "the file grew beyond the size that is allowed; raise the limit and run again",
    errno.EROFS: "the file system is read-only; make it writable or choose another folder",
    errno.EACCES: "permission denied; make it writable or choose another folder",
    errno.EPERM: "permission denied; make it writable or choose another folder",
}


def storage_error(action: str, path: Path, error: OSError) -> StorageError:
    """Turn an error of the operating system into one sentence: what could not be done, where, and why."""
    reason = _REASONS.get(error.errno or 0, os.strerror(error.errno) if error.errno else str(error))
    return StorageError(f"cannot {action} {path}: {reason}")


@contextmanager
def told_as_storage_error(action: str, path: Path) -> Iterator[None]:
    """Raise :class:`StorageError` where the operating system refuses what happens inside."""
    try:
        yield
    except OSError as error:
        raise storage_error(action, path, error) from error


def sync_directory(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_durably(path: Path, content: bytes | memoryview) -> None:
    """Replace a file at once and for good: after a crash it holds the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


class DurableStore(LocalStore):
    """Zarr's local store replaces files atomically; this one also syncs files and folders."""

    async def set(self, key: str, value: Buffer) -> None:
        """Write one object durably."""
        await asyncio.to_thread(self.set_sync, key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write one object durably unless it is there."""
        if not (self.root / key).exists():
            await self.set(key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write one object durably."""
        self._check_writable()
        write_durably(self.root / key, memoryview(value.as_buffer_like()))


@contextmanager
def file_lock(path: Path, *, refusal: str | None = None) -> Iterator[None]:
    """Hold an exclusive lock; the system releases it when the process ends, however it ends.

    Parameters
    ----------
    path
        The lock's file; it stays, and names the process that holds or last held the lock.
    refusal
        What to say when somebody else holds the lock, with ``{process}`` for its number; wait for it if None.

    Raises
    ------
    StorageError
        Somebody else holds it, or its file cannot be written.
    """
    with told_as_storage_error("lock", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with told_as_storage_error("lock", path):
            try:
                _take(descriptor, wait=refusal is None)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
                raise StorageError((refusal or "").format(process=holder)) from None
            if refusal is not None:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, wait: bool) -> None:
    """Take a lock at once, or wait for it; who only looks at it (:func:`is_locked`) does not count."""
    for _ in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return
        except BlockingIOError as error:
            taken = error
            time.sleep(_LOOK)
    raise taken


@contextmanager
def byte_lock(path: Path, number: int) -> Iterator[None]:
    """Hold one byte of a file for this process; wait while another process does.

    A lock for each of many things, in one file. The system releases it when the process ends, and when the
    process closes the file: a process holds one at a time.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    with told_as_storage_error("lock", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with told_as_storage_error("lock", path):
            fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, number)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of :func:`file_lock` just now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # nobody has ever held it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
