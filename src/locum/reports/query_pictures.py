"""What was asked, as pictures: queries in time by verdict, and how long answers took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

from locum.arrays import Array
from locum.reports.canvas import (
    BLUE,
    HALF,
    INK,
    ORANGE,
    RED,
    error_ticks,
    legend_above,
    panel,
    plain_axis,
    styled,
    to_svg,
)


class Interval(NamedTuple):
    """What was asked in one interval: its start in seconds since 1970, and parameter sets by verdict."""

    start: float
    within: int
    over: int
    outside: int


@styled
def rate(intervals: Sequence[Interval], ends: tuple[float, float], width: float) -> str:
    """Parameter sets asked in each interval of ``width`` seconds, by verdict, between two moments."""
    figure, axes = panel(HALF, 2.7)
    starts = np.array([interval.start for interval in intervals])
    below = np.zeros(len(intervals))
    for name, colour, hatch, counts in (
        ("within tolerance", BLUE, "", [interval.within for interval in intervals]),
        ("over tolerance", RED, "////", [interval.over for interval in intervals]),
        ("outside the domain", ORANGE, "....", [interval.outside for interval in intervals]),
    ):
        if any(counts):
            axes.bar(
                starts, counts, 0.9 * width, bottom=below, align="edge", color=colour, hatch=hatch,
                label=name, edgecolor=INK if hatch else colour, linewidth=0.3 if hatch else 0,
            )  # fmt: skip
        below += counts
    _time_axis(axes, ends)
    axes.set_ylabel("parameter sets")
    plain_axis(axes, "y", 5)
    legend_above(axes)
    return to_svg(figure, "Parameter sets asked in time, by verdict")


@styled
def latency(asked: Array, seconds: Array, ends: tuple[float, float]) -> str:
    """How long each request took, (n,) moments and (n,) seconds, between two moments."""
    figure, axes = panel(HALF, 2.7)
    milliseconds = np.maximum(1000 * seconds, 1e-3)
    axes.plot(asked, milliseconds, "o", color=BLUE, markersize=3, alpha=0.6, markeredgewidth=0)
    low, high = float(milliseconds.min()) / 2, float(milliseconds.max()) * 2
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    error_ticks(axes, "y", (low, high))
    _time_axis(axes, ends)
    axes.set_ylabel("time of an answer (ms)")
    return to_svg(figure, "Time that each answer took")


def _time_axis(axes: Axes, ends: tuple[float, float]) -> None:
    form = "%d %b" if ends[1] - ends[0] > 2 * 86400 else "%H:%M"
    axes.set_xlim(*ends)
    steps = [60.0 * minutes for minutes in (5, 10, 30, 60, 180, 360, 720, 1440, 4320, 7200)]
    step = next((each for each in steps if each >= (ends[1] - ends[0]) / 8), steps[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{datetime.fromtimestamp(t, UTC):{form}}"))
    axes.set_xlabel("time (UTC)")
