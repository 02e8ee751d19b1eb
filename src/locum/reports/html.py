"""The few HTML elements a report is made of. Every text is escaped; only :class:`Markup` passes as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from locum.reports.style import STYLE_SHEET


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Markup


def text(content: Content) -> Markup:
    """Escape a text; HTML stays as it is."""
    return content if isinstance(content, Markup) else Markup(escape(content))


def join(parts: Iterable[Content], between: str = "") -> Markup:
    """Put texts and HTML one after the other."""
    return Markup(between.join(text(part) for part in parts))


def element(tag: str, *children: Content, **attributes: str) -> Markup:
    """One element; ``class_`` and ``aria_label`` become the attributes class and aria-label."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value
    )
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def paragraph(*children: Content, class_: str = "") -> Markup:
    """A paragraph."""
    return element("p", *children, class_=class_)


def breakable(name: str) -> Markup:
    """A long name that may be broken after an underscore."""
    return join(name.split("_"), Markup("_<wbr>"))


def code(content: str) -> Markup:
    """Something to type or to compare letter by letter."""
    return element("code", content)


def table(
    headers: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    caption: str,
    numbers: Sequence[int] = (),
    footer: Sequence[Content] | None = None,
) -> Markup:
    """A table whose first column names its rows.

    Parameters
    ----------
    numbers
        Columns of numbers, aligned to the right.
    footer
        A last row, for totals.
    """

    def align(column: int) -> str:
        return "number" if column in numbers else ""

    def row(cells: Sequence[Content]) -> Markup:
        return element(
            "tr",
            element("th", cells[0], scope="row", class_=align(0)),
            *(element("td", cell, class_=align(j)) for j, cell in enumerate(cells[1:], 1)),
        )

    head = element("tr", *(element("th", h, scope="col", class_=align(j)) for j, h in enumerate(headers)))
    parts = [
        element("caption", element("span", caption)),
        element("thead", head),
        element("tbody", *(row(cells) for cells in rows)),
    ]
    if footer is not None:
        parts.append(element("tfoot", row(footer)))
    return element("div", element("table", *parts), class_="scroll")


def picture(svg: str, title: str, caption: Content) -> Markup:
    """A picture with what is seen on it, and on what data."""
    return element("figure", Markup(svg), element("figcaption", element("strong", title), " ", caption))


def pictures(figures: Iterable[Markup], across: str) -> Markup:
    """Pictures side by side where there is room; ``across`` is ``one``, ``two`` or ``three``."""
    return element("div", *figures, class_=f"pictures {across}")


def missing(what: Content, command: str | None = None) -> Markup:
    """Say plainly that something does not exist yet, and which command makes it."""
    advice = join([" Make it with ", code(command), "."]) if command else ""
    return element("div", what, advice, class_="missing")


def section(identity: str, title: str, how: Content, *children: Content, class_: str = "") -> Markup:
    """A section with one sentence on how to read it."""
    return element(
        "section",
        element("h2", title, id=f"{identity}-title"),
        paragraph(how, class_="how") if how else "",
        *children,
        id=identity,
        class_=class_,
        aria_labelledby=f"{identity}-title",
    )


def page(title: str, *children: Content) -> str:
    """A whole document that needs nothing from anywhere."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE_SHEET}</style>\n</head>\n"
        f"<body>\n{join(children)}\n</body>\n</html>\n"
    )
