"""Any program with input files as a high-fidelity model.

Each attempt at a sample runs in a fresh folder: templates are rendered, commands run one after another, the
conditions of success are looked at, a reader brings the output in. A failure has a class; rules say what is
tried again, with which settings.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from locum.exceptions import ModelError, SimulationError
from locum.highfidelity.attempts import Attempt
from locum.highfidelity.command.finished import STDERR, STDOUT, Finished
from locum.highfidelity.command.folders import RunFolders
from locum.highfidelity.command.program import Ended, run_program
from locum.highfidelity.command.quantities import Quantity
from locum.highfidelity.command.retries import Retry
from locum.highfidelity.command.success import Condition, ExitStatus
from locum.highfidelity.command.templates import Templates, Text
from locum.highfidelity.command.trial import CommandTrial
from locum.highfidelity.plain_snapshot import plain_snapshot
from locum.highfidelity.readers import Reader
from locum.highfidelity.snapshot_check import check_snapshot
from locum.parameters import ParameterSpace


@dataclass(frozen=True, eq=False)
class CommandModel:
    """A program as a high-fidelity model.

    Parameters
    ----------
    name, version, parameters
        As in :class:`~locum.highfidelity.contract.HighFidelityModel`.
    templates
        Its input files.
    commands
        Command lines, run one after another, as templates: text, which is split as a shell would, or
        arguments.
    reader
        Reads what the program leaves.
    launcher
        Stands before every command: ``("mpirun", "-n", "{{ cores }}")``.
    environment
        Variables on top of those of this process; the values are templates.
    settings
        More numbers for templates, which retries may change.
    quantities
        Quantities of interest, besides the numbers that the reader gives.
    units
        Units of fields and quantities, ``coordinates`` and ``times``, where the reader gives none.
    success
        Conditions, in order.
    retries
        What is tried again.
    logs
        Patterns of files that are kept of failed attempts, besides standard output and error.
    keep_all
        Keep them of all attempts.
    folders
        Where it runs; None for a temporary folder, of which nothing is kept.
    cores
        Cores that a run takes; templates know it as ``cores``.
    timeout
        Seconds that a sample may take, all attempts together; None for no limit.
    program_version
        What the program says of itself.
    unasked
        Why it could not be asked now, where ``program_version`` is what it said before; empty otherwise.

    Raises
    ------
    ModelError
        Templates or retries that name what is not defined, file and line by file and line.
    """

    name: str
    version: str
    parameters: ParameterSpace
    templates: Templates
    commands: Sequence[Text | Sequence[Text]]
    reader: Reader
    launcher: Sequence[Text] = ()
    environment: Mapping[str, Text] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    success: Sequence[Condition] = ()
    retries: Sequence[Retry] = ()
    logs: Sequence[str] = ()
    keep_all: bool = False
    folders: RunFolders | None = None
    cores: int = 1
    timeout: float | None = None
    program_version: str = ""
    unasked: str = ""

    def __post_init__(self) -> None:
        settable = (*self.parameters.names, *self.settings)
        known = (*settable, "cores")
        wrong = [sentence for text in self._texts for sentence in text.undefined(known)]
        for rule in self.retries:
            wrong += rule.undefined(settable)
        if wrong:
            raise ModelError("\n".join(wrong))

    def programs(self, parameters: Mapping[str, float]) -> dict[str, str | None]:
        """First words of the launcher and of every command, with their paths; None where there is none."""
        values = {**parameters, **self.settings, "cores": self.cores}
        path = self._environment(values).get("PATH")
        lines = [[text.render(values) for text in self.launcher], *self._arguments(values)]
        words = dict.fromkeys(line[0] for line in lines if line)
        return {word: self._found(word, path) for word in words}

    def problems(self, parameters: Mapping[str, float]) -> list[str]:
        """Programs that are not there or do not answer, and parameters on which nothing depends."""
        silent = [self.unasked] if self.unasked else []
        missing = [
            f"program {word!r} is not found along PATH; install it, or say where it is"
            for word, path in self.programs(parameters).items()
            if path is None
        ]
        used = {name for text in self._texts for name in text.names}
        idle = [
            f"parameter {name!r} stands in no template and in no command: results cannot depend on it"
            for name in self.parameters.names
            if name not in used
        ]
        return silent + missing + idle

    def require(self) -> None:
        """Refuse to run where a program is not there."""
        space = self.parameters
        middle = dict(zip(space.names, space.quantile(np.full((1, space.dimension), 0.5))[0], strict=True))
        for problem in self.problems(middle):
            raise ModelError(problem)

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Run the program at these parameters; retries included."""
        with self.trial(f"process-{os.getpid()}") as trial:
            return trial.simulate(parameters)

    @contextmanager
    def trial(
        self,
        name: str,
        tried: Sequence[Attempt] = (),
        note: Callable[[Sequence[Attempt]], None] = lambda tried: None,
    ) -> Iterator[CommandTrial]:
        """Begin a sample, or go on with one; its folders are removed at the end of the block."""
        temporary = None if self.folders else tempfile.mkdtemp(prefix="locum-")
        folders = self.folders or RunFolders(Path(str(temporary)) / "runs", Path(str(temporary)) / "kept")
        trial = CommandTrial(self, folders, name, tried, note)
        try:
            yield trial
        finally:
            trial.close()
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)

    def lost(self, name: str, tried: Sequence[Attempt], parameters: Mapping[str, float]) -> Sequence[Attempt]:
        """Keep the logs of a sample whose process died."""
        if self.folders is None:
            return tried
        trial = CommandTrial(self, self.folders, name, tried)
        for number, folder in self.folders.left(name):
            trial.abandon(number, folder, parameters)
        return trial.attempts

    def sweep(self) -> None:
        """Remove what killed runs have left."""
        if self.folders is not None:
            self.folders.sweep()

    def run(self, values: Mapping[str, float], folder: Path, seconds: float | None) -> tuple[int, int]:
        """Run the commands in a folder: exit status of the last that was run, peak memory in bytes.

        Raises
        ------
        SimulationError
            ``did not start`` or ``timed out``.
        """
        launcher = [text.render(values) for text in self.launcher]
        environment = self._environment(values)
        until, memory = None if seconds is None else time.monotonic() + seconds, 0
        for arguments in self._arguments(values):
            ended = run_program(
                [*launcher, *arguments],
                folder,
                environment,
                stdout=folder / STDOUT,
                stderr=folder / STDERR,
                seconds=None if until is None else max(0.0, until - time.monotonic()),
            )
            self._refuse(ended, [*launcher, *arguments][0])
            memory = max(memory, ended.memory)
            if ended.status:
                break
        return ended.status, memory

    @cached_property
    def _texts(self) -> tuple[Text, ...]:
        """All templates: of files, commands, launcher and environment."""
        lines = [[line] if isinstance(line, Text) else line for line in self.commands]
        words = [word for line in lines for word in line]
        return (*self.templates.texts.values(), *words, *self.launcher, *self.environment.values())

    def _arguments(self, values: Mapping[str, float]) -> Iterator[list[str]]:
        """The commands, word by word."""
        for line in self.commands:
            if isinstance(line, Text):
                text = line.render(values)
                try:
                    yield shlex.split(text)
                except ValueError as error:
                    raise SimulationError(f"command {text!r}: {error}", "did not start") from None
            else:
                yield [word.render(values) for word in line]

    def _environment(self, values: Mapping[str, float]) -> dict[str, str]:
        return os.environ | {name: text.render(values) for name, text in self.environment.items()}

    def _found(self, program: str, path: str | None) -> str | None:
        if os.sep not in program:
            return shutil.which(program, path=path)
        place = self.templates.folder / program  # runs happen in a copy of that folder
        return str(place) if os.access(place, os.X_OK) else None

    def _refuse(self, ended: Ended, program: str) -> None:
        if ended.refused:
            raise SimulationError(f"the program {program!r} did not start: {ended.refused}", "did not start")
        if ended.late:
            raise SimulationError(f"took longer than the timeout of {self.timeout:g} s", "timed out")

    def read(self, folder: Path) -> xr.Dataset:
        """Read the snapshot that the program has left in a folder.

        Raises
        ------
        SimulationError
            ``output missing``, ``output malformed``, ``shape``.
        """
        try:
            return plain_snapshot(self.reader.read(folder), self.units)
        except (SimulationError, ModelError) as error:
            failure = getattr(error, "failure", "output malformed")
            raise SimulationError(str(error), failure) from error
        except FileNotFoundError as error:
            raise SimulationError(f"the reader found no file {error.filename!r}", "output missing") from error
        except Exception as error:  # output may be anything, and a reader may be the user's
            what = " ".join(str(error).split())
            raise SimulationError(
                f"the reader raised {type(error).__name__}: {what}", "output malformed"
            ) from error

    def finished(self, finished: Finished, parameters: Mapping[str, float]) -> xr.Dataset:
        """The snapshot of a program that has ended, once it is certain that it succeeded."""
        if finished.status < 0:  # a signal ended it, whatever its files say
            statuses = [each for each in self.success if isinstance(each, ExitStatus)]
            (statuses or [ExitStatus()])[0].check(finished)
        for condition in self.success:
            condition.check(finished)
        snapshot = finished.snapshot
        known = dict(parameters) | {
            str(name): float(variable)
            for name, variable in snapshot.data_vars.items()
            if not variable.dims and name != "mesh"
        }
        for name, quantity in self.quantities.items():
            known[name] = quantity.value(finished, snapshot, known)
            snapshot[name] = ((), known[name], {"units": self.units.get(name, "")})
        check_snapshot(snapshot)
        return snapshot
