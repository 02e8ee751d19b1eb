"""Starting a run or a check of a study, and watching the one that is going on."""

from __future__ import annotations

import panel as pn

from locum.dashboard.asking import AskedButton
from locum.dashboard.frame import CONTROLS, card, text
from locum.dashboard.guard import Guard
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import LocumError
from locum.execution.running import Command, start_command
from locum.execution.status import simulation_counts
from locum.queries import Scope
from locum.reports.html import Content, Markup, element, paragraph, section
from locum.reports.wording import count
from locum.snapshots.housekeeping import is_being_run
from locum.study import load_study

_HOW = (
    "A run simulates where the error figure is largest and trains anew, until the study is within tolerance "
    "or its budget is spent. A check only asks the error figure again, and simulates nothing. Both go on "
    "when this page is closed."
)


class Steering:
    """Buttons, and the progress of what they have started or somebody else has.

    Parameters
    ----------
    study, guard
        What is run and checked, and who may do so.
    """

    def __init__(self, study: WatchedStudy, guard: Guard) -> None:
        self._study, self._guard = study, guard
        self._refusal = ""
        self._allowed = guard.may(Scope.SIMULATE)
        self._progress = text()
        self._run = AskedButton("Run until within tolerance", self._question, lambda: self._start("run"))
        self._check = pn.widgets.Button(name="Check now", stylesheets=CONTROLS)
        self._check.on_click(lambda _: self._start("check"))

    def parts(self) -> pn.Column:
        """What stands on the page."""
        return card(
            text(section("run", "Run and check", _HOW, class_="plain")),
            pn.Row(self._run.button, self._check),
            self._run.below(),
            self._progress,
        )

    def refresh(self) -> None:
        """Look at what is going on."""
        running, started = is_being_run(self._study.folder), self._study.started
        busy = running or (started is not None and started.is_running)
        self._run.button.disabled, self._check.disabled = (busy or not self._allowed,) * 2
        now = element("div", *self._said(running))
        if now != self._progress.object:
            self._progress.object = now

    def _said(self, running: bool) -> list[Content]:
        started = self._study.started
        parts: list[Content] = []
        if running:
            parts.append(_progress(self._study))
        if started is not None and started.is_running:
            parts.append(paragraph(started.last_words or f"locum {started.command} starts …", class_="how"))
        elif fault := self._refusal or (started.fault if started is not None else ""):
            parts.append(element("p", fault, class_="missing"))
        return parts

    def _question(self) -> str:
        work, limit = self._study.workspace(), load_study(self._study.path).budget.simulations
        counted = {"done": 0, "failed": 0} if work is None else simulation_counts(work)
        spent = counted["done"] + counted["failed"]
        left = "there is no limit" if limit is None else f"{count(max(limit - spent, 0))} are left"
        return (
            f"Run {self._study.name} on this machine now? {count(spent)} simulations are spent, and {left}."
        )

    def _start(self, command: Command) -> None:
        self._refusal = ""
        try:
            self._guard.require(Scope.SIMULATE)
            self._study.started = start_command(command, self._study.path, self._study.folder)
        except LocumError as error:
            self._refusal = str(error)
        self.refresh()


def _progress(study: WatchedStudy) -> Markup:
    """A bar of simulations that are done, of those planned so far."""
    work = study.workspace()
    counts = {"done": 0, "failed": 0, "planned": 0} if work is None else simulation_counts(work)
    ended = counts["done"] + counts["failed"]
    share = 100 * ended / max(ended + counts["planned"], 1)
    words = (
        f"● A run is going on: {count(counts['done'])} simulations done, "
        f"{count(counts['failed'])} failed, {count(counts['planned'])} planned or running."
    )
    bar = element("div", Markup(f'<span style="width:{share:.0f}%"></span>'), class_="meter")
    return element("div", paragraph(words), bar, role="status")
