"""A button that asks before it does what cannot be taken for granted."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn

from locum.dashboard.frame import CONTROLS, text
from locum.exceptions import LocumError
from locum.reports.html import element


class AskedButton:
    """A button, the question that it opens, and what is said of a refusal.

    Parameters
    ----------
    label
        On the button.
    question
        Gives the question as it is asked now.
    action
        What a yes does; a :class:`LocumError` is shown in its own words.
    """

    def __init__(self, label: str, question: Callable[[], str], action: Callable[[], None]) -> None:
        self.button = pn.widgets.Button(name=label, stylesheets=CONTROLS)
        self._question, self._action, self._asked = question, action, text()
        yes = pn.widgets.Button(name="Yes", button_type="primary", stylesheets=CONTROLS)
        no = pn.widgets.Button(name="No", stylesheets=CONTROLS)
        self._answers = pn.Column(
            self._asked, pn.Row(yes, no), visible=False, margin=(0, 0, 6, 0), sizing_mode="stretch_width"
        )
        self._said = text(visible=False)
        self.button.on_click(self._ask)
        yes.on_click(self._do)
        no.on_click(self._close)

    def below(self) -> pn.Column:
        """Where the question and the refusal appear."""
        return pn.Column(self._answers, self._said, margin=(0, 10), sizing_mode="stretch_width")

    def _ask(self, _: object) -> None:
        self._said.visible = False
        self._asked.object = element("p", self._question())
        self._answers.visible = True

    def _close(self, _: object) -> None:
        self._answers.visible = False

    def _do(self, _: object) -> None:
        self._answers.visible = False
        try:
            self._action()
        except LocumError as error:
            self._said.object = element("p", str(error), class_="missing")
            self._said.visible = True
