"""What is read at a glance: a verdict, a share, a coverage, what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locum.reports.html import Content, Markup, element, join
from locum.reports.wording import NO_BREAK, count, percentage, stated_percentage

STATES = {"within tolerance": ("within", "✓"), "over tolerance": ("over", "!")}


def verdict_badge(words: str) -> Markup:
    """The verdict with its sign and colour: the sign is there for whoever sees no colours."""
    state, sign = STATES.get(words, ("none", "–"))
    return element("span", f"{sign} {words}", class_=f"state {state}")


def verdict_title(words: str) -> str:
    """The verdict with its sign, to begin a sentence with."""
    return f"{STATES.get(words, ('', '–'))[1]} {words[:1].upper()}{words[1:]}"


def share_within(document: Mapping[str, Any]) -> Markup:
    """Share of the parameter distribution within tolerance, and what was required."""
    required = f"{stated_percentage(document['share_required'])} required"
    if document["share_within_lower"] is None:
        return element("div", f"unknown; {required}", class_="small")
    proved = f"at least{NO_BREAK}{percentage(document['share_within_lower'])}".replace(" ", NO_BREAK)
    confidence = f"{required}, at {stated_percentage(document['confidence'])} confidence"
    return join([proved, element("div", confidence, class_="small")])


def coverage(document: Mapping[str, Any]) -> Markup:
    """How many errors lie below their figure: claimed, and observed by the last audit."""
    kind, known = document["error_figure"]["kind"], document["coverage"]
    if kind == "bound":
        return join(["bound", element("div", "proved from the model's equations", class_="small")])
    if kind == "estimate":
        return join(["estimate", element("div", "from the model's equations", class_="small")])
    if known["claimed"] is None:
        return element("div", "none claimed yet", class_="small")
    observed = "no audit yet"
    if known["observed"] is not None:
        observed = f"{percentage(known['observed'])} observed in {count(known['n'])} simulations"
    return join([f"{stated_percentage(known['claimed'])} claimed", element("div", observed, class_="small")])


def simulations(document: Mapping[str, Any]) -> Markup:
    """Simulations spent of the budget, as a number and as a bar."""
    counted = document["simulations"]
    spent, budget = counted["done"] + counted["failed"], counted["budget"]
    parts: list[Content] = [count(spent) if budget is None else f"{count(spent)} of {count(budget)}"]
    if budget:
        width = Markup(f'<span style="width:{min(100, 100 * spent / budget):.0f}%"></span>')
        parts.append(element("div", width, class_="meter"))
    notes = [f"{count(counted['failed'])} failed"] if counted["failed"] else []
    notes += [f"{count(counted['planned'])} planned"] if counted["planned"] else []
    return join([*parts, element("div", ", ".join(notes), class_="small")])
