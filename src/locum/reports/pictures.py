"""Line plots: history of rounds, singular values, parity, error figures against errors, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locum.adaptivity import Round
from locum.arrays import Array
from locum.reports.canvas import (
    BLUE,
    GREEN,
    HALF,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    RED,
    SERIES,
    count_axis,
    error_axis,
    legend_above,
    panel,
    plain_axis,
    share_axis,
    styled,
    to_svg,
)
from locum.reports.content import Basis, HeldOut, Output
from locum.reports.summaries import CoverageCurve

_MARKERS = {"calibration": ("o", BLUE), "audit": ("D", ORANGE)}


def error_label(output: Output, what: str) -> str:
    """Name of an axis of errors, with its unit."""
    return what if output.relative or not output.unit else f"{what} ({output.unit})"


def _tolerance_line(axes: Axes, tolerance: float) -> None:
    axes.axhline(tolerance, color=RED, linewidth=1.2, linestyle=(0, (5, 2)), label="tolerance")


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Limits around positive values, with a margin for a logarithmic axis."""
    return (min(values) / 1.5, max(values) * 1.5) if values else (0.1, 1.0)


@styled
def error_history(rounds: Sequence[Round], output: Output) -> str:
    """Error figure over the sweep, and measured error, against the number of simulations."""
    figure, axes = panel(HALF, 3.0)
    drawn = (
        (BLUE, "o", "error figure", [
            (entry.simulations, entry.verdict.outputs[output.name].figure)
            for entry in rounds if output.name in entry.verdict.outputs
        ]),
        (ORANGE, "D", "measured error", [
            (entry.simulations, entry.held_out[output.name]) for entry in rounds if output.name in
            entry.held_out
        ]),
    )  # fmt: skip
    seen: list[float] = [] if output.tolerance is None else [output.tolerance]
    for colour, marker, name, known in drawn:
        if not known:
            continue
        simulations = [n for n, _ in known]
        values = np.array([(spread.q50, spread.q95, spread.max) for _, spread in known])
        values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        for column, line, size in ((0, ":", 3.0), (1, "-", 5.0), (2, "--", 3.0)):
            label = name if column == 1 else None
            axes.plot(
                simulations,
                values[:, column],
                line,
                color=colour,
                marker=marker,
                markersize=size,
                markeredgecolor=PAPER,
                markeredgewidth=0.5,
                label=label,
                linewidth=1.8 if column == 1 else 1.0,
            )
        seen += [float(value) for value in values[np.isfinite(values)]]
    if output.tolerance is not None:
        _tolerance_line(axes, output.tolerance)
    error_axis(axes, "y", _ends(seen), relative=output.relative)
    axes.set_xlabel("simulations done")
    axes.set_ylabel(error_label(output, "error"))
    count_axis(axes)
    legend_above(axes)
    return to_svg(figure, f"{output.name}: error figure and measured error against the number of simulations")


@styled
def share_history(rounds: Sequence[Round], required: float) -> str:
    """Share of the parameter distribution within tolerance against the number of simulations."""
    figure, axes = panel(HALF, 3.0)
    known = [(entry.simulations, entry.verdict.share_lower) for entry in rounds]
    axes.plot(
        *zip(*known, strict=True),
        color=BLUE,
        marker="o",
        markersize=5,
        markeredgecolor=PAPER,
        markeredgewidth=0.5,
        label="share within tolerance",
    )
    axes.axhline(required, color=RED, linewidth=1.2, linestyle=(0, (5, 2)), label="required")
    axes.set_ylim(-0.03, 1.04)
    share_axis(axes, "y")
    count_axis(axes)
    axes.set_xlabel("simulations done")
    axes.set_ylabel("share of the distribution")
    legend_above(axes)
    return to_svg(figure, "Share of the parameter distribution within tolerance against simulations")


@styled
def singular_values(basis: Basis) -> str:
    """Singular values relative to the largest, with the rank that is kept."""
    figure, axes = panel(HALF, 2.9)
    values = basis.singular_values / max(float(basis.singular_values[0]), 1e-300)
    values = np.maximum(values, 1e-17)
    number = np.arange(1, len(values) + 1)
    kept = number <= basis.rank
    axes.plot(number, values, color=MUTED, linewidth=0.8)
    axes.plot(number[kept], values[kept], "o", color=BLUE, markersize=4, label=f"kept: {basis.rank}")
    axes.plot(
        number[~kept],
        values[~kept],
        "o",
        color=MUTED,
        markersize=3,
        markerfacecolor=PAPER,
        label=f"cut off: {int(np.sum(~kept))}",
    )
    error_axis(axes, "y", _ends([float(values.min()), 1.0]))
    count_axis(axes)
    axes.set_xlabel("mode")
    axes.set_ylabel("singular value / largest")
    axes.legend(loc="upper right")
    level = f" ({basis.level} level)" if basis.level else ""
    return to_svg(figure, f"Singular values of {basis.field}{level}, {basis.rank} kept")


@styled
def parity(output: Output, held_out: Sequence[HeldOut]) -> str:
    """Predicted against simulated values of a quantity of interest, and their difference below."""
    figure = Figure(figsize=(HALF, 4.3), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    ends: list[float] = []
    reach = [0.0]
    for group in held_out:
        entry = group.outputs[output.name]
        if entry.simulated is None or entry.predicted is None:
            continue
        marker, colour = _MARKERS[group.purpose]
        label = f"{group.purpose} ({group.simulations})"
        above.plot(
            entry.simulated,
            entry.predicted,
            marker,
            color=colour,
            markersize=4,
            alpha=0.75,
            markeredgewidth=0,
            label=label,
        )
        figures = np.where(np.isfinite(entry.figures), entry.figures, np.nan)  # no bar
        bars = figures * (np.abs(entry.predicted) if output.relative else 1.0)
        below.errorbar(
            entry.simulated,
            entry.predicted - entry.simulated,
            yerr=bars,
            fmt=marker,
            color=colour,
            markersize=3,
            elinewidth=0.6,
            ecolor=colour,
            alpha=0.6,
            markeredgewidth=0,
        )
        reach.append(float(np.nanmax(np.abs(entry.predicted - entry.simulated) + np.nan_to_num(bars))))
        ends += [float(entry.simulated.min()), float(entry.simulated.max())]
    above.axline((ends[0], ends[0]), slope=1, color=INK, linewidth=0.9, zorder=1)
    reach.append(_tolerance_band(below, output, np.array([min(ends), max(ends)])))
    below.set_ylim(-1.1 * max(reach) or -1.0, 1.1 * max(reach) or 1.0)
    unit = f" ({output.unit})" if output.unit else ""
    above.set_ylabel(f"predicted{unit}")
    below.set_ylabel("difference" + unit)
    below.set_xlabel(f"simulated{unit}")
    for axes in (above, below):
        plain_axis(axes, "y", 5 if axes is above else 4)
    plain_axis(below, "x", 5)
    above.legend(loc="upper left", handlelength=1)
    figure.align_ylabels()
    return to_svg(figure, f"{output.name}: predicted against simulated values, and their difference")


def _tolerance_band(axes: Axes, output: Output, ends: Array) -> float:
    """Draw the tolerance around zero, and tell how far it reaches."""
    axes.axhline(0, color=INK, linewidth=0.9, zorder=1)
    if output.tolerance is None:
        return 0.0
    ends = np.unique([*ends, np.clip(0.0, *ends)])  # a relative one has a corner at zero
    half = output.tolerance * (np.abs(ends) if output.relative else np.ones(len(ends)))
    for sign in (-1, 1):
        axes.plot(ends, sign * half, color=RED, linewidth=1.2, linestyle=(0, (5, 2)))
    return float(half.max())


@styled
def figure_against_error(output: Output, held_out: Sequence[HeldOut]) -> str:
    """Error figure of each held-out simulation against its measured error."""
    figure, axes = panel(HALF, 3.7)
    seen: list[float] = [] if output.tolerance is None else [output.tolerance]
    for group in held_out:
        entry = group.outputs[output.name]
        marker, colour = _MARKERS[group.purpose]
        shown = (
            (entry.errors > 0) & (entry.figures > 0) & np.isfinite(entry.figures) & np.isfinite(entry.errors)
        )
        axes.plot(
            entry.errors[shown],
            entry.figures[shown],
            marker,
            color=colour,
            markersize=4,
            alpha=0.75,
            markeredgewidth=0,
            label=f"{group.purpose} ({group.simulations})",
        )
        seen += [*entry.errors[shown].tolist(), *entry.figures[shown].tolist()]
    for which in ("x", "y"):
        error_axis(axes, which, _ends(seen), relative=output.relative)
    axes.axline((1, 1), (10, 10), color=INK, linewidth=0.9, zorder=1)
    if output.tolerance is not None:
        axes.axvline(output.tolerance, color=RED, linewidth=1.0, linestyle=(0, (5, 2)))
        _tolerance_line(axes, output.tolerance)
    axes.set_xlabel(error_label(output, "measured error"))
    axes.set_ylabel(error_label(output, "error figure"))
    legend_above(axes)
    return to_svg(figure, f"{output.name}: error figure against measured error of held-out simulations")


@styled
def coverage(curves: Mapping[str, CoverageCurve], claimed: float) -> str:
    """Observed against claimed coverage at every level, with what chance allows."""
    figure, axes = panel(HALF, 4.1)
    band = next(iter(curves.values()))
    axes.fill_between(
        band.levels,
        band.lower,
        band.upper,
        color=MUTED,
        alpha=0.18,
        linewidth=0,
        label="95 % of what chance allows",
    )
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9)
    for (name, curve), colour, line in zip(curves.items(), cycle(SERIES), cycle(("-", "--", "-.", ":"))):
        axes.plot(curve.levels, curve.observed, color=colour, linestyle=line, linewidth=1.6, label=name)
    axes.axvline(claimed, color=GREEN, linewidth=1.0, linestyle=(0, (1, 1.5)))
    for which in ("x", "y"):
        share_axis(axes, which)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("claimed coverage")
    axes.set_ylabel("observed coverage")
    legend_above(axes, columns=2)
    return to_svg(figure, "Observed against claimed coverage of the error figures")
