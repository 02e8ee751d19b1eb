"""What can be said of an answer: its numbers with their error figures, and the verdict in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locum.arrays import Array
from locum.dashboard.frame import text
from locum.execution.answers import answer_one
from locum.execution.candidate import Candidate
from locum.reports.html import Content, Markup, element, paragraph, table
from locum.reports.wording import error_size, stated_percentage, tolerance_size, with_unit

_STATES = {
    "within tolerance": ("within", "✓ Within tolerance"),
    "over tolerance": ("over", "! Over tolerance"),
}


class Answered:
    """The verdict and the table of quantities.

    Parameters
    ----------
    candidate
        What answers.
    """

    def __init__(self, candidate: Candidate) -> None:
        self._checked, self._version = candidate.checked, candidate.version.number
        self.verdict, self.numbers = text(), text()

    def show(self, values: Array, simulated: Mapping[str, float] | None = None) -> None:
        """Show the answer for parameters (1, p), beside a real simulation's quantities if there is one."""
        named = dict(zip(self._checked.space.names, values[0].tolist(), strict=True))
        document = answer_one(self._checked, named, None) | {"version": self._version}
        self.verdict.object = verdict(document)
        self.numbers.object = numbers(document, simulated)


def verdict(document: Mapping[str, Any]) -> Markup:
    """The verdict on an answer, and what it means."""
    state, words = _STATES.get(document["verdict"], ("open", "– Outside the domain of validity"))
    over = [name for name, output in document["outputs"].items() if output["verdict"] == "over tolerance"]
    if not document["in_domain"]:
        meaning = f"{document['reason']}. No error figure covers this answer."
    elif over:
        meaning = (
            f"The error figure of {' and of '.join(over)} is above its tolerance. To be sure, run the real "
            "simulation here."
        )
    else:
        meaning = "The error figure of every output that has a tolerance is below it."
    return element(
        "div",
        element("p", words, class_="words"),
        paragraph(meaning),
        class_=f"said {state}",
        role="status",
    )


def numbers(document: Mapping[str, Any], simulated: Mapping[str, float] | None) -> Markup:
    """Every output with its error figure and its tolerance."""
    rows: list[list[Content]] = []
    for name, output in document["outputs"].items():
        relative, unit = output["norm"].startswith("relative"), output["unit"] or ""
        figure, tolerance = output["error_figure"], output["tolerance"]
        row = [
            name,
            "field" if output["value"] is None else with_unit(output["value"], unit, 6),
            "none" if figure is None else f"± {error_size(figure, relative=relative, unit=unit)}",
            "–" if tolerance is None else tolerance_size(tolerance, relative=relative, unit=unit),
            {"within tolerance": "✓ below", "over tolerance": "! above"}.get(output["verdict"] or "", "–"),
        ]
        if simulated is not None:
            row.append(with_unit(simulated[name], unit, 6) if name in simulated else "see above")
        rows.append([*row])
    headers = ["output", "surrogate", "error figure", "tolerance", "figure is"]
    if simulated is not None:
        headers.append("real simulation")
    return table(headers, rows, numbers=(1, 2, 3, 5), caption=_claim(document))


def _claim(document: Mapping[str, Any]) -> str:
    """What an error figure is, said once for all of them."""
    first, by = next(iter(document["outputs"].values())), f"Answered by version {document['version']}."
    if first["error_kind"] == "bound":
        return f"{by} Error figures are bounds: no error of the discrete model can be larger."
    if first["error_kind"] == "estimate":
        return f"{by} Error figures are estimates from the model's equations."
    covers = first["coverage"]
    share = "most" if covers is None else stated_percentage(covers)
    return f"{by} Over many queries {share} of true errors lie below their error figure."
