"""What was asked of a study's surrogate, how it was answered, and whether the answers could be relied on."""

from __future__ import annotations

import time
from functools import partial

import panel as pn

from locum.dashboard.asked import Asked, asked_between
from locum.dashboard.drawing import Beside
from locum.dashboard.frame import CONTROLS, card, heading, page, text
from locum.dashboard.guard import Guard
from locum.dashboard.query_sections import audits, drifts, exceedances, retrainings, traffic
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import LocumError
from locum.reports.html import Markup, code, element, join, missing, paragraph, section

REFRESH = 5000
PERIODS = {"the last hour": 3600.0, "the last day": 86400.0, "the last 30 days": 30 * 86400.0}

_HOW = "Answers of the query service, as its log in the study's catalogue has them."


def queries_page(study: WatchedStudy, _: Guard) -> pn.Template:
    """The page of a study's queries."""
    return page(study.name, heading("../../", study.name, "/queries"), QueriesView(study).parts())


class QueriesView:
    """The parts of the page, drawn anew when something was asked.

    Parameters
    ----------
    study
        Whose queries are shown.
    """

    def __init__(self, study: WatchedStudy) -> None:
        self._study, self._beside = study, Beside()
        self._period = pn.widgets.RadioButtonGroup(
            options=PERIODS, value=PERIODS["the last day"], stylesheets=CONTROLS
        )
        self._traffic, self._rest = text(), text()
        self._shown: object = None
        self._period.param.watch(lambda _: self.refresh(), "value")

    def parts(self) -> pn.Column:
        """What stands on the page."""
        pn.state.onload(self.refresh)
        pn.state.add_periodic_callback(self.refresh, period=REFRESH)
        title = text(section("queries", "Queries", _HOW, class_="plain"))
        return pn.Column(
            card(title, self._period, self._traffic), self._rest, sizing_mode="stretch_width", margin=0
        )

    def refresh(self) -> None:
        """Look at the log, and draw what is new."""
        ends = (time.time() - self._period.value, time.time())
        try:
            asked = asked_between(self._study, *ends)
        except LocumError as error:
            self._traffic.object = missing(str(error))
            return
        if asked is None:
            self._traffic.object = _nothing(self._study)
            return
        seen = (asked.key, self._period.value)
        if seen == self._shown:
            return
        self._shown = seen
        self._rest.object = _rest(asked)
        if asked.entries:
            self._beside(lambda: traffic(asked, ends), partial(setattr, self._traffic, "object"))
        else:
            self._traffic.object = _nothing(self._study)


def _nothing(study: WatchedStudy) -> Markup:
    service = code(f"locum serve {study.path}")
    advice = join(["Answers of the service that ", service, " starts are seen here."])
    return element("div", paragraph("Nothing was asked in this time."), paragraph(advice), class_="missing")


def _rest(asked: Asked) -> Markup:
    return join([exceedances(asked), retrainings(asked), drifts(asked), audits(asked)])
