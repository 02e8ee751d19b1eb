"""One sample of a program: its attempts, each in a fresh folder, until one succeeds or no rule has more."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from locum.exceptions import SimulationError
from locum.highfidelity.attempts import Attempt
from locum.highfidelity.command.finished import Finished, tail
from locum.highfidelity.command.folders import RunFolders, matching
from locum.highfidelity.command.retries import next_retry

if TYPE_CHECKING:
    from locum.highfidelity.command.model import CommandModel

_FULL = 1 << 16  # bytes that are left on a disk that counts as full


class CommandTrial:
    """The attempts at one sample; those of a run that was killed count, and are not made again."""

    def __init__(
        self,
        model: CommandModel,
        folders: RunFolders,
        name: str,
        tried: Sequence[Attempt] = (),
        note: Callable[[Sequence[Attempt]], None] = lambda tried: None,
    ) -> None:
        self.attempts = list(tried)
        self.memory = 0
        self._model = model
        self._folders = folders
        self._name = name
        self._note = note
        self._folder: Path | None = None

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Attempt the sample until an attempt succeeds or no rule has another one."""
        model = self._model
        # where no rule has more, the study says something else now than before the run was killed
        settings = self._next(parameters) or model.settings
        deadline = None if model.timeout is None else time.monotonic() + model.timeout
        while True:
            started = time.perf_counter()
            try:
                snapshot = self._attempt(parameters, settings, deadline)
            except SimulationError as raised:
                error = self._explained(raised)
                attempt = Attempt(settings, error.failure, error.reason, time.perf_counter() - started)
                self._failed(attempt)
                changed = self._next(parameters)
                if changed is None:
                    raise error from None
                settings = changed
            else:
                place = str(self._folders.place(self._name, self._number)) if model.keep_all else ""
                seconds = time.perf_counter() - started
                self.attempts.append(Attempt(settings, seconds=seconds, folder=place))
                return snapshot

    def reject(self, error: SimulationError) -> None:
        """Count the last attempt as failed."""
        if self.attempts and not self.attempts[-1].failure:
            last = self.attempts.pop()
            self._failed(replace(last, failure=error.failure, reason=error.reason))

    def abandon(self, number: int, folder: Path, parameters: Mapping[str, float]) -> None:
        """Count the attempt whose process died in this folder, unless it had failed before."""
        if number > len(self.attempts):
            self._folder = folder
            self._failed(Attempt(self._next(parameters) or self._model.settings))
        self._folders.remove(folder)

    def close(self) -> None:
        """Remove the folder, and keep the logs where all are to be kept."""
        if self._folder is not None:
            if self._model.keep_all and self.attempts:
                self._folders.keep(self._folder, self._name, len(self.attempts), self._model.logs)
            self._folders.remove(self._folder)

    @property
    def _number(self) -> int:
        """Of the attempt that is made next, from 1."""
        return len(self.attempts) + 1

    def _next(self, parameters: Mapping[str, float]) -> Mapping[str, float] | None:
        """The settings of the attempt that is made next; None where no rule has another one."""
        if not self.attempts:
            return self._model.settings
        rule = next_retry(self._model.retries, [attempt.failure for attempt in self.attempts])
        return None if rule is None else rule.changed(self.attempts[-1].settings, parameters)

    def _failed(self, attempt: Attempt) -> None:
        """Note a failed attempt with the last lines of its logs, keep those, and remove its folder."""
        folder, self._folder = self._folder, None
        if folder is not None:
            log = tail(folder, [path.as_posix() for path in matching(folder, self._model.logs)])
            kept = self._folders.keep(folder, self._name, self._number, self._model.logs)
            attempt = replace(attempt, log=log, folder=kept)
        self.attempts.append(attempt)
        self._note(self.attempts)
        if folder is not None:
            self._folders.remove(folder)

    def _attempt(
        self, parameters: Mapping[str, float], settings: Mapping[str, float], deadline: float | None
    ) -> xr.Dataset:
        model = self._model
        values = {**parameters, **settings, "cores": model.cores}
        try:
            self._folder = self._folders.fresh(self._name, self._number)
            model.templates.render(self._folder, values)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise SimulationError(
                    f"input files cannot be written: {error.strerror}", "disk full"
                ) from None
            raise
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        status, self.memory = model.run(values, self._folder, left)
        return model.finished(Finished(self._folder, status, model.read), parameters)

    def _explained(self, error: SimulationError) -> SimulationError:
        """The same failure, or what explains it: a disk with no room."""
        if self._folder is not None and error.failure not in ("timed out", "did not start"):
            disk = os.statvfs(self._folder)
            if disk.f_bavail * disk.f_frsize < _FULL:
                return SimulationError(f"the disk of {self._folder} is full; {error.reason}", "disk full")
        return error
