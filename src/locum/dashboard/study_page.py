"""One study: where it stands, how it came there, where it is weak, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import panel as pn

from locum.dashboard.drawing import Beside
from locum.dashboard.error_map import ErrorMap
from locum.dashboard.frame import heading, page, text
from locum.dashboard.glance import verdict_title
from locum.dashboard.guard import Guard
from locum.dashboard.prefect_pages import runs_section
from locum.dashboard.steering import Steering
from locum.dashboard.versions import Versions
from locum.dashboard.watched import Knowledge, WatchedStudy
from locum.exceptions import LocumError
from locum.reports import evidence, sections
from locum.reports.html import Markup, element, join, missing, paragraph, section
from locum.reports.study_report import with_queries
from locum.reports.wording import (
    count,
    date,
    error_size,
    percentage,
    stated_percentage,
    tolerance_size,
)

REFRESH = 2000
"""Milliseconds between two looks at the study."""


def study_page(study: WatchedStudy, guard: Guard) -> pn.Template:
    """The page of a study."""
    return page(study.name, heading("../", study.name), StudyView(study, guard).parts())


class StudyView:
    """The parts of the page, drawn anew when what is known of the study has changed.

    Parameters
    ----------
    study, guard
        What is shown, and who may do what about it.
    """

    def __init__(self, study: WatchedStudy, guard: Guard) -> None:
        self.study = study
        self._beside = Beside()
        self.standing, self.convergence, self.rest = text(), text(), text()
        self.steering, self.map, self.versions = Steering(study, guard), ErrorMap(), Versions(study, guard)
        self._shown: object = "nothing yet"

    def parts(self) -> pn.Column:
        """What stands on the page, one below the other; it fills itself once the page is there."""
        self.standing.object = section("verdict", "Looking at the study …", self.study.description)
        pn.state.onload(self.refresh)
        pn.state.add_periodic_callback(self.refresh, period=REFRESH)
        return pn.Column(
            self.standing,
            self.steering.parts(),
            self.convergence,
            self.map.parts(),
            self.rest,
            self.versions.parts(),
            runs_section(self.study),
            sizing_mode="stretch_width",
            margin=0,
        )

    def refresh(self) -> None:
        """Look at the study, and draw what has changed."""
        try:
            self.steering.refresh()
            seen = self.study.seen()
        except LocumError as error:
            self._say(error)
            return
        if seen != self._shown:
            self._shown = seen
            self._beside(self.study.knowledge, self._show, self._say)

    def _show(self, known: Knowledge | None) -> None:
        if known is None:
            self.standing.object = _nothing_yet(self.study)
            return
        self.standing.object = standing(known)
        self.versions.show(known)
        history = partial(known.once, "history", lambda: evidence.history(known.report))
        self._beside(history, partial(setattr, self.convergence, "object"))
        self.map.show(known)
        rest = partial(known.once, "rest", lambda: _rest(known))
        self._beside(rest, partial(setattr, self.rest, "object"), self._say)

    def _say(self, error: LocumError) -> None:
        self._shown = "nothing yet"  # so that it is tried again
        self.standing.object = section("verdict", "Cannot be read", "", missing(str(error)))


def _nothing_yet(study: WatchedStudy) -> Markup:
    how = "Nothing has been run yet. Start it below; it stops by itself when it is within tolerance."
    nothing = missing("No simulation, no surrogate, no verdict yet.", f"locum run {study.path}")
    return section("verdict", "Not run yet", study.description, paragraph(how), nothing)


def _rest(known: Knowledge) -> Markup:
    report = known.report
    if report.cost and known.candidate and known.sweep:
        report = replace(report, cost=with_queries(report.cost, known.candidate, known.sweep))
    return join([evidence.bases(report), sections.failures(report), sections.cost(report)])


def standing(known: Knowledge) -> Markup:
    """The verdict with the numbers that it rests on."""
    document, report = known.document, known.report
    state = {"within tolerance": "within", "over tolerance": "over"}.get(document["verdict"], "open")
    return section(
        "verdict",
        verdict_title(document["verdict"]),
        report.description,
        paragraph(sections.verdict_sentence(report)),
        paragraph(
            f"Surrogate: {document['surrogate']['kind']}, {document['surrogate']['reason']}.", class_="how"
        ),
        paragraph(document["note"], class_="how") if document["note"] else "",
        element("dl", *_tiles(known), class_="tiles"),
        class_=f"verdict {state}",
    )


def _tiles(known: Knowledge) -> list[Markup]:
    document = known.document
    proved, budget = document["share_within_lower"], document["simulations"]["budget"]
    required = (
        f"required: {stated_percentage(document['share_required'])}, "
        f"at {stated_percentage(document['confidence'])} confidence"
    )
    done, failed = document["simulations"]["done"], document["simulations"]["failed"]
    allowed = "no limit" if budget is None else f"budget {count(budget)}"
    champion = "none yet" if document["champion"] is None else f"version {document['champion']}"
    checked = f"last check {date(known.checked)} UTC" if known.checked else "never checked"
    return [
        sections.tile(
            "Share within tolerance", "unknown" if proved is None else percentage(proved), required
        ),
        *_figure_tile(document),
        _coverage_tile(document),
        sections.tile("Simulations", count(done + failed), f"{count(failed)} failed; {allowed}"),
        sections.tile("Answers", champion, checked),
    ]


def _figure_tile(document: Mapping[str, Any]) -> list[Markup]:
    name = document["error_figure"]["output"]
    if name is None:
        return []
    output = document["outputs"][name]
    relative, unit, q95 = output["measure"] == "relative", output["unit"], output["error_figure"]["q95"]
    size = "none" if q95 is None else error_size(q95, relative=relative, unit=unit)
    asked = tolerance_size(output["tolerance"], relative=relative, unit=unit)
    note = f"{name} ({document['error_figure']['kind']}); tolerance {asked}"
    return [sections.tile("Error figure, 95 % quantile", size, note)]


def _coverage_tile(document: Mapping[str, Any]) -> Markup:
    kind, known = document["error_figure"]["kind"], document["coverage"]
    if kind in ("bound", "estimate"):
        return sections.tile("Error figures are", f"{kind}s", "from the model's equations, not calibrated")
    if known["observed"] is None:
        return sections.tile("Coverage claimed", stated_percentage(known["claimed"]), "no audit yet")
    note = f"claimed: {stated_percentage(known['claimed'])}; an audit of {count(known['n'])} simulations"
    return sections.tile("Coverage observed", percentage(known["observed"]), note)
