"""What was tried to get one simulation done, by models that run programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import xarray as xr

from locum.exceptions import SimulationError


@dataclass(frozen=True)
class Attempt:
    """One attempt at a simulation.

    Parameters
    ----------
    settings
        The settings that it was made with; retries change them.
    failure, reason
        Class and sentence of its failure; empty where it succeeded.
    seconds
        Wall time.
    log
        Last lines of what the program said.
    folder
        Where its files are kept; empty where they are not.
    """

    settings: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    reason: str = ""
    seconds: float = 0.0
    log: str = ""
    folder: str = ""


class Trial(Protocol):
    """One sample on its way from planned to committed."""

    @property
    def attempts(self) -> Sequence[Attempt]:
        """What was tried until now."""
        ...

    @property
    def memory(self) -> int:
        """Peak memory of the programs in bytes; 0 where it is not known."""
        ...

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """As :meth:`HighFidelityModel.simulate`."""
        ...

    def reject(self, error: SimulationError) -> None:
        """Learn that the snapshot was not accepted, and why."""
        ...


@runtime_checkable
class HasTrials(Protocol):
    """A simulation leaves traces until its sample is committed: folders, logs, attempts."""

    def require(self) -> None:
        """Refuse, before anything is spent, what cannot be run here.

        Raises
        ------
        ModelError
            Saying what is missing.
        """
        ...

    def trial(
        self, name: str, tried: Sequence[Attempt] = (), note: Callable[[Sequence[Attempt]], None] = ...
    ) -> AbstractContextManager[Trial]:
        """Begin a sample, or go on with one; what is not to be kept is removed at the end of the block.

        Parameters
        ----------
        name
            Of the sample.
        tried
            Its attempts that failed before, in a run that was killed.
        note
            Is told all attempts each time that one has failed.
        """
        ...

    def lost(self, name: str, tried: Sequence[Attempt], parameters: Mapping[str, float]) -> Sequence[Attempt]:
        """Keep what is left of a sample whose process died; what was tried, the attempt at work the last."""
        ...

    def sweep(self) -> None:
        """Remove what killed runs have left, once nobody else simulates."""
        ...


@runtime_checkable
class HasProgram(HasTrials, Protocol):
    """A simulation is a program of somebody else's."""

    @property
    def program_version(self) -> str:
        """What it says of itself; empty where it was not asked."""
        ...

    def programs(self, parameters: Mapping[str, float]) -> Mapping[str, str | None]:
        """Every program that is run, with the path at which it is found; None where it is not."""
        ...

    def problems(self, parameters: Mapping[str, float]) -> list[str]:
        """What stands in the way of a run, a sentence each."""
        ...
