"""The sections of the page of queries: how much was asked, what exceeded the tolerance, drift, audits."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from locum.dashboard.asked import Asked
from locum.reports import query_pictures
from locum.reports.html import Content, Markup, element, join, paragraph, picture, pictures, section, table
from locum.reports.sections import tile
from locum.reports.wording import (
    count,
    date,
    duration,
    percentage,
    significant,
    stated_percentage,
    times_as_many,
)


def traffic(asked: Asked, ends: tuple[float, float]) -> Markup:
    """How much was asked between two moments, and how long answers took."""
    over = sum(interval.over for interval in asked.activity)
    outside = sum(interval.outside for interval in asked.activity)
    rows, requests = asked.rows, sum(interval.requests for interval in asked.activity)
    median, slow = (duration(float(np.quantile(asked.seconds, q))) for q in (0.5, 0.99))
    tiles = [
        tile("Requests", count(requests), f"{count(rows)} parameter sets"),
        tile("Time of an answer, median", median, f"99 of 100 take less than {slow}"),
        tile("Over tolerance", percentage(over / rows), f"{count(over)} parameter sets"),
        tile("Outside the domain", percentage(outside / rows), f"{count(outside)} parameter sets"),
    ]
    bars = [
        query_pictures.Interval(each.start, each.rows - each.over - each.outside, each.over, each.outside)
        for each in asked.activity
    ]
    moments = np.array([entry.asked for entry in asked.entries])
    drawn = [
        picture(
            query_pictures.rate(bars, ends, asked.width), "Queries in time.", "Parameter sets, by verdict."
        ),
        picture(
            query_pictures.latency(moments, asked.seconds, ends), "Time of an answer.",
            "From the arrival of a request to its answer; a dot a request.",
        ),
    ]  # fmt: skip
    return join([element("dl", *tiles, class_="tiles"), pictures(drawn, "two")])


def exceedances(asked: Asked) -> Markup:
    """What could not be answered within tolerance, the newest first."""
    title, how = (
        "Queries that exceeded the tolerance",
        ("Each is kept until something has come of it: the next retraining takes its parameters first."),
    )
    if not asked.exceedances:
        return section("exceedances", title, how, paragraph("None so far."))
    rows: list[list[Content]] = [
        [
            _moment(each.asked),
            each.kind,
            count(each.count),
            "–" if each.ratio is None else times_as_many(each.ratio),
            ", ".join(f"{name} = {significant(values[0], 4)}" for name, values in each.parameters.items()),
            each.outcome or "waits",
        ]
        for each in asked.exceedances
    ]
    headers = [
        "asked (UTC)",
        "kind",
        "parameter sets",
        "figure / tolerance",
        "parameters, of the first",
        "what came of it",
    ]
    waiting = f"The newest {count(len(rows))}; {count(asked.waiting)} of all wait."
    return section("exceedances", title, how, table(headers, rows, numbers=(2, 3), caption=waiting))


def retrainings(asked: Asked) -> Markup:
    """Retrainings that queries have asked for."""
    how = "Started by queries over tolerance, one at a time, within the study's budget."
    if not asked.retrainings:
        return section("retrainings", "Retrainings", how, paragraph("None so far."))
    rows: list[list[Content]] = [
        [
            _moment(each.announced),
            f"version {each.version}",
            _moment(each.started) if each.started else "–",
            _moment(each.ended) if each.ended else "–",
            each.outcome or ("goes on" if each.started else "waits"),
        ]
        for each in reversed(asked.retrainings)
    ]
    headers = ["asked for (UTC)", "to improve", "began", "ended", "outcome"]
    return section("retrainings", "Retrainings", how, table(headers, rows, caption="The newest first."))


def drifts(asked: Asked) -> Markup:
    """Whether queries come from the distribution that the claims hold for."""
    how = (
        "Claims hold for queries drawn from the study's parameter distribution. Where queries come from "
        "elsewhere, give the study the distribution that they have."
    )
    if not asked.drifts:
        return section("drift", "Drift", how, paragraph("Nothing was asked in this time."))
    rows: list[list[Content]] = [
        [
            name,
            significant(each.distance),
            significant(each.probability),
            percentage(each.outside),
            "! drifted" if each.drifted else "✓ as the study expects",
        ]
        for name, each in asked.drifts.items()
    ]
    queries = next(iter(asked.drifts.values())).queries
    caption = (
        f"From {count(queries)} logged parameter sets. Distance: the largest between the two distribution "
        "functions (Kolmogorov and Smirnov), 0 to 1; chance: probability of so large a one without drift."
    )
    headers = ["parameter", "distance", "chance", "outside the range", "verdict"]
    return section("drift", "Drift", how, table(headers, rows, numbers=(1, 2, 3), caption=caption))


def audits(asked: Asked) -> Markup:
    """Real simulations of answered queries, against the coverage that was claimed for them."""
    how = (
        "A share of the answers is simulated in idle time. A claim of coverage that too many errors refute "
        "takes the surrogate out of service as within tolerance."
    )
    waiting = f"{count(asked.audits_waiting)} wait to be simulated."
    if not asked.tests:
        return section(
            "audits", "Audits", how, paragraph(f"No answer of this version was audited yet; {waiting}")
        )
    rows: list[list[Content]] = [
        [
            name,
            stated_percentage(test.claimed),
            f"{count(test.covered)} of {count(test.audits)}",
            significant(test.probability),
            "! refuted" if test.refuted else "✓ holds",
        ]
        for name, test in asked.tests.items()
    ]
    caption = f"{count(asked.audited)} answers of the champion were audited; {waiting}"
    headers = ["output", "claimed", "errors below their figure", "chance of so few", "claim"]
    return section("audits", "Audits", how, table(headers, rows, numbers=(1, 2, 3), caption=caption))


def _moment(seconds: float) -> str:
    return date(datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"))
