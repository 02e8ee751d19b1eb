"""The studies that a dashboard watches: opened for reading, and kept open until their files change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from locum.exceptions import StudyError
from locum.execution.candidate import Candidate
from locum.execution.checking import Sweep, sweep
from locum.execution.running import StartedCommand
from locum.execution.status import CHECK, last_check, status_document
from locum.execution.workspace import Workspace, open_workspace
from locum.reports.content import Report
from locum.reports.study_report import known_report
from locum.study import load_study

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known of a study at one moment.

    Parameters
    ----------
    work
        The study, opened read only.
    candidate
        The champion; None where there is none yet.
    report, document
        What its report and its status say.
    checked
        When the champion was last swept, ISO 8601 in UTC.
    """

    work: Workspace
    candidate: Candidate | None
    report: Report
    document: Mapping[str, Any]
    checked: str | None
    _made: dict[object, Any] = field(default_factory=dict, repr=False)

    def once(self, name: object, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made at the first time and kept as long as nothing new is known."""
        if name not in self._made:
            self._made[name] = make()
        return cast(Made, self._made[name])

    @cached_property
    def sweep(self) -> Sweep | None:
        """The error figure of the champion over the parameter distribution; takes seconds at first."""
        if self.candidate is None:
            return None
        return sweep(self.work, self.candidate.checked, self.candidate.version.number)


class WatchedStudy:
    """One study, and what is known of it so far.

    Parameters
    ----------
    path
        Its study file.

    Raises
    ------
    StudyError
        The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        study = load_study(path)
        self.path, self.name, self.description, self.folder = (
            path,
            study.name,
            study.description,
            study.folder,
        )
        self.started: StartedCommand | None = None
        self._opened: tuple[int, Workspace] | None = None
        self._champion: Candidate | None = None
        self._known: tuple[object, Knowledge] | None = None
        self._resources = ExitStack()

    def workspace(self) -> Workspace | None:
        """The study as it is now, opened read only; None where nothing has been run yet.

        Raises
        ------
        StudyError, ModelError, StorageError
            The file, the model or the folder cannot be used any more.
        """
        written = self.path.stat().st_mtime_ns if self.path.exists() else 0
        if self._opened is not None and self._opened[0] == written:
            return self._opened[1]
        self.close()
        study = load_study(self.path)
        self.description, self.folder = study.description, study.folder
        if not (study.catalogue_url or (study.folder / "catalogue.db").exists()):
            return None
        work = self._resources.enter_context(
            open_workspace(self.path, readonly=True, create=False, quiet=True)
        )
        self._opened = (written, work)
        return work

    def champion(self) -> Candidate | None:
        """The version that answers, with its surrogate loaded; None where there is none yet."""
        work = self.workspace()
        number = None if work is None else work.registry.champion
        if work is None or number is None:
            return None
        if self._champion is None or self._champion.version.number != number:
            self._champion = Candidate.load(work.registry.version(number))
        return self._champion

    def seen(self) -> object:
        """What changes when something is to be drawn anew: samples, rounds, versions, champion, check."""
        work = self.workspace()
        if work is None:
            return None
        champion, checked = work.registry.champion, work.store.document(CHECK)
        return id(work), work.store.versions(), len(work.rounds()), champion, checked

    def knowledge(self) -> Knowledge | None:
        """What is known now, kept until something new is; None where nothing has been run yet."""
        work, seen = self.workspace(), self.seen()
        if work is None:
            return None
        if self._known is None or self._known[0] != seen:
            candidate = self.champion()
            report, document = known_report(work, candidate), status_document(work)
            self._known = (seen, Knowledge(work, candidate, report, document, last_check(work)))
        return self._known[1]

    def close(self) -> None:
        """Release what is open; the next look opens it again."""
        self._resources.close()
        self._opened = None


def watch_studies(paths: Iterable[Path]) -> dict[str, WatchedStudy]:
    """Each study by its name.

    Raises
    ------
    StudyError
        A file that cannot be read, or two studies of one name.
    """
    watched: dict[str, WatchedStudy] = {}
    for path in paths:
        study = WatchedStudy(path)
        if study.name in watched:
            raise StudyError(
                f"{path}: its name {study.name!r} is that of {watched[study.name].path} too; "
                "a dashboard shows studies under their names, so give one of them another name"
            )
        watched[study.name] = study
    return watched
