"""A field of a held-out simulation, the surrogate's answer, and their difference, drawn side by side.

Surfaces are coloured triangles, clouds of points coloured dots, lines curves; a line that changes in time is
a picture over place and time. Of a body in space the outside is drawn, in its deformed shape where the
simulation gives displacements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from locum.arrays import Array
from locum.reports.canvas import (
    BLUE,
    HALF,
    INK,
    ORANGE,
    THIRD,
    colour_bar,
    legend_above,
    panel,
    plain_axis,
    styled,
    to_svg,
)
from locum.reports.content import Case
from locum.reports.volume_pictures import View, can_render, outside, rendered
from locum.reports.wording import with_unit

Cells = np.ndarray[Any, np.dtype[np.int64]]
_PLACES = 160  # along a line, and in time: more cannot be told apart in a picture this small
FIELD_COLOURS, SIGNED_COLOURS, SIZE_COLOURS = "viridis", "RdBu_r", "cividis"


@dataclass(frozen=True)
class CasePictures:
    """Pictures with their titles and captions; none of a body that cannot be drawn. ``moment`` says which
    time is drawn.
    """

    pictures: tuple[tuple[str, str, str], ...]
    moment: str


def case_pictures(case: Case) -> CasePictures:
    """Draw one held-out case; of a field in time, unless on a line, the time of the largest error."""
    simulated, predicted, difference, signed = _scalars(case)
    if case.points.shape[1] == 1:
        return _on_a_line(case, simulated, predicted, difference, signed)
    moment = ""
    if case.times is not None:
        step = int(np.nanargmax(np.nanmax(np.abs(difference), axis=1)))
        moment = (
            f"at {with_unit(float(case.times[step]), case.time_unit)}, the time of the largest difference "
            f"at any node (saved times: {len(case.times)})"
        )
        simulated, predicted, difference = simulated[step], predicted[step], difference[step]
        case = replace(case, displacement=[shape[step] for shape in case.displacement])
    low, high = _limits(simulated, predicted)
    node = int(np.argmax(np.abs(difference)))
    ends, colours = _ends(difference, signed)
    where = f"Largest difference {with_unit(_largest(difference), case.unit)}, at the circle."
    draw, shape = _surface, ""
    if case.points.shape[1] == 3:
        if not can_render():
            return CasePictures((), "")
        draw = _body
        if case.displacement:
            shape = f" Displacements are drawn {enlargement(case):g} times as large."
    return CasePictures(
        (
            (
                draw(case, simulated, (low, high), FIELD_COLOURS, "simulated"),
                "High-fidelity.",
                f"What the simulation gave.{shape}",
            ),
            (
                draw(case, predicted, (low, high), FIELD_COLOURS, "predicted"),
                "Surrogate.",
                "Its answer, in the same colours" + (" and its own shape." if shape else "."),
            ),
            (
                draw(case, difference, ends, colours, "difference", node),
                "Error.",
                f"{_meaning(signed)}. {where}",
            ),
        ),
        moment,
    )


def _scalars(case: Case) -> tuple[Array, Array, Array, bool]:
    """Fields to colour with, (N,) or (T, N), vectors as lengths, and whether their difference has a sign."""
    dimensions = 1 if case.times is None else 2
    difference = case.predicted - case.simulated
    if case.simulated.ndim == dimensions:
        return case.simulated, case.predicted, difference, True
    if case.simulated.shape[-1] == 1:
        return case.simulated[..., 0], case.predicted[..., 0], difference[..., 0], True
    length: Callable[[Array], Array] = lambda field: np.linalg.norm(field, axis=-1)  # noqa: E731
    return length(case.simulated), length(case.predicted), length(difference), False


def _largest(difference: Array) -> float:
    return float(np.abs(difference).max())


def _ends(difference: Array, signed: bool) -> tuple[tuple[float, float], str]:
    """Limits and colours of a difference: from both sides of zero where it has a sign."""
    largest = _largest(difference) or 1.0
    return ((-largest, largest), SIGNED_COLOURS) if signed else ((0.0, largest), SIZE_COLOURS)


def _meaning(signed: bool) -> str:
    return "Surrogate less high-fidelity" if signed else "Length of the difference"


def _limits(*fields: Array) -> tuple[float, float]:
    low, high = min(float(f.min()) for f in fields), max(float(f.max()) for f in fields)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


@styled
def _surface(
    case: Case, values: Array, ends: tuple[float, float], colours: str, what: str, marked: int | None = None
) -> str:
    x, y = case.points.T
    width, height = float(np.ptp(x)) or 1.0, float(np.ptp(y)) or 1.0
    tall = min(max(THIRD * height / width, 1.0), 1.35 * THIRD)
    figure, axes = panel(THIRD, tall + 0.6)
    axes.set_aspect("equal")
    axes.set_axis_off()
    style: dict[str, Any] = {"cmap": colours, "vmin": ends[0], "vmax": ends[1], "rasterized": True}
    if case.cells is None:
        size = 2.0 * THIRD * tall * 72**2 / 4 / len(x)
        mapped = axes.scatter(x, y, c=values, s=min(max(size, 1.0), 40.0), linewidths=0, **style)
    else:
        mapped = axes.tripcolor(x, y, triangles(case.cells), values, shading="gouraud", **style)
        outline = boundary_edges(case.cells)
        axes.add_collection(LineCollection(list(case.points[outline]), colors=INK, linewidths=0.5))
    if marked is not None:
        axes.plot(
            x[marked],
            y[marked],
            "o",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor=INK,
            clip_on=False,
        )
    axes.margins(0.03)
    _bar(figure, axes, mapped, case, what)
    return to_svg(figure, f"{case.field}, {what}, {case.label} {case.purpose} simulation")


@styled
def _body(
    case: Case, values: Array, ends: tuple[float, float], colours: str, what: str, marked: int | None = None
) -> str:
    shapes = [case.points + enlargement(case) * shape for shape in case.displacement] or [case.points]
    view = View.of(np.concatenate(shapes))
    points = shapes[-1] if what == "predicted" else shapes[0]
    triangles = None if case.cells is None else outside(case.cells)
    image = rendered(points, triangles, values, ends, colours, view)
    tall = min(max(THIRD * view.height / view.width, 1.0), 1.35 * THIRD)
    figure, axes = panel(THIRD, tall + 0.6)
    axes.set_axis_off()
    axes.imshow(image, extent=(0, view.width, 0, view.height), interpolation="antialiased")
    if marked is not None:
        axes.plot(*view.place(points[marked]), "o", markersize=8, markerfacecolor="none", markeredgecolor=INK)
    mapped = ScalarMappable(Normalize(*ends), colours)
    _bar(figure, axes, mapped, case, what)
    return to_svg(figure, f"{case.field}, {what}, {case.label} {case.purpose} simulation")


def enlargement(case: Case) -> float:
    """A round factor, one or more, that makes displacements up to a tenth of the body: 1, 2, 5, 10, ..."""
    largest = max((float(np.linalg.norm(shape, axis=-1).max()) for shape in case.displacement), default=0.0)
    wanted = 0.1 * float(np.ptp(case.points, axis=0).max()) / largest if largest else 1.0
    if wanted < 1:
        return 1.0
    decade = 10.0 ** np.floor(np.log10(wanted))
    return float(max(part * decade for part in (1, 2, 5) if part * decade <= wanted))


def _bar(figure: Figure, axes: Axes, mapped: ScalarMappable, case: Case, what: str) -> None:
    name = "difference" if what == "difference" else case.field
    label = f"{name} ({case.unit})" if case.unit else name
    placing = {"orientation": "horizontal", "fraction": 0.06, "pad": 0.04, "aspect": 36, "shrink": 0.94}
    plain_axis(colour_bar(figure, axes, mapped, label, **placing), "x", 5)


def _on_a_line(
    case: Case, simulated: Array, predicted: Array, difference: Array, signed: bool
) -> CasePictures:
    what = f"{_meaning(signed)}; at most {with_unit(_largest(difference), case.unit)}."
    if case.times is not None:
        limits, (ends, colours) = _limits(simulated, predicted), _ends(difference, signed)
        return CasePictures(
            (
                (
                    _place_and_time(case, case.times, simulated, limits, FIELD_COLOURS, "simulated"),
                    "High-fidelity.",
                    "What the simulation gave, over place and time.",
                ),
                (
                    _place_and_time(case, case.times, predicted, limits, FIELD_COLOURS, "predicted"),
                    "Surrogate.",
                    "Its answer, in the same colours.",
                ),
                (
                    _place_and_time(case, case.times, difference, ends, colours, "difference"),
                    "Error.",
                    what,
                ),
            ),
            f"at all {len(case.times)} saved times",
        )
    return CasePictures(
        (
            (
                _curves(
                    case,
                    [(simulated, BLUE, "-", "high-fidelity"), (predicted, ORANGE, "--", "surrogate")],
                    case.field,
                ),
                "Field.",
                "Simulated, and the surrogate's answer on top of it.",
            ),
            (
                _curves(case, [(difference, ORANGE, "-", "")], "difference"),
                "Error.",
                what,
            ),
        ),
        "",
    )


@styled
def _place_and_time(
    case: Case, times: Array, values: Array, limits: tuple[float, float], colours: str, what: str
) -> str:
    figure, axes = panel(THIRD, 3.1)
    along, nodes = np.unique(case.points[:, 0], return_index=True)
    places, moments = _spread(along), _spread(times)
    slices = np.array([np.interp(places, along, row) for row in values[:, nodes]])
    axes.grid(False)
    mapped = axes.imshow(
        np.array([np.interp(moments, times, column) for column in slices.T]).T,
        extent=(places[0], places[-1], moments[0], moments[-1]),
        origin="lower",
        aspect="auto",
        interpolation="none",  # whoever shows the picture smooths it
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
    )
    axes.set_xlabel(f"x ({case.length_unit})" if case.length_unit else "x")
    axes.set_ylabel(f"time ({case.time_unit})")
    plain_axis(axes, "x", 5)
    _bar(figure, axes, mapped, case, what)
    return to_svg(
        figure, f"{case.field}, {what}, over place and time, {case.label} {case.purpose} simulation"
    )


def _spread(ascending: Array) -> Array:
    """Numbers from the first to the last, evenly; around the only one."""
    margin = 0.5 if ascending[0] == ascending[-1] else 0.0
    return np.linspace(ascending[0] - margin, ascending[-1] + margin, _PLACES)


@styled
def _curves(case: Case, curves: list[tuple[Array, str, str, str]], name: str) -> str:
    figure, axes = panel(HALF, 2.7)
    order = np.argsort(case.points[:, 0])
    for values, colour, line, label in curves:
        axes.plot(case.points[order, 0], values[order], line, color=colour, label=label)
    axes.set_xlabel(f"x ({case.length_unit})" if case.length_unit else "x")
    axes.set_ylabel(f"{name} ({case.unit})" if case.unit else name)
    plain_axis(axes, "x", 5)
    if len(curves) > 1:
        legend_above(axes)
    return to_svg(figure, f"{case.field}, {name}, {case.label} {case.purpose} simulation")


def triangles(cells: Cells) -> Cells:
    """Triangles (K, 3) of convex faces (M, k): a fan from the first corner of each."""
    return np.concatenate([cells[:, [0, j, j + 1]] for j in range(1, cells.shape[1] - 1)])


def boundary_edges(cells: Cells) -> Cells:
    """Edges (E, 2) that belong to one face only: the outline, and that of every hole."""
    edges = np.concatenate(
        [np.stack([cells[:, j], np.roll(cells, -1, axis=1)[:, j]], axis=1) for j in range(cells.shape[1])]
    )
    unique, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    return np.asarray(unique[counts == 1])
