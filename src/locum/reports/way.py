"""What was used, and what it saved: the kind of surrogate, and the same simulations without the equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locum.adaptivity import Extrapolation
from locum.reports.html import Content, Markup, element, join, missing, paragraph, section, table
from locum.reports.wording import count, error_size, significant

if TYPE_CHECKING:
    from locum.reports.content import Cost, Report


@dataclass(frozen=True)
class BlackBoxOutput:
    """True errors of one output at the same held-out simulations, in its measure, both ways.

    Parameters
    ----------
    name
        Of the output.
    median, largest
        Of the surrogate that answers.
    black_box_median, black_box_largest
        Of one that was made without the equations, from the same training simulations.
    needed
        Training simulations that the black-box way would need, extrapolated; None where the output has no
        tolerance, or too few simulations say nothing.
    """

    name: str
    median: float
    largest: float
    black_box_median: float
    black_box_largest: float
    needed: Extrapolation | None = None


@dataclass(frozen=True)
class BlackBox:
    """What the same simulations give without the equations.

    Parameters
    ----------
    sizes
        Numbers of training simulations of the surrogates that were trained; the last is all of them.
    held_out
        Simulations at which errors were measured.
    outputs
        In the order of the report's.
    """

    sizes: tuple[int, ...]
    held_out: int
    outputs: tuple[BlackBoxOutput, ...]


@dataclass(frozen=True)
class Compared:
    """One kind of surrogate of a black box in the comparison that chose one.

    Parameters
    ----------
    kind
        Of the surrogate.
    errors, largest
        Field to the root mean square of relative errors at training simulations, each predicted without it,
        and to the largest of them or of what is indicated anywhere; None where it is not a number, and no
        field where there is no such surrogate.
    remark
        How it was made, or why there is none.
    chosen
        Whether it is the one that answers.
    """

    kind: str
    errors: Mapping[str, float | None]
    largest: Mapping[str, float | None]
    remark: str
    chosen: bool


@dataclass(frozen=True)
class Way:
    """The kind of surrogate, why it was taken, what it saved where the model's equations were used, and what
    it was compared with, on how many simulations, where a black box has several.
    """

    kind: str
    reason: str
    black_box: BlackBox | None = None
    compared: tuple[Compared, ...] = ()
    compared_on: int | None = None


def used(report: Report) -> Markup:
    """The kind of surrogate, why, on how many simulations, and what a black box would have needed."""
    title, way = "What was used, and what it saved", report.way
    how = "How answers are made; and, where the model's equations are used, what they save."
    if way is None:
        nothing = missing("No surrogate has been trained yet.", f"locum run {report.path}")
        if report.versions:
            nothing = missing("No surrogate answers: the gate refused every version; their list says why.")
        return section("way", title, how, nothing)
    parts: list[Content] = [paragraph(f"The surrogate is {way.kind}, {way.reason}. {_spent(report.cost)}")]
    if way.black_box is not None:
        parts += [_both_ways(report, way.black_box), paragraph(_extrapolated(way.black_box))]
    elif way.kind == "projected":
        parts.append(paragraph("Too few simulations are done to compare with the black-box way."))
    if way.compared:
        parts.append(_comparison(way))
    return section("way", title, how, *parts)


def _comparison(way: Way) -> Markup:
    """The kinds beside each other, field by field."""
    fields = list(dict.fromkeys(name for each in way.compared for name in each.errors))
    rows: list[list[Content]] = [
        [
            f"{each.kind}{', chosen' if each.chosen else ''}",
            *(_size(errors.get(name)) for name in fields for errors in (each.errors, each.largest)),
            each.remark,
        ]
        for each in way.compared
    ]
    return table(
        ["surrogate", *(head for name in fields for head in (name, "largest")), "how"],
        rows,
        numbers=tuple(range(1, 2 * len(fields) + 1)),
        caption=f"Relative errors of {count(way.compared_on or 0)} training simulations, each predicted "
        "without it: their root mean square, and the largest of them or, where that is of another size, of "
        "what the raw indicator says anywhere in the parameter space. By leave-one-out of the Gaussian "
        "processes, in folds of inferred equations. These are taken where the first is clearly smaller and "
        "the second hardly larger. No simulation was spent on the comparison.",
    )


def _size(error: float | None) -> str:
    return "–" if error is None else error_size(error, relative=True, unit="")


def _spent(cost: Cost | None) -> str:
    if cost is None:
        return ""
    made_of = [entry for entry in cost.simulations if entry.purpose != "audit"]
    purposes = ", ".join(f"{count(entry.done)} {entry.purpose}" for entry in made_of)
    done = sum(entry.done for entry in made_of)
    return f"It took {count(done)} simulations: {purposes}."


def _both_ways(report: Report, black_box: BlackBox) -> Markup:
    rows: list[list[Content]] = []
    for found in black_box.outputs:
        output = report.output(found.name)
        errors = (found.median, found.largest, found.black_box_median, found.black_box_largest)
        sizes = [error_size(error, relative=output.relative, unit=output.unit) for error in errors]
        rows.append([found.name, *sizes, _needed(found.needed)])
    return table(
        ["output", "projected, median", "largest", "black box, median", "largest", "black box needs"],
        rows,
        numbers=(1, 2, 3, 4),
        caption=f"True errors at {count(black_box.held_out)} simulations that trained nothing. The black box "
        "(reduced basis and Gaussian processes, with the study's own options) was trained on the same "
        f"{count(black_box.sizes[-1])} simulations, without the equations.",
    )


def _needed(needed: Extrapolation | None) -> Content:
    if needed is None:
        return "–"
    if needed.samples is None:
        return "cannot be told: no steady fall"
    rate = element("sup", f"−{significant(needed.rate, 2)}")
    return join([f"{_samples(needed)} (error falls as n", rate, ")"])


def _samples(needed: Extrapolation) -> str:
    return f"{'more than' if needed.beyond else 'about'} {count(needed.samples or 0)}"


def _extrapolated(black_box: BlackBox) -> str:
    known = [output.needed for output in black_box.outputs if output.needed and output.needed.samples]
    trained = f"It was trained on {_listed(black_box.sizes)} of the simulations"
    if not known:
        return f"How many simulations the black box would need cannot be told. {trained}."
    largest = max(known, key=lambda needed: needed.samples or 0)
    return (
        f"To train on, the black box would need {_samples(largest)} simulations instead of "
        f"{count(black_box.sizes[-1])}. This is an extrapolation. {trained}, and its root mean square error "
        "is taken to go on falling with the same power of their number until it is at the tolerance. That "
        "favours the black box: its figures would have to be below the tolerance nearly everywhere, and its "
        "calibration would take further simulations. It does not favour it that these simulations were "
        "chosen for the equations."
    )


def _listed(sizes: Sequence[int]) -> str:
    *first, last = map(count, sizes)
    return f"{', '.join(first)} and {last}" if first else last
