"""From the section of a program to the model that runs it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from locum.exceptions import ModelError, StorageError
from locum.highfidelity.command import (
    CommandModel,
    ExitStatus,
    FromField,
    FromFile,
    FromOthers,
    Leaves,
    Reaches,
    Retry,
    RunFolders,
    Saves,
    Says,
    Series,
    Settles,
    Templates,
    Text,
)
from locum.highfidelity.command.quantities import Quantity
from locum.highfidelity.command.success import Condition
from locum.highfidelity.readers import reader_of
from locum.snapshots import SnapshotStore
from locum.study.command_sections import (
    CommandSection,
    ConditionSection,
    ExitStatusCondition,
    ExpressionQuantity,
    FieldQuantity,
    LeavesCondition,
    QuantitySection,
    ReachesCondition,
    RetrySection,
    SavesCondition,
    SaysCondition,
    SeriesKeys,
)
from locum.study.study import Study

PROGRAM_VERSION: Final = "program version"  # document of the store: what the program last said of itself
_VERSION_LIMIT = 60.0  # seconds
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def build_command_model(study: Study, section: CommandSection) -> CommandModel:
    """Build the model of a study that names a program.

    Raises
    ------
    ModelError
        No parameters, templates that are wrong, or a program that does not say its version.
    """
    parameters, folder = study.own_space(), study.path.parent
    if parameters is None:
        raise ModelError("a program needs parameters in the study, each with a range")
    for name in (*section.settings, "cores"):
        if name in parameters.names:
            raise ModelError(f"settings: {name!r} is a parameter; choose another name")
    templates = Templates(Path(os.path.abspath(folder / section.templates)))
    reader = reader_of(section.reader.kind, section.reader.arguments(folder))
    threads = dict.fromkeys(_THREADS, "1" if section.launcher else str(section.cores))
    environment = {
        name: Text(f"environment.{name}", value) for name, value in (threads | section.environment).items()
    }
    scratch = study.folder if section.scratch is None else Path(os.path.abspath(folder / section.scratch))
    own = hashlib.sha256(str(study.folder).encode()).hexdigest()[:8]
    runs = "runs" if section.scratch is None else f"locum-{study.name}-{own}"
    said, unasked = _program_version(study, section, templates.folder)
    return CommandModel(
        name=study.name,
        version=_version(section, templates, getattr(reader, "version", ""), said),
        parameters=parameters,
        templates=templates,
        commands=_commands(section.command),
        reader=reader,
        launcher=_words("launcher", section.launcher),
        environment=environment,
        settings=section.settings,
        quantities={name: _quantity(each) for name, each in section.quantities.items()},
        units=section.units,
        success=_conditions(section.success),
        retries=[_retry(each) for each in section.retries],
        logs=section.logs,
        keep_all=section.keep == "all",
        folders=RunFolders(scratch / runs, study.folder / "logs" / "runs"),
        cores=section.cores,
        timeout=study.execution.timeout,
        program_version=said,
        unasked=unasked,
    )


def _commands(given: str | Sequence[str | Sequence[str]]) -> list[Text | list[Text]]:
    lines = [given] if isinstance(given, str) else given
    return [
        Text("command", line) if isinstance(line, str) else [Text("command", word) for word in line]
        for line in lines
    ]


def _words(where: str, given: str | Sequence[str]) -> list[Text]:
    return [Text(where, word) for word in (_split(given) if isinstance(given, str) else given)]


def _split(line: str) -> list[str]:
    """Words of a line that may hold ``{{ name }}``, which is one word."""
    return shlex.split(line.replace("{{ ", "{{").replace(" }}", "}}"))


def _version(section: CommandSection, templates: Templates, reader: str, said: str) -> str:
    keys = section.decisive()
    content = json.dumps([keys, templates.hash, reader, said], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _program_version(study: Study, section: CommandSection, folder: Path) -> tuple[str, str]:
    """What the program says of itself; where it cannot be asked, what it said last, and why it was not.

    So what is known of a study can be read on a machine without its program.
    """
    try:
        return _said_version(section, folder), ""
    except ModelError as error:
        with (
            suppress(StorageError),
            closing(
                SnapshotStore.open(study.folder, readonly=True, catalogue_url=study.catalogue_url)
            ) as store,
        ):
            if known := store.document(PROGRAM_VERSION):
                return known, str(error)
        raise


def _said_version(section: CommandSection, folder: Path) -> str:
    """What the program says when it is asked for its version, in the folder of its templates."""
    asked = section.version_command
    if asked is None:
        return ""
    words = shlex.split(asked) if isinstance(asked, str) else asked
    try:
        said = subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_VERSION_LIMIT,
            env=os.environ | section.environment,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"version_command: {' '.join(words)!r} does not answer within {_VERSION_LIMIT:g} s"
        ) from None
    except OSError as error:
        raise ModelError(
            f"version_command: {words[0]!r} cannot be started: {error.strerror}; install the program, or say "
            "where it is"
        ) from None
    # not the exit status: CalculiX answers with its version and 201
    text = " ".join(said.stdout.decode(errors="replace").split())
    if not text:
        raise ModelError(f"version_command: {' '.join(words)!r} says nothing; expected a version")
    return text


def _conditions(sections: Sequence[ConditionSection]) -> list[Condition]:
    """In the order of the study; an exit status of 0 is asked for where it says nothing else."""
    conditions = [_condition(section) for section in sections]
    if not any(isinstance(section, ExitStatusCondition) for section in sections):
        conditions.append(ExitStatus())
    return conditions


def _condition(section: ConditionSection) -> Condition:
    if isinstance(section, ExitStatusCondition):
        return ExitStatus(section.exit_status, section.failures)
    if isinstance(section, SaysCondition):
        return Says(section.file, section.contains, section.excludes, section.failure)
    if isinstance(section, LeavesCondition):
        return Leaves(section.files)
    if isinstance(section, SavesCondition):
        return Saves(section.times, section.failure)
    if isinstance(section, ReachesCondition):
        return Reaches(_series(section), section.at_least, section.at_most, section.failure)
    return Settles(_series(section), section.window, section.spread, section.failure)


def _quantity(section: QuantitySection) -> Quantity:
    if isinstance(section, FieldQuantity):
        within = {str(axis): bounds for axis, bounds in section.within.items()}
        return FromField(section.field, section.component, section.near, within, section.time, section.take)
    if isinstance(section, ExpressionQuantity):
        return FromOthers(section.expression)
    return FromFile(_series(section), section.take, section.window)


def _series(section: SeriesKeys) -> Series:
    return Series(section.file, section.pattern, section.column)


def _retry(section: RetrySection) -> Retry:
    failures = [section.on] if isinstance(section.on, str) else section.on
    settings = {name: str(expression) for name, expression in section.set.items()}
    return Retry(failures, section.times, settings)
