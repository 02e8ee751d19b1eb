"""All studies at a glance: which can be relied on, what they cost, and when that was last looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import panel as pn

from locum.dashboard.frame import heading, page, text
from locum.dashboard.glance import coverage, share_within, simulations, verdict_badge
from locum.dashboard.prefect_pages import watch_runs
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import LocumError
from locum.execution.prefect_runs import PrefectRun, next_check
from locum.execution.status import last_check, status_document
from locum.reports.html import Content, Markup, code, element, join, paragraph, section, table
from locum.reports.wording import NO_BREAK, date
from locum.snapshots.housekeeping import is_being_run

REFRESH = 3000
"""Milliseconds between two looks at the studies."""

_HOW = (
    "A study is within tolerance when, at the stated confidence, the required share of its parameter "
    "distribution has every error figure below tolerance."
)
_CAPTION = "Looked at every few seconds. Times are UTC."
_HEADERS = (
    "study",
    "verdict",
    "share within tolerance",
    "coverage of error figures",
    "simulations",
    "champion",
    "last check",
)


def overview(studies: Mapping[str, WatchedStudy]) -> pn.Template:
    """The first page."""
    to_come: dict[str, str] = {}
    shown = text(_table(studies, to_come))

    def refresh() -> None:
        now = _table(studies, to_come)
        if now != shown.object:
            shown.object = now

    def remember(name: str, runs: Sequence[PrefectRun] | None) -> None:
        check = next_check(runs or ())
        to_come[name] = date(check.moment) if check else "none"

    for name, study in studies.items():
        watch_runs(study, partial(remember, name))
    pn.state.add_periodic_callback(refresh, period=REFRESH)
    return page("Studies", heading(""), shown)


def _table(studies: Mapping[str, WatchedStudy], to_come: Mapping[str, str]) -> Markup:
    rows = [_row(study, to_come.get(study.name, "")) for study in studies.values()]
    return section("studies", "Studies at a glance", _HOW, table(_HEADERS, rows, caption=_CAPTION))


def _row(study: WatchedStudy, to_come: str) -> list[Content]:
    name = element("a", study.name, href=f"studies/{study.name}")
    named = join([name, element("div", study.description, class_="small")])
    try:
        work = study.workspace()
        if work is None:
            return [join([named, start_it(study)]), verdict_badge("not run yet"), *[""] * 5]
        document = status_document(work)
        checked = last_check(work)
    except LocumError as error:
        problem = paragraph(str(error), class_="small")
        return [join([named, problem]), verdict_badge("cannot be read"), *[""] * 5]
    running = "● a run is going on" if is_being_run(study.folder) else ""
    champion = "none yet" if document["champion"] is None else f"version{NO_BREAK}{document['champion']}"
    return [
        named,
        join([verdict_badge(document["verdict"]), element("div", running, class_="small")]),
        share_within(document),
        coverage(document),
        simulations(document),
        champion,
        join(
            [
                date(checked) if checked else "never",
                element("div", f"next: {to_come}", class_="small") if to_come else "",
            ]
        ),
    ]


def start_it(study: WatchedStudy) -> Markup:
    """What to do about a study that nobody has run."""
    command = code(f"locum run {study.path}")
    return paragraph("Nothing has been run yet: start it on its page, or with ", command, class_="small")
