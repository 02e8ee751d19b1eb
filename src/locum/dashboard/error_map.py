"""Where in the parameter space the error figure is large: a map over any two parameters, with the samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import panel as pn

from locum.arrays import Array
from locum.dashboard.drawing import Beside
from locum.dashboard.frame import CONTROLS, card, text
from locum.dashboard.watched import Knowledge
from locum.reports import sweep_pictures
from locum.reports.content import Report, Sweep
from locum.reports.html import Content, Markup, join, missing, paragraph, picture, pictures, section
from locum.reports.summaries import influence, ratio_to_tolerance
from locum.reports.wording import count, percentage

_TITLE = "Where the error figure is large"
_HOW = (
    "Largest error figure over its tolerance: above 1 an answer is over tolerance; look for where it grows, "
    "and whether samples lie there."
)
_READING = "Solid: 95 % quantile; dotted: median; dashed: largest; red: the tolerance; ticks: samples."


@dataclass(frozen=True, eq=False)
class Found:
    """What a sweep found: points (n, p), figure over tolerance (n,), influence of each parameter (p,)."""

    report: Report
    points: Array
    ratios: Array
    shares: Array

    @property
    def order(self) -> list[int]:
        """Columns of the parameters, the most influential first."""
        return list(np.argsort(-self.shares, kind="stable"))


class ErrorMap:
    """The map, and the two parameters that it is drawn over."""

    def __init__(self) -> None:
        self._beside = Beside()
        self._shown = text()
        self._selects = [
            pn.widgets.Select(name=name, width=260, visible=False, stylesheets=CONTROLS)
            for name in ("to the right", "upwards")
        ]
        self._known: Knowledge | None = None
        self._found: Found | None = None
        self._drawn: object = None
        for select in self._selects:
            select.param.watch(lambda _: self._draw(), "value")

    def parts(self) -> pn.Column:
        """What stands on the page."""
        return card(text(section("map", _TITLE, _HOW, class_="plain")), pn.Row(*self._selects), self._shown)

    def show(self, known: Knowledge) -> None:
        """Sweep the champion and draw the map of it, first over the two parameters that matter most."""
        self._beside(partial(known.once, "found", lambda: _find(known)), partial(self._take, known))

    def _take(self, known: Knowledge, found: Found | None) -> None:
        self._known, self._found = known, found
        if found is None:
            self._shown.object = missing(
                "No surrogate has error figures yet.", f"locum run {known.report.path}"
            )
            return
        names = list(known.report.space.names)
        if self._selects[0].options != names and len(names) > 1:
            for select, column in zip(self._selects, found.order, strict=False):
                select.param.update(options=names, value=names[column], visible=True)
        self._draw()

    def _draw(self) -> None:
        known, found = self._known, self._found
        if known is None or found is None:
            return
        names = found.report.space.names
        chosen = [names.index(select.value) for select in self._selects if select.value]
        if len(names) > 1 and len(chosen) < len(self._selects):
            return  # the second is about to be chosen
        columns = list(dict.fromkeys(chosen)) or [0]
        if (found, columns) != self._drawn:
            self._drawn = (found, columns)
            drawn = partial(known.once, ("map", *columns), lambda: _section(found, columns))
            self._beside(drawn, partial(setattr, self._shown, "object"))


def _find(known: Knowledge) -> Found | None:
    swept = known.sweep
    if swept is None:
        return None
    report = replace(known.report, sweep=Sweep(swept.values, swept.figures, swept.in_domain))
    ratios = ratio_to_tolerance(report)
    if ratios is None or not (usable := np.isfinite(ratios) & (ratios > 0)).any():
        return None
    points, ratios = swept.values[usable], ratios[usable]
    return Found(report, points, ratios, influence(report.space.warp(points), ratios))


def _section(found: Found, columns: list[int]) -> Markup:
    report, samples = found.report, found.report.samples
    parts: list[Content] = []
    if len(columns) > 1:
        svg = sweep_pictures.parameter_map(
            report.space, (columns[0], columns[1]), found.points, found.ratios, samples
        )
        caption = (
            f"Colour: 95 % quantile over all other parameters in each cell, from {count(len(found.points))} "
            "draws of the parameter distribution. Red squares: cells over tolerance. Open circles: samples "
            "that were simulated; crosses: samples that failed."
        )
        names = " and ".join(report.space.names[column] for column in columns)
        parts.append(pictures([picture(svg, f"{names}.", caption)], "one"))
    along = [_along(found, column) for column in columns]
    return join([*parts, pictures(along, "three"), paragraph(_READING, class_="how")])


def _along(found: Found, column: int) -> Markup:
    samples = found.report.samples
    done = None if samples is None else samples.parameters[~samples.failed][:, column]
    svg = sweep_pictures.along_parameter(
        found.report.space.parameters[column], found.points[:, column], found.ratios, done
    )
    share = percentage(float(found.shares[column]))
    return picture(
        svg, f"{found.report.space.names[column]}.", f"Alone it explains {share} of the variation."
    )
