"""One study as it is served: its champion, always whole, and what is kept of what is asked."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from pathlib import Path

from locum.errors import CheckedSurrogate
from locum.exceptions import RegistryError
from locum.execution.workspace import Workspace, open_workspace
from locum.queries import Audits, ClaimTest, Jobs, Outbox, QueryLog, claim_tests
from locum.service.answering import Loaded, Together
from locum.service.options import Options
from locum.service.problems import Problem
from locum.service.recording import Recorder

_KEPT = 4  # versions in memory


class Served:
    """A study that answers.

    Parameters
    ----------
    path
        The study file.
    options
        Of the service.
    resources
        Closed with the service.

    Raises
    ------
    StudyError, ModelError, StorageError
        A study that cannot be served.
    """

    def __init__(self, path: Path, options: Options, resources: ExitStack) -> None:
        self.path = path
        self.work: Workspace = resources.enter_context(
            open_workspace(path, create=False, alone=False, quiet=True)
        )
        database = self.work.store.database
        self.outbox, self.audits = Outbox(database), Audits(database)
        self.log, self.jobs = QueryLog(database), Jobs(database)
        self.recorder = Recorder(self.log, self.outbox, self.audits, options.audit_share)
        self.current: Together | None = None
        self.claims: dict[str, ClaimTest] = {}
        self._kept: dict[int, Together] = {}
        self._loading = threading.Lock()

    @property
    def name(self) -> str:
        """Under which it is asked."""
        return self.work.study.name

    @property
    def champion(self) -> Together:
        """The version that answers.

        Raises
        ------
        Problem
            There is none yet.
        """
        current = self.current
        if current is None:
            raise Problem(
                503, f"{self.name}: no version answers yet; finish `locum run` first", {"Retry-After": "5"}
            )
        return current

    def refresh(self) -> None:
        """Answer with the version that is champion now; the change is at once and whole.

        Raises
        ------
        StorageError
            It cannot be loaded: the version before goes on answering.
        """
        with self._loading:
            number = self.work.registry.champion
            if number is None or (self.current is not None and self.current.loaded.number == number):
                return
            together = self._load(number)
            self.judge(together)
            self.current = together
            self.audits.forget_others(number)

    async def version(self, number: int | None) -> Together:
        """A version by its number; the champion where it is left out.

        Raises
        ------
        Problem
            It does not exist, or there is no champion yet.
        """
        if number is None or (self.current is not None and number == self.current.loaded.number):
            return self.champion
        known = self._kept.get(number)
        if known is not None:
            return known
        return await asyncio.to_thread(self._of_number, number)

    def judge(self, together: Together) -> dict[str, ClaimTest]:
        """Test the claims of a version on what was audited: a claim that is refuted takes its trust away."""
        checked = together.loaded.checked
        done = self.audits.done(together.loaded.number)
        tests = claim_tests(done, claimed_coverage(checked, self.work.study.accuracy.confidence))
        together.trusted = not any(test.refuted for test in tests.values())
        if self.current is None or together.loaded.number == self.work.registry.champion:
            self.claims = tests
        return tests

    def _of_number(self, number: int) -> Together:
        with self._loading:
            try:
                together = self._load(number)
            except RegistryError as error:
                raise Problem(404, f"{self.name}: {error}") from None
            self.judge(together)
            return together

    def _load(self, number: int) -> Together:
        if number in self._kept:
            together = self._kept.pop(number)
        else:
            version = self.work.registry.version(number)
            checked = CheckedSurrogate.load(version.folder)
            together = Together(Loaded(number, checked, version.training_set_hash))
        while len(self._kept) >= _KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[number] = together
        return together


def claimed_coverage(checked: CheckedSurrogate, confidence: float) -> float:
    """Probability with which figures claim to cover: one for bounds, the study's confidence otherwise."""
    return 1.0 if checked.surrogate.figure_kind == "bound" else confidence
