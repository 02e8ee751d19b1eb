"""When a program has done what it was run for. The exit status alone never says so.

A condition is a frozen dataclass with one method, ``check``, which raises the failure that it stands for.
They are looked at in the order in which the study lists them: the first that is not met names the class.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from locum.exceptions import SimulationError
from locum.highfidelity.command.finished import Finished, Series
from locum.highfidelity.readers import required

_OF_SIGNAL = {signal.SIGFPE: "diverged", signal.SIGXFSZ: "disk full"}
_NOT_FOUND = (126, 127)  # what shells and launchers say of a program that they cannot execute


class Condition(Protocol):
    """Something that must be so when a program has ended."""

    def check(self, finished: Finished) -> None:
        """Raise a SimulationError of the condition's class where it is not so."""
        ...


@dataclass(frozen=True)
class ExitStatus:
    """The exit status is an accepted one; a program that a signal ended never succeeded.

    Parameters
    ----------
    accepted
        Exit statuses that may mean success.
    failures
        What other ones mean: class by exit status.
    """

    accepted: Sequence[int] = (0,)
    failures: Mapping[int, str] = field(default_factory=dict)

    def check(self, finished: Finished) -> None:
        """Raise the class that the exit status has, ``error`` where nothing is said of it."""
        status = finished.status
        if status in self.accepted:
            return
        # shells and launchers report a signal that ended their program as 128 and its number
        number = -status if status < 0 else status - 128 if 128 < status < 160 else 0
        if status in self.failures:
            failure = self.failures[status]
        elif number:
            failure = _OF_SIGNAL.get(signal.Signals(number), "killed") if _is_signal(number) else "killed"
        else:
            failure = "did not start" if status in _NOT_FOUND else "error"
        name = f" ({signal.Signals(number).name})" if number and _is_signal(number) else ""
        how = (
            f"was ended by signal {number}{name}" if status < 0 else f"ended with exit status {status}{name}"
        )
        raise SimulationError(f"the program {how}", failure)


@dataclass(frozen=True)
class Says:
    """A file has a pattern in it, or has not.

    Parameters
    ----------
    file
        Name of the file.
    contains, excludes
        Regular expressions; ``^`` and ``$`` are the ends of a line.
    failure
        Class of the failure.
    """

    file: str
    contains: str | None = None
    excludes: str | None = None
    failure: str = "error"

    def check(self, finished: Finished) -> None:
        """Raise ``failure``, with the line at fault."""
        text = finished.text(self.file)
        if self.contains is not None and not re.search(self.contains, text, re.MULTILINE):
            raise SimulationError(f"{self.file} does not say {self.contains!r}", self.failure)
        found = self.excludes is not None and re.search(self.excludes, text, re.MULTILINE)
        if found:
            first = text.rfind("\n", 0, found.start()) + 1
            line = text[first : text.find("\n", found.end()) % (len(text) + 1)].strip()
            raise SimulationError(f"{self.file} says: {' '.join(line.split())[:200]}", self.failure)


@dataclass(frozen=True)
class Reaches:
    """The last number of a series lies between bounds: a time that is reached, a residual that is small.

    Parameters
    ----------
    series
        The numbers.
    at_least, at_most
        Bounds; None for none.
    failure
        Class of the failure.
    """

    series: Series
    at_least: float | None = None
    at_most: float | None = None
    failure: str = "not converged"

    def check(self, finished: Finished) -> None:
        """Raise ``failure``, with the number; a series without one does not meet it."""
        last = _values(self.series, finished, 1, self.failure)[-1]
        if self.at_least is not None and not last >= self.at_least:
            raise SimulationError(
                f"{self.series} ends at {last:g}; expected at least {self.at_least:g}", self.failure
            )
        if self.at_most is not None and not last <= self.at_most:
            raise SimulationError(
                f"{self.series} ends at {last:g}; expected at most {self.at_most:g}", self.failure
            )


@dataclass(frozen=True)
class Settles:
    """The last numbers of a series hardly differ: a monitored value that has settled.

    Parameters
    ----------
    series
        The numbers.
    window
        How many of the last ones.
    spread
        Largest accepted difference between the largest and the smallest of them.
    failure
        Class of the failure.
    """

    series: Series
    window: int
    spread: float
    failure: str = "not converged"

    def check(self, finished: Finished) -> None:
        """Raise ``failure``, with the spread; a series that is too short does not meet it."""
        last = _values(self.series, finished, self.window, self.failure)[-self.window :]
        spread = float(last.max() - last.min())
        if not spread <= self.spread:
            raise SimulationError(
                f"{self.series} still varies by {spread:g} in its last {self.window} values; "
                f"expected at most {self.spread:g}",
                self.failure,
            )


@dataclass(frozen=True)
class Leaves:
    """There are files with something in them.

    Parameters
    ----------
    files
        Their names.
    """

    files: Sequence[str]

    def check(self, finished: Finished) -> None:
        """Raise ``output missing``, with the first that is not there."""
        for name in self.files:
            required(finished.folder, name)


@dataclass(frozen=True)
class Saves:
    """The output has as many saved times as it should.

    Parameters
    ----------
    times
        How many.
    failure
        Class of the failure.
    """

    times: int
    failure: str = "output missing"

    def check(self, finished: Finished) -> None:
        """Raise ``failure``, with the number."""
        found = finished.snapshot.sizes.get("time", 0)
        if found != self.times:
            raise SimulationError(f"the output has {found} saved times; expected {self.times}", self.failure)


def _values(
    series: Series, finished: Finished, least: int, failure: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = series.values(finished)
    if len(values) < least:
        raise SimulationError(f"{series}: {len(values)} numbers; expected at least {least}", failure)
    return values


def _is_signal(number: int) -> bool:
    return number in set(signal.Signals)
