"""Maps of the error figure over the parameter space, with the samples on them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from locum.arrays import Array
from locum.parameters import Parameter, ParameterSpace
from locum.reports.canvas import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    RED,
    THIRD,
    colour_bar,
    error_axis,
    error_ticks,
    legend_above,
    panel,
    plain_axis,
    styled,
    to_svg,
)
from locum.reports.content import Samples
from locum.reports.summaries import cell_quantiles
from locum.reports.wording import as_stated

_WIDE = 5.8
_CELLS = 24
_BINS = 30


def axis_label(parameter: Parameter) -> str:
    """A parameter with its unit."""
    name = parameter.name.replace("_", " ")
    return f"{name} ({parameter.unit})" if parameter.unit else name


@styled
def parameter_map(
    space: ParameterSpace, columns: tuple[int, int], sweep: Array, ratios: Array, samples: Samples | None
) -> str:
    """95 % quantile of figure over tolerance in cells of two parameters, and the samples.

    Parameters
    ----------
    columns
        The two parameters, horizontal first.
    sweep, ratios
        Sweep points (n, p) in users' units and the largest error figure over its tolerance (n,).
    """
    figure, axes = panel(_WIDE, 4.3)
    axes.grid(False)
    i, j = columns
    warped = space.warp(sweep)
    finite = np.minimum(ratios, 1e6)
    grid = cell_quantiles(warped[:, i], warped[:, j], finite, _CELLS)
    edges = [_edges(space, column) for column in columns]
    low, high = float(np.nanmin(grid)), float(np.nanmax(grid))
    mapped = axes.pcolormesh(
        *edges, grid, norm=LogNorm(low / 1.05, high * 1.05), cmap="viridis", rasterized=True
    )
    for axis, column in (("x", i), ("y", j)):
        _parameter_axis(axes, axis, space.parameters[column])
    rows, cells = np.nonzero(grid > 1)
    if rows.size:
        axes.plot(
            _middles(space, i)[cells], _middles(space, j)[rows], "s", color=RED, markersize=2.6,
            markeredgewidth=0, label="over tolerance",
        )  # fmt: skip
    if samples is not None:
        _draw_samples(axes, samples, columns)
    bar = colour_bar(figure, axes, mapped, "error figure / tolerance", pad=0.02, aspect=28)
    error_ticks(bar, "y", (low, high))
    if low < 1 < high:
        bar.axhline(1.0, color=RED, linewidth=2)
    legend_above(axes)
    names = " and ".join(space.names[column] for column in columns)
    return to_svg(figure, f"Map of the error figure over {names}, with the samples")


def _draw_samples(axes: Axes, samples: Samples, columns: tuple[int, int]) -> None:
    done, failed = (samples.parameters[mask][:, columns] for mask in (~samples.failed, samples.failed))
    axes.plot(
        *done.T, "o", markersize=4, markerfacecolor=PAPER, markeredgecolor=INK, markeredgewidth=0.7,
        label=f"samples ({len(done)})", clip_on=False,
    )  # fmt: skip
    if len(failed):
        axes.plot(
            *failed.T, "X", markersize=7, markerfacecolor=RED, markeredgecolor=PAPER, markeredgewidth=0.8,
            label=f"failed ({len(failed)})", clip_on=False,
        )  # fmt: skip


@styled
def along_parameter(parameter: Parameter, values: Array, ratios: Array, samples: Array | None) -> str:
    """Median, 95 % quantile and maximum of figure over tolerance along one parameter; samples as ticks."""
    figure, axes = panel(THIRD, 2.4)
    groups = np.array_split(np.argsort(values, kind="stable"), min(_BINS, len(values)))
    centre = np.array([np.median(values[group]) for group in groups])
    levels = np.array([np.quantile(ratios[group], (0.5, 0.95, 1.0)) for group in groups])
    levels = np.where(np.isfinite(levels), levels, np.nan)
    axes.fill_between(centre, levels[:, 0], levels[:, 1], color=BLUE, alpha=0.18, linewidth=0)
    for column, line in ((0, ":"), (1, "-"), (2, "--")):
        axes.plot(centre, levels[:, column], line, color=BLUE, linewidth=1.7 if column == 1 else 1.0)
    axes.axhline(1.0, color=RED, linewidth=1.2, linestyle=(0, (5, 2)))
    low, high = min(1.0, float(np.nanmin(levels))), max(1.0, float(np.nanmax(levels)))
    error_axis(axes, "y", (low / 1.8, high * 1.5))
    if samples is not None:
        axes.plot(
            samples,
            np.full(len(samples), 0.025),
            "|",
            color=MUTED,
            markersize=6,
            markeredgewidth=0.7,
            transform=axes.get_xaxis_transform(),
        )
    _parameter_axis(axes, "x", parameter)
    axes.set_ylabel("figure / tolerance")
    return to_svg(figure, f"Error figure over tolerance along {parameter.name}")


def _parameter_axis(axes: Axes, which: str, parameter: Parameter) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if parameter.scale == "log":
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        narrow = parameter.upper / parameter.lower < 100
        marks = (1, 2, 5) if narrow else (1,)
        axis.set_major_locator(LogLocator(subs=marks, numticks=9))
        axis.set_major_formatter(FuncFormatter(lambda value, _: as_stated(value)))
        axis.set_minor_locator(NullLocator())
    (axes.set_xlim if which == "x" else axes.set_ylim)(parameter.lower, parameter.upper)
    if parameter.scale == "linear":
        plain_axis(axes, which, 5)
    (axes.set_xlabel if which == "x" else axes.set_ylabel)(axis_label(parameter))


def _edges(space: ParameterSpace, column: int) -> Array:
    return _along(space, column, np.linspace(0, 1, _CELLS + 1))


def _middles(space: ParameterSpace, column: int) -> Array:
    return _along(space, column, (np.arange(_CELLS) + 0.5) / _CELLS)


def _along(space: ParameterSpace, column: int, warped: Array) -> Array:
    corners = np.full((len(warped), space.dimension), 0.5)
    corners[:, column] = warped
    return space.unwarp(corners)[:, column]
