"""The section of a model that is a program: its input, its command line, and when it has succeeded."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from locum.exceptions import Failure
from locum.study.reader_sections import ReaderSection
from locum.study.section import ModelKeys, Section
from locum.study.values import Bytes, Count, Positive

_ONLY_HOW = {"launcher", "cores", "memory", "keep", "logs", "scratch", "success", "retries"}
"""Keys that say how a program runs and which runs count, not what it computes."""


class SeriesKeys(Section):
    """Numbers in a text file: where they stand."""

    file: str
    """Name of the file in the run's folder; standard output is stdout.txt, standard error stderr.txt."""
    pattern: str | None = None
    """Regular expression whose first group is the number."""
    column: int | str | None = None
    """Or a column of a table: its number from 1, or its name in a line of column names."""

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is not None and _compiled(pattern).groups < 1:
            raise ValueError(f"expected a pattern with a group around the number, got {pattern!r}")
        return pattern

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.pattern is None) == (self.column is None):
            raise ValueError("expected either pattern or column")
        if isinstance(self.column, int) and self.column < 1:
            raise ValueError(f"columns count from 1, got {self.column}")
        return self


class ExitStatusCondition(Section):
    """Exit statuses that may mean success; left out, 0."""

    exit_status: Annotated[list[int], Field(min_length=1)]
    """The accepted ones."""
    failures: dict[Annotated[int, Field(strict=False)], Failure] = {}
    """What others mean: {201: refused}."""


class SaysCondition(Section):
    """A file has a pattern in it, or has not."""

    file: str
    """Name of the file in the run's folder; standard output is stdout.txt."""
    contains: str | None = None
    """Regular expression that must be found."""
    excludes: str | None = None
    """Regular expression that must not be found."""
    failure: Failure = "error"
    """Class of the failure."""

    @field_validator("contains", "excludes")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _compiled(pattern)
        return pattern


class ReachesCondition(SeriesKeys):
    """The last number of a series lies between bounds: last time reached, residual."""

    at_least: float | None = None
    """Lower bound."""
    at_most: float | None = None
    """Upper bound."""
    failure: Failure = "not converged"
    """Class of the failure."""


class SettlesCondition(SeriesKeys):
    """The last numbers of a series hardly differ: a monitored value has settled."""

    window: Count
    """How many of the last ones."""
    spread: Positive
    """Largest accepted difference between them."""
    failure: Failure = "not converged"
    """Class of the failure."""


class LeavesCondition(Section):
    """Files that must be there, with something in them."""

    files: Annotated[list[str], Field(min_length=1)]
    """Their names in the run's folder."""


class SavesCondition(Section):
    """How many saved times the output must have."""

    times: Count
    """Number of saved times."""
    failure: Failure = "output missing"
    """Class of the failure."""


class FileQuantity(SeriesKeys):
    """A number in a text file."""

    take: Literal["last", "first", "max", "min", "largest", "mean"] = "last"
    """Which of the numbers found; largest is the largest absolute value."""
    window: Count | None = None
    """Of the last ones only, so many."""


class FieldQuantity(Section):
    """A number of a field."""

    field: str
    """Its name."""
    component: Annotated[int, Field(ge=0)] | None = None
    """One component, from 0; left out, the length of the vector."""
    near: list[float] | None = None
    """Coordinates: the value at the nearest node."""
    within: dict[Literal["x", "y", "z"], Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    """Axis to [lower, upper]: only the nodes in there."""
    time: Literal["last", "first", "all"] | float = "last"
    """Which saved times; a number is the nearest one."""
    take: Literal["last", "first", "max", "min", "largest", "mean"] = "max"
    """What of the values that are left; largest is the largest absolute value."""


class ExpressionQuantity(Section):
    """An expression of parameters and of quantities that stand before it."""

    expression: str = Field(examples=["lift / drag"])
    """Numbers, names, + - * / **, sqrt, exp, log, sin, cos, tan, tanh, abs, min, max, pi."""


def _kind_by_key(**kinds: str) -> Discriminator:
    """Tell kinds apart by a key that only one of them has; their tags are no keys."""

    def kind(given: Any) -> str | None:
        keys = given if isinstance(given, Mapping) else getattr(given, "model_fields_set", ())
        return next((f"<{kinds[key]}>" for key in kinds if key in keys), None)

    return Discriminator(
        kind, "kind_by_key", f"expected one of the keys {', '.join(kinds)}", {"expected": ", ".join(kinds)}
    )


ConditionSection = Annotated[
    Annotated[ExitStatusCondition, Tag("<exit_status>")]
    | Annotated[SaysCondition, Tag("<says>")]
    | Annotated[ReachesCondition, Tag("<reaches>")]
    | Annotated[SettlesCondition, Tag("<settles>")]
    | Annotated[LeavesCondition, Tag("<leaves>")]
    | Annotated[SavesCondition, Tag("<saves>")],
    _kind_by_key(
        exit_status="exit_status",
        contains="says",
        excludes="says",
        at_least="reaches",
        at_most="reaches",
        window="settles",
        files="leaves",
        times="saves",
    ),
]
QuantitySection = Annotated[
    Annotated[FileQuantity, Tag("<file>")]
    | Annotated[FieldQuantity, Tag("<field>")]
    | Annotated[ExpressionQuantity, Tag("<expression>")],
    _kind_by_key(file="file", field="field", expression="expression"),
]


class RetrySection(Section):
    """What is tried again."""

    on: Failure | Annotated[list[Failure], Field(min_length=1)]
    """Class of the failure, or several."""
    times: Count = 1
    """How often at most, for one sample."""
    set: dict[str, str | float] = Field(default={}, examples=[{"first_increment": "first_increment / 2"}])
    """Setting to an expression of settings and parameters, for the next attempt."""


class CommandSection(ModelKeys):
    """Any program with input files. docs/programs.md shows how, from the first line on."""

    kind: Literal["command"]
    templates: str = Field(examples=["case"])
    """Folder of the input files, relative to the study file. Those whose name ends in .j2 are Jinja2
    templates, in which parameters, settings and ``cores`` stand for numbers; others are copied."""
    command: str | Annotated[list[str | Annotated[list[str], Field(min_length=1)]], Field(min_length=1)] = (
        Field(examples=["solver -i input.txt", ["mesher", "solver"]])
    )
    """A command line, or several, run one after another. No shell, but words are split as a shell does."""
    reader: ReaderSection
    """How the output becomes fields on a mesh."""
    launcher: str | list[str] = Field(default=[], examples=["mpirun -n {{ cores }}"])
    """What stands before every command."""
    environment: dict[str, str] = {}
    """Environment variables, on top of those that locum was started with."""
    version_command: str | list[str] | None = Field(default=None, examples=["solver --version"])
    """What it prints, in the folder of the templates, is part of the model's version: another version of the
    program simulates anew."""
    version: str | None = None
    """Change it to simulate anew for a reason that no file shows."""
    settings: dict[str, float] = {}
    """More numbers for templates, which retries may change."""
    cores: Count = 1
    """Cores that one run takes."""
    memory: Bytes | None = Field(default=None, examples=["2 GB"])
    """Memory that one run takes; no more runs at the same time than fit."""
    quantities: dict[str, QuantitySection] = {}
    """Quantities of interest, besides the numbers that the reader gives."""
    units: dict[str, str] = {}
    """Units of fields and quantities, and of ``coordinates`` and ``times``."""
    success: list[ConditionSection] = []
    """Conditions, in order; the first that is not met names the class of the failure."""
    retries: list[RetrySection] = []
    """What is tried again, after which failure; the first rule that fits and is not used up."""
    logs: list[str] = Field(default=[], examples=[["*.log"]])
    """Files that are kept of failed runs, besides standard output and error; **/* for all."""
    keep: Literal["failed", "all"] = "failed"
    """Of which runs logs are kept, in the study's folder."""
    scratch: str | None = None
    """Folder in which runs happen; left out, the study's folder."""

    @field_validator("command")
    @classmethod
    def _are_commands(cls, command: str | list[str | list[str]]) -> str | list[str | list[str]]:
        for line in command if isinstance(command, list) else [command]:
            if isinstance(line, str) and (not line.strip() or line.lstrip().startswith("-")):
                raise ValueError(
                    f"expected a command, got {line!r}; a list is several commands, a list in a list one "
                    "command with its arguments"
                )
        return command

    @field_validator("command", "launcher", "version_command")
    @classmethod
    def _have_words(cls, given: Any) -> Any:
        for line in given if isinstance(given, list) else [given]:
            try:
                shlex.split(line if isinstance(line, str) else "")
            except ValueError as error:
                raise ValueError(f"{line!r} does not split into words as in a shell: {error}") from None
        return given

    @model_validator(mode="after")
    def _retries_set_settings(self) -> Self:
        for number, retry in enumerate(self.retries):
            for name in retry.set:
                if name not in self.settings:
                    raise ValueError(
                        f"retries[{number}].set: {name!r} is no setting; add settings: {{{name}: …}}"
                    )
        return self

    @property
    def cores_a_run(self) -> int | None:
        """Cores that one run takes."""
        return self.cores

    @property
    def memory_a_run(self) -> int | None:
        """Bytes that one run takes."""
        return self.memory

    def located(self, folder: Path) -> dict[str, Any]:
        """The keys that name files, as they are from anywhere."""
        reader = self.reader.model_dump(mode="json", exclude_unset=True) | self.reader.located(folder)
        located: dict[str, Any] = {"templates": os.path.abspath(folder / self.templates), "reader": reader}
        if self.scratch is not None:
            located["scratch"] = os.path.abspath(folder / self.scratch)
        return located

    def decisive(self) -> dict[str, Any]:
        """The keys that results depend on; what templates hold is in the model's version."""
        document = self.model_dump(mode="json", exclude=_ONLY_HOW | {"templates"}, exclude_defaults=True)
        if "path" in self.reader.located(Path()):
            document["reader"]["path"] = Path(document["reader"]["path"]).name
        return document


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
