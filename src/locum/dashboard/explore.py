"""Ask the surrogate by hand: parameters under sliders, the field beside them, and what can be said of it."""

from __future__ import annotations

import panel as pn

from locum.dashboard.answered import Answered
from locum.dashboard.downloads import downloads
from locum.dashboard.fields import FieldChoice, FieldPictures
from locum.dashboard.frame import card, heading, page, text
from locum.dashboard.guard import Guard
from locum.dashboard.real_simulation import RealSimulation, Simulated
from locum.dashboard.sliders import Sliders
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import LocumError
from locum.execution.candidate import Candidate
from locum.queries import Scope
from locum.reports.html import missing, section

REFRESH = 2000
"""Milliseconds between two looks at which version answers."""

_HOW = (
    "Move a slider: the surrogate answers while you do. What it answers is only as good as its error figure "
    "says; the real simulation tells."
)


def explore_page(study: WatchedStudy, guard: Guard) -> pn.Template:
    """The page to explore a study's surrogate on."""
    way = heading("../../", study.name, "/explore")
    try:
        guard.require(Scope.PREDICT)
        candidate = study.champion()
    except LocumError as error:
        return page(study.name, way, text(section("explore", "Cannot be explored", "", missing(str(error)))))
    if candidate is None:
        nothing = missing("There is no surrogate to ask yet.", f"locum run {study.path}")
        return page(study.name, way, text(section("explore", "Nothing to explore yet", "", nothing)))
    return page(study.name, way, Explorer(study, candidate, guard).parts())


class Explorer:
    """What stands on the page, and how it hangs together.

    Parameters
    ----------
    study, candidate
        What is asked, and the version that answers.
    guard
        Who may simulate.
    """

    def __init__(self, study: WatchedStudy, candidate: Candidate, guard: Guard) -> None:
        self.study, self.candidate = study, candidate
        self.checked = checked = candidate.checked
        self.news = text(visible=False)
        self.sliders = Sliders(checked.space, self.ask)
        self.choice = FieldChoice(checked.description, self.draw)
        self.pictures = FieldPictures(checked, self.choice)
        self.answered = Answered(candidate)
        self.simulated: Simulated | None = None
        self.real = RealSimulation(study, self.sliders, guard, self.found)
        self.ask()

    def parts(self) -> pn.Row:
        """Sliders to the left, the picture and the numbers to the right of them."""
        pn.state.add_periodic_callback(self.look, period=REFRESH)
        left = pn.Column(
            card(text(section("ask", "Parameters", _HOW, class_="plain")), self.sliders.parts),
            card(self.real.parts()),
            card(downloads(self.checked, self.sliders, self.choice)),
            width=400,
            margin=0,
        )
        right = pn.Column(
            self.news,
            card(self.answered.verdict),
            card(self.choice.parts(), self.pictures.parts()),
            card(self.answered.numbers),
            sizing_mode="stretch_width",
            margin=(0, 0, 0, 16),
        )
        return pn.Row(left, right, sizing_mode="stretch_width", margin=0)

    def look(self) -> None:
        """Say so when another version answers by now."""
        work = self.study.workspace()
        champion = None if work is None else work.registry.champion
        if champion not in (None, self.candidate.version.number):
            self.news.object = missing(f"Version {champion} answers by now: load the page again to ask it.")
            self.news.visible = True

    def ask(self) -> None:
        """Answer for the parameters as they are now."""
        self.pictures.ask(self.sliders.values)
        if not self.real.look():
            self.show()

    def show(self) -> None:
        """Draw and write down the answer."""
        self.draw()
        self.answered.show(self.sliders.values, self.simulated.quantities if self.simulated else None)

    def draw(self) -> None:
        """Draw the field, component and time that are chosen."""
        self.pictures.draw()

    def found(self, simulated: Simulated | None) -> None:
        """A real simulation at these parameters is there, or is not any more."""
        self.simulated = simulated
        self.pictures.compare(simulated.fields if simulated else None)
        self.show()
