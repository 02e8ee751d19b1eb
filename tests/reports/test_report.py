"""The whole report: well-formed, self-contained, honest about what is missing."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from locum.errors import Tolerance
from locum.exceptions import StorageError
from locum.parameters import Parameter, ParameterSpace
from locum.reports.content import HeldOutOutput, Report
from locum.reports.pictures import parity
from locum.reports.report import render, write_report
from locum.reports.study_report import worst_field

VOID = {"meta", "link", "br", "img", "wbr", "hr"}
SECTIONS = (
    "verdict", "outputs", "way", "history", "fields", "coverage", "parity", "map", "bases", "cost",
    "parameters", "failures", "versions", "provenance",
)  # fmt: skip


class Page(HTMLParser):
    """Checks nesting while it collects what the tests ask about."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identities: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(document)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if identity := attributes.get("id"):
            self.identities.append(identity)
        if tag == "a":
            self.links.append(attributes["href"] or "")
        else:
            self.loaded += [
                attributes[key] or "" for key in ("src", "href", "xlink:href", "data") if key in attributes
            ]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"closes {tag}, which was not open"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data


@pytest.fixture(scope="module")
def full(blade_report: Report) -> str:
    return render(blade_report)


@pytest.fixture(scope="module")
def page(full: str) -> Page:
    return Page(full)


def test_every_section_is_there_once_and_linked(page: Page) -> None:
    for section in SECTIONS:
        assert page.identities.count(section) == 1
    assert {link.removeprefix("#") for link in page.links} == set(SECTIONS) - {"verdict"}


def test_identities_are_unique_over_all_pictures(page: Page) -> None:
    assert len(page.identities) == len(set(page.identities))


def test_references_inside_pictures_point_at_something(full: str, page: Page) -> None:
    targets = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', full))
    assert targets <= set(page.identities)
    assert len(targets) > 50


def test_nothing_is_loaded_from_anywhere(full: str, page: Page) -> None:
    assert all(address.startswith(("data:", "#")) for address in page.loaded)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "img"}
    assert not re.search(r"@import|url\((?!#)", full)
    assert "http://" not in full and "https://" not in full


def test_pictures_have_text_alternatives_and_content(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) >= 25
    assert all(attributes.get("role") == "img" and attributes.get("aria-label") for attributes in pictures)
    rasters = [address for address in page.loaded if address.startswith("data:image/png")]
    assert len(rasters) >= 7  # six fields and the map
    assert all(len(address) > 500 for address in rasters)


def test_tables_name_their_rows_and_columns(page: Page) -> None:
    scopes = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert scopes and set(scopes) == {"row", "col"}


def test_headings_never_skip_a_level(page: Page) -> None:
    levels = [int(heading[1]) for heading in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_colours_of_pictures_follow_the_page(full: str) -> None:
    assert full.count("var(--ink)") > 100
    assert "prefers-color-scheme:dark" in full


def test_report_stays_small(full: str) -> None:
    assert len(full.encode()) < 5_000_000


def test_same_content_gives_the_same_bytes(blade_report: Report, full: str) -> None:
    assert render(blade_report) == full


def test_indicators_are_never_called_bounds(page: Page) -> None:
    assert "indicator" in page.words
    assert not re.search(r"\bbounds?\b|\bguarantee", page.words)


def test_headline_says_share_coverage_and_speed_up_with_its_error(page: Page) -> None:
    words = page.words.replace("\u202f", " ")
    assert "at least 99.21 % of the parameter distribution" in words
    assert "10 700 ×" in words and "at an error figure of 0.433 %" in words
    assert "The study has paid after 415 queries" in words


def test_audit_counts_silent_misses_among_answers_marked_within(blade_report: Report) -> None:
    audit = blade_report.audit
    entry = audit.outputs["temperature"]
    wrong = replace(
        entry, errors=np.where(np.arange(len(entry.errors)) < 3, 0.5, 0.0), figures=0 * entry.figures
    )
    sure = {
        name: replace(each, errors=0 * each.errors, figures=0 * each.figures)
        for name, each in audit.outputs.items()
    }
    report = replace(
        blade_report, audit=replace(audit, outputs={**sure, "temperature": wrong}), cases=(), rounds=()
    )
    words = Page(render(replace(report, sweep=None, bases=()))).words
    assert "Of the 200 answers of the audit that were marked within tolerance, 3 had an error" in words


def test_special_characters_are_escaped(empty_report: Report) -> None:
    nasty = "<script>alert('1')</script> & \"co\""
    report = replace(
        empty_report, study=nasty, description=nasty, path=nasty, model=nasty,
        outputs=tuple(replace(output, name=nasty, unit="<K>") for output in empty_report.outputs[:1]),
        provenance=replace(empty_report.provenance, hashes={nasty: nasty}),
    )  # fmt: skip
    page = Page(render(report))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.words.count(nasty) >= 6


def test_a_quantity_that_is_zero_has_points_without_bars_and_warns_of_nothing(blade_report: Report) -> None:
    (output,) = (each for each in blade_report.outputs if each.name == "highest_temperature")
    calibration = blade_report.calibration
    zero = np.zeros(calibration.simulations)
    entry = replace(
        calibration.outputs[output.name],
        errors=zero, figures=zero + np.inf, scores=zero, simulated=zero, predicted=zero,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = parity(replace(output, relative=True), [replace(calibration, outputs={output.name: entry})])
    assert "calibration" in picture


def test_names_are_escaped_inside_pictures(blade_report: Report) -> None:
    case = replace(blade_report.cases[0], field='<b>"T"</b>', unit="<K>")
    page = Page(
        render(
            replace(
                blade_report, cases=(case,), rounds=(), bases=(), sweep=None, audit=None, calibration=None
            )
        )
    )
    assert "b" not in {tag for tag, _ in page.tags}
    assert '<b>"T"</b> (<K>)' in page.words


def test_an_empty_study_says_what_is_missing_and_how_to_make_it(empty_report: Report) -> None:
    page = Page(render(empty_report))
    assert all(section in page.identities for section in SECTIONS)
    assert "No surrogate has been trained yet." in page.words
    assert page.words.count("locum run configs/cooled_blade.yaml") >= 6
    assert "locum check configs/cooled_blade.yaml" in page.words
    assert "svg" not in {tag for tag, _ in page.tags}


def test_without_audit_the_report_says_so_and_how_to_make_one(blade_report: Report) -> None:
    report = replace(blade_report, audit=None, cases=(), sweep=None, rounds=(), bases=())
    words = Page(render(report)).words
    assert "No audit has been made" in words
    assert "locum audit configs/cooled_blade.yaml -n 200" in words
    assert "no evidence beyond the calibration" in words


def test_too_few_calibration_simulations_claim_nothing(blade_report: Report) -> None:
    few = {
        name: HeldOutOutput(entry.errors[:10], np.full(10, np.inf), np.full(10, np.nan))
        for name, entry in blade_report.calibration.outputs.items()
    }
    calibration = replace(blade_report.calibration, outputs=few, in_domain=np.ones(10, dtype=bool))
    report = replace(
        blade_report, calibration=calibration, audit=None, cases=(), sweep=None, rounds=(), bases=()
    )
    words = Page(render(report)).words
    assert "10 calibration simulations are too few to claim" in words
    assert "Coverage at every level" not in words


def test_infinite_figures_are_reported_and_not_drawn(blade_report: Report) -> None:
    sweep = blade_report.sweep
    infinite = {name: np.full(len(values), np.inf) for name, values in sweep.figures.items()}
    report = replace(blade_report, sweep=replace(sweep, figures=infinite), cases=(), rounds=(), bases=())
    assert "The sweep has no finite error figure" in Page(render(report)).words


def test_a_study_of_one_parameter_has_no_map_of_two(blade_report: Report, empty_report: Report) -> None:
    sweep = replace(blade_report.sweep, parameters=blade_report.sweep.parameters[:, :1])
    space = ParameterSpace((Parameter("gas_temperature", 1300, 1700, "K"),))
    page = Page(render(replace(empty_report, space=space, sweep=sweep)))
    assert "two most influential" not in page.words
    assert [tag for tag, _ in page.tags].count("svg") == 1


def test_a_study_without_limit_says_so(blade_report: Report) -> None:
    report = replace(blade_report, budget=None, calibration=None, audit=None, cases=(), sweep=None, rounds=())
    assert "Simulations2003 failed; no limit; besides, 200 of audits" in Page(render(report)).words


def test_many_failures_are_counted_and_cut_short(blade_report: Report, empty_report: Report) -> None:
    many = tuple(replace(blade_report.failures[0], identity=f"{i:064d}") for i in range(55))
    words = Page(render(replace(empty_report, failures=many))).words
    assert "55 failed, the first 20 shown" in words


def test_a_report_is_replaced_whole(tmp_path, empty_report: Report) -> None:
    path = tmp_path / "new" / "report.html"
    write_report(empty_report, path)
    write_report(replace(empty_report, study="second"), path)
    assert "<h1>second</h1>" in path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_says_where(tmp_path, empty_report: Report) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"report .*file/report\.html: cannot be written"):
        write_report(empty_report, tmp_path / "file" / "report.html")


def test_the_field_that_is_drawn_is_the_worst_for_its_tolerance() -> None:
    fields = {"still": Tolerance(0.01), "warm": Tolerance(0.1), "fast": Tolerance(0.001)}
    checked = SimpleNamespace(description=SimpleNamespace(fields=fields), tolerances=fields)
    errors = {"still": np.zeros(2), "warm": np.array([0.02, 0.05]), "fast": np.array([0.0, 0.0009])}
    outputs = {name: SimpleNamespace(errors=values) for name, values in errors.items()}
    assert worst_field(checked, SimpleNamespace(outputs=outputs)) == "fast"
