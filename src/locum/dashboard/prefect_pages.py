"""The way to Prefect's own pages: a study's runs on the server, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import panel as pn

from locum.dashboard.drawing import Beside
from locum.dashboard.frame import text
from locum.dashboard.watched import WatchedStudy
from locum.execution.prefect_runs import PrefectRun, has_server, prefect_runs
from locum.reports.html import Content, Markup, element, missing, paragraph, section, table
from locum.reports.wording import date

REFRESH = 20_000
"""Milliseconds between two looks at the server."""

_HOW = "What the Prefect server knows of this study; each name leads to its page there."
_ORDER = "Those to come, then the newest."
_ASKING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefect")  # a server may let one wait


def watch_runs(study: WatchedStudy, told: Callable[[Sequence[PrefectRun] | None], None]) -> None:
    """Tell a study's runs now and again while the page is open; None where the server does not answer.

    Nothing is asked and nothing told where the environment names no server.
    """

    def ask() -> Sequence[PrefectRun] | None:
        try:
            return prefect_runs(study.path)
        except OSError:
            return None

    look = partial(Beside(), ask, told, by=_ASKING)
    if has_server():
        pn.state.onload(look)
        pn.state.add_periodic_callback(look, period=REFRESH)


def runs_section(study: WatchedStudy) -> pn.pane.HTML:
    """The section of a study's page; nothing is seen of it where there is no server."""
    shown = text(visible=has_server())
    watch_runs(study, lambda runs: setattr(shown, "object", _section(runs)))
    return shown


def _section(runs: Sequence[PrefectRun] | None) -> Markup:
    title = "Runs on the Prefect server"
    if runs is None:
        return section("prefect", title, _HOW, missing("The Prefect server does not answer."))
    if not runs:
        return section("prefect", title, _HOW, paragraph("It knows of no run of this study."))
    rows: list[list[Content]] = [
        [element("a", run.flow, href=run.url, target="_blank", rel="noopener"), run.state, date(run.moment)]
        for run in runs
    ]
    return section(
        "prefect", title, _HOW, table(["flow", "state", "began, or will (UTC)"], rows, caption=_ORDER)
    )
