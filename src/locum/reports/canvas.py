"""Drawing without global state: figures of fixed width, saved as SVG that takes its colours from the page.

Pictures are drawn with the colours of the light theme; each of them becomes a CSS variable, so that one
picture is right on white, on black and on paper. Fields on meshes are rasterised inside the SVG, everything
else stays text and lines.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from html import escape
from typing import Any, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from locum.reports.style import COLOURS
from locum.reports.wording import THIN_SPACE, as_stated, power_of_ten, stated_percentage

INK, MUTED, GRID, PAPER = (COLOURS[name][0] for name in ("ink", "muted", "grid", "card"))
BLUE, ORANGE, GREEN, RED = (COLOURS[name][0] for name in ("blue", "orange", "green", "red"))
SERIES = (BLUE, ORANGE, GREEN, RED)

# widths in inches, such that text has one size on the page in figures that stand two or three in a row
HALF, THIRD = 4.6, 3.2
_RASTER_DPI = 200
_LONG = 6  # characters of a number, such that five of them stand side by side in a narrow figure

styled = matplotlib.rc_context(
    {  # not what a model has set for its own pictures
        **{key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key},
        "svg.fonttype": "none",
        "svg.hashsalt": "locum",
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "legend.handlelength": 1.6,
        "lines.linewidth": 1.6,
        "image.cmap": "viridis",
    }
)
"""Decorates whatever makes or saves a figure; the settings hold only inside."""


def panel(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def error_axis(axes: Axes, which: str, limits: tuple[float, float], *, relative: bool = False) -> None:
    """Make an axis logarithmic between limits, widened to a decade; in percent where ``relative``."""
    low, high = limits
    middle = math.sqrt(low) * math.sqrt(high)
    low, high = min(low, middle / 4), max(high, middle * 4)
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    error_ticks(axes, which, (low, high), relative=relative)


def error_ticks(axes: Axes, which: str, limits: tuple[float, float], *, relative: bool = False) -> None:
    """Ticks at 1, 2 and 5 of a decade where there are few decades, at powers of ten where there are many."""
    decades = math.log10(limits[1] / limits[0])
    parts = (1, 2, 5) if decades < 2 else (1, 3) if decades < 3 else (1,)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=parts, numticks=8 if which == "y" else 6))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _label(value, relative)))


def _label(value: float, relative: bool) -> str:
    if value <= 0:
        return ""
    if relative and 0.9e-6 < value < 110:
        return stated_percentage(float(f"{value:.1e}"))
    if relative:
        return f"{_label(100 * value, relative=False)}{THIN_SPACE}%"
    if 0.9e-2 < value < 1.1e4:
        return as_stated(value)
    exponent = math.floor(math.log10(value * 1.000001))
    leading = round(value / 10.0**exponent)
    return power_of_ten(exponent) if leading == 1 else f"{leading}·{power_of_ten(exponent)}"


def plain_axis(axes: Axes, which: str, ticks: int) -> None:
    """Round numbers on a linear axis, in full where neither huge nor tiny; of long ones half as many."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    if which == "x" and max(len(as_stated(value)) for value in axis.get_majorticklocs()) > _LONG:
        axis.set_major_locator(MaxNLocator(ticks // 2, steps=[1, 2, 4, 5, 10]))
    largest = max(abs(end) for end in (axes.get_xlim() if which == "x" else axes.get_ylim()))
    if 1e-3 <= largest < 1e6:
        axis.set_major_formatter(FuncFormatter(lambda value, _: as_stated(value)))


def count_axis(axes: Axes) -> None:
    """Whole numbers on the horizontal axis."""
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))


def share_axis(axes: Axes, which: str) -> None:
    """Percentages on an axis of shares."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: stated_percentage(value)))


def legend_above(axes: Axes, columns: int = 3) -> None:
    """A legend where it hides nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.2, columnspacing=1.4
    )


def colour_bar(figure: Figure, axes: Axes, mapped: ScalarMappable, label: str, **placing: Any) -> Axes:
    """A bar of colours beside or below the axes; returns its own axes."""
    bar: Any = figure.colorbar(mapped, ax=axes, **placing)
    bar.solids.set_rasterized(True)
    bar.outline.set_visible(False)
    bar.set_label(label)
    return cast(Axes, bar.ax)


def to_svg(figure: Figure, description: str) -> str:
    """The figure as an inline SVG element with a text alternative; its names clash with no other."""
    stream = io.StringIO()
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        figure.set_layout_engine(None)  # or saving would draw everything once more, just to lay it out again
    figure.savefig(stream, format="svg", dpi=_RASTER_DPI, transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    view_box = re.search(r'viewBox="([^"]+)"', svg)
    body = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r' style="image-rendering:[^"]*"', "", body)  # pixels are smoothed, not shown as squares
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    body = re.sub(r"\n\s*", "\n", body).replace("xlink:href", "href")
    key = hashlib.sha256((description + body).encode()).hexdigest()[:8]
    body = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{key}-", body)
    for name, (light, _) in COLOURS.items():
        body = body.replace(light, f"var(--{name})")
    size = view_box.group(1) if view_box else "0 0 100 100"
    return f'<svg viewBox="{size}" role="img" aria-label="{escape(description)}">{body}</svg>'
