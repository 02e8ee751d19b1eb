"""The versions of a study's surrogate: which one answers, and making another one answer."""

from __future__ import annotations

import panel as pn

from locum.dashboard.asking import AskedButton
from locum.dashboard.frame import CONTROLS, card, text
from locum.dashboard.guard import Guard
from locum.dashboard.watched import Knowledge, WatchedStudy
from locum.execution.workspace import open_workspace
from locum.queries import Scope
from locum.reports import sections
from locum.reports.html import element


class Versions:
    """The table of versions, with promotion and the way back.

    Parameters
    ----------
    study, guard
        Whose versions they are, and who may choose.
    """

    def __init__(self, study: WatchedStudy, guard: Guard) -> None:
        self._study, self._guard, self._champion = study, guard, 0
        self._table = text()
        self._number = pn.widgets.Select(name="", width=160, stylesheets=CONTROLS)
        self._promote = AskedButton(
            "Let it answer …",
            lambda: (
                f"Let version {self._number.value} answer instead of version {self._champion}, whatever the "
                "gate said of it?"
            ),
            self._make_champion,
        )
        self._back = AskedButton(
            "Go back …", lambda: "Let the version before this one answer again?", self._roll_back
        )
        self._row = pn.Row(self._number, self._promote.button, self._back.button, visible=False)

    def parts(self) -> pn.Column:
        """What stands on the page."""
        return card(self._table, self._row, self._promote.below(), self._back.below())

    def show(self, known: Knowledge) -> None:
        """Show the versions as they are now."""
        self._table.object = element("div", sections.versions(known.report), class_="plain")
        champion = known.report.champion
        self._champion = champion or 0
        others = [version.number for version in reversed(known.report.versions) if version.number != champion]
        self._number.options = {f"version {number}": number for number in others}
        self._row.visible = bool(others) and self._guard.may(Scope.PROMOTE)
        history = known.work.registry.history()
        self._back.button.visible = any(
            entry.undone is None and entry.before is not None for entry in history
        )

    def _make_champion(self) -> None:
        self._guard.require(Scope.PROMOTE)
        with open_workspace(self._study.path, create=False, alone=False, quiet=True) as work:
            work.registry.promote(int(self._number.value), expected=self._champion or None)

    def _roll_back(self) -> None:
        self._guard.require(Scope.PROMOTE)
        with open_workspace(self._study.path, create=False, alone=False, quiet=True) as work:
            work.registry.rollback(self._champion)
