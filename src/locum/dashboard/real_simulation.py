"""The real simulation at the parameters that are looked at: known already, going on, or to be started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import panel as pn

from locum.arrays import Array
from locum.dashboard.asking import AskedButton
from locum.dashboard.frame import text
from locum.dashboard.guard import Guard
from locum.dashboard.sliders import Sliders
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import LocumError
from locum.execution.one_simulation import simulated_fields
from locum.execution.running import StartedCommand, start_command
from locum.execution.workspace import open_workspace
from locum.queries import Scope
from locum.reports.html import Content, element, paragraph, section
from locum.reports.wording import duration
from locum.snapshots import SampleRecord

_HOW = (
    "It becomes a sample of the study: it is stored, counts against the budget, trains the next surrogate, "
    "and never runs twice."
)
_LOOK = 700  # milliseconds between two looks at a simulation that is going on


@dataclass(frozen=True, eq=False)
class Simulated:
    """A real simulation: its quantities of interest and its fields."""

    quantities: Mapping[str, float]
    fields: Mapping[str, Array]


class RealSimulation:
    """The button, and what became of it.

    Parameters
    ----------
    study, sliders, guard
        What is simulated, where, and who may do so.
    found
        Told of the simulation at these parameters; of None where there is none.
    """

    def __init__(
        self,
        study: WatchedStudy,
        sliders: Sliders,
        guard: Guard,
        found: Callable[[Simulated | None], None],
    ) -> None:
        self._study, self._sliders, self._guard, self._found = study, sliders, guard, found
        self._allowed = guard.may(Scope.SIMULATE)
        self._started: StartedCommand | None = None
        self._shown: str | None = None
        self._button = AskedButton("Run the real simulation here", self._question, self._start)
        self._state = text()

    def parts(self) -> pn.Column:
        """What stands on the page."""
        pn.state.add_periodic_callback(self.watch, period=_LOOK)
        title = text(section("real", "The real simulation", _HOW, class_="plain"))
        return pn.Column(title, self._button.button, self._button.below(), self._state, margin=0)

    def look(self) -> bool:
        """See whether the simulation at the present parameters is known; True where that is news."""
        record = self._record()
        done = record is not None and record.outcome == "done"
        identity = record.identity if record is not None and done else None
        news = identity != self._shown
        if news:
            self._shown = identity
            self._found(self._read(record) if record is not None and done else None)
        self._say(record)
        return news

    def watch(self) -> None:
        """Look again while a simulation is going on."""
        if self._started is not None:
            if not self._started.is_running:
                fault, self._started = self._started.fault, None
                if fault:
                    self._state.object = element("p", fault, class_="missing")
                    self._button.button.disabled = False
                    return
            self.look()

    def _record(self) -> SampleRecord | None:
        work = self._study.workspace()
        return None if work is None else work.store.outcome(work.identity(self._sliders.values[0]))

    def _read(self, record: SampleRecord) -> Simulated:
        # opened anew: an ensemble that has grown since it was opened does not show its last rows
        with open_workspace(self._study.path, readonly=True, quiet=True) as work:
            return Simulated(record.quantities, simulated_fields(work, record))

    def _say(self, record: SampleRecord | None) -> None:
        running = self._started is not None
        said: list[Content] = []
        if record is not None and record.outcome == "failed":
            said.append(element("p", f"The simulation failed: {record.reason}", class_="missing"))
        elif record is not None:
            said.append(paragraph(f"✓ Simulated, in {duration(record.seconds)}: shown beside the answer."))
        elif running:
            said.append(element("p", "● The simulation is running …", role="status"))
        self._state.object = element("div", *said)
        self._button.button.disabled = running or record is not None or not self._allowed

    def _question(self) -> str:
        work = self._study.workspace()
        done = [] if work is None else work.samples(outcome="done")
        if not done:
            return "Run one simulation at these parameters?"
        usual = duration(float(np.median([record.seconds for record in done])))
        return f"Run one simulation at these parameters? Those before took {usual} (median)."

    def _start(self) -> None:
        self._guard.require(Scope.SIMULATE)
        values = self._sliders.values[0]
        named = [
            f"{name}={value!r}"
            for name, value in zip(self._sliders.space.names, values.tolist(), strict=True)
        ]
        try:
            self._started = start_command("simulate", self._study.path, self._study.folder, *named)
        except LocumError as error:
            self._state.object = element("p", str(error), class_="missing")
            return
        self.look()
