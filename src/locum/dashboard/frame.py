"""What stands around every page: the heading, the way between pages, and the style sheets.

Colours and elements are those of the report, so that both have one look, light and dark. Panel draws each
component in a shadow tree of its own, into which a page's style sheet does not reach: components get theirs
handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from locum.reports.html import Content, Markup, element, join
from locum.reports.style import STYLE_SHEET

PAGES = (("", "Study"), ("/explore", "Explore"), ("/queries", "Queries"))

_PAGE = """
body{padding:0;height:auto}
main,header,nav{max-width:1640px;padding:0 28px}
header.top{display:flex;flex-wrap:wrap;align-items:baseline;gap:.3rem 1.6rem;padding-top:18px;
  padding-bottom:12px}
header.top .name{font-size:1.25rem;font-weight:650;text-decoration:none;color:var(--ink)}
header.top .pages{margin:0;padding:0;display:flex;gap:.2rem 1.2rem;flex-wrap:wrap}
header.top .pages a{text-decoration:none;color:var(--muted);padding-bottom:3px}
header.top .pages a:hover{color:var(--ink)}
header.top .pages a[aria-current]{color:var(--ink);border-bottom:2px solid var(--blue)}
"""

_COMPONENT = """
:host{color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,
  "DejaVu Sans",sans-serif}
section{margin:10px 0}
.pictures.one>figure{grid-template-columns:minmax(0,760px) minmax(0,1fr)}
.pictures.two>figure:last-child:nth-child(odd):not(:first-child){grid-column:auto;display:block}
.tiles{grid-template-columns:repeat(auto-fit,minmax(195px,1fr))}
.said{border-left:6px solid var(--state);padding:2px 0 2px 16px}
.said .words{font-size:1.35rem;font-weight:650;color:var(--state);margin:0}
h3{margin:.2rem 0 .4rem}
.plain section,section.plain{border:0;padding:0;margin:0;background:none}
.state{font-weight:600;color:var(--state);white-space:nowrap}
.small{font-size:.85rem;font-weight:400;color:var(--muted);line-height:1.4}
td .small,th .small{max-width:36ch}
.meter{height:6px;border-radius:3px;background:var(--grid);overflow:hidden;margin:.35rem 0;min-width:110px}
.meter span{display:block;height:100%;background:var(--blue)}
.none{--state:var(--muted)}
td{vertical-align:top}
"""

_CONTROLS = """
:host{--primary-color:var(--blue);--color:var(--ink);color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
label,.bk-slider-title{color:var(--ink);font-size:.9rem}
.bk-slider-value{font-weight:600}
.bk-input,select.bk-input{background:var(--card)!important;color:var(--ink);border:1px solid var(--grid);
  border-radius:6px}
.bk-input:focus{border-color:var(--blue);box-shadow:none;outline:2px solid var(--blue)}
.bk-btn,.bk-btn-group .bk-btn{background:var(--card)!important;color:var(--ink)!important;
  border:1px solid var(--muted)!important;border-radius:6px;font-size:.9rem;padding:6px 14px}
.bk-btn a{color:inherit;text-decoration:none}
.bk-btn:hover{border-color:var(--ink)!important}
.bk-btn.bk-active,.bk-btn-primary,.bk-btn-danger{background:var(--blue)!important;color:var(--card)!important;
  border-color:var(--blue)!important}
.bk-btn-danger{background:var(--red)!important;border-color:var(--red)!important}
.bk-btn[disabled]{opacity:.45}
.noUi-target{background:var(--grid);border:0;box-shadow:none}
.noUi-connect{background:var(--blue)!important}
.noUi-handle{background:var(--blue)!important;border:2px solid var(--card)!important;box-shadow:none}
"""

_CARD = """
:host(.card){background:var(--card);border:1px solid var(--grid);border-radius:10px;padding:20px 26px;
  margin:10px 0}
"""

SHEETS = [STYLE_SHEET + _COMPONENT]
"""For components that show text and pictures."""

CONTROLS = [_CONTROLS]
"""For components that are moved, chosen or pressed."""

_TEMPLATE = """
{% extends base %}
{% block postamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{{ style }}</style>
{% endblock %}
{% block contents %}
{{ heading }}
<main>{% for root in doc.roots if "main" in root.tags %}{{ embed(root) }}{% endfor %}
{% for root in doc.roots if "main" not in root.tags %}{{ embed(root) }}{% endfor %}</main>
{% endblock %}
"""


def text(*children: Content, **options: Any) -> pn.pane.HTML:
    """Text, tables and pictures in the look of the report."""
    return pn.pane.HTML(join(children), stylesheets=SHEETS, sizing_mode="stretch_width", margin=0, **options)


def card(*parts: Any, **options: Any) -> pn.Column:
    """Components that stand together, framed as a section is."""
    return pn.Column(
        *parts, css_classes=["card"], stylesheets=[_CARD], sizing_mode="stretch_width", **options
    )


def page(title: str, heading: Markup, *parts: Any) -> pn.Template:
    """A whole page."""
    template = pn.Template(_TEMPLATE)
    template.title = f"{title} – locum" if title else "locum"
    template.add_variable("style", STYLE_SHEET + _PAGE)
    template.add_variable("heading", heading)
    template.add_panel("main", pn.Column(*parts, sizing_mode="stretch_width", margin=0))
    return template


def heading(root: str, study: str = "", here: str = "") -> Markup:
    """The line at the top: the way home and, of a study, to its pages.

    Parameters
    ----------
    root
        The way from this page to the dashboard's first one, as ``../``.
    study
        Name of the study that the page is about; empty on the first page.
    here
        Which of :data:`PAGES` this is.
    """
    links: Sequence[Content] = ()
    if study:
        links = (
            element("a", "All studies", href=root or "./"),
            *(
                element(
                    "a", name, href=f"{root}studies/{study}{way}", aria_current="page" if way == here else ""
                )
                for way, name in PAGES
            ),
        )
    name = element("a", study or "Studies", class_="name", href=f"{root}studies/{study}" if study else "./")
    return element("header", name, element("nav", *links, class_="pages"), class_="top")
