"""Tables in the terminal, and plain lines elsewhere."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.text import Text

from locum.reports import terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


STATUS: dict[str, Any] = {
    "name": "cooled_blade",
    "verdict": "within tolerance",
    "simulations": {"done": 200, "failed": 3, "budget": 600},
    "tolerance": 0.01,
    "confidence": 0.95,
    "share_required": 0.99,
    "share_within": 0.9934,
    "share_within_lower": 0.9921,
    "error_figure": {"kind": "indicator", "q50": 0.0015, "q95": 0.0043, "max": 0.0125},
    "coverage": {"claimed": 0.95, "observed": 0.965, "n": 200},
    "champion": 4,
    "advice": "The champion can be asked.",
    "outputs": {
        "temperature": {
            "unit": "K", "measure": "relative", "tolerance": 0.01,
            "error_figure": {"kind": "indicator", "q50": 0.0015, "q95": 0.0043, "max": 0.0125},
        },
        "highest": {"unit": "K", "measure": "absolute", "tolerance": None, "error_figure": None},
    },
}  # fmt: skip
PROPORTION = {"count": 190, "n": 200, "share": 0.95, "interval": [0.91, 0.976]}


def plain(printer: Any, document: Any) -> str:
    file = io.StringIO()
    printer(document, file)
    text = file.getvalue()
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())
    return text


def test_status_is_plain_and_aligned_away_from_a_terminal() -> None:
    lines = plain(terminal.print_status, STATUS).splitlines()
    assert lines[1].split(maxsplit=1) == ["verdict", "within tolerance"]
    assert "99.34 % of the sweep, at least 99.21 % of the distribution at 95 % confidence" in lines[2]
    assert "95 % claimed, 96.5 % observed in 200 simulations" in lines[4]
    starts = {
        line.index(word)
        for line, word in zip(lines, ["cooled_blade", "within", "99.34", "200 done"], strict=False)
    }
    assert len(starts) == 1


def test_status_is_coloured_on_a_terminal() -> None:
    screen = Screen()
    terminal.show(Text("within", "green"), screen)
    assert "\x1b[" in screen.getvalue()


def test_outputs_without_figures_show_a_dash() -> None:
    text = plain(terminal.print_status, STATUS)
    line = next(line for line in text.splitlines() if line.startswith("highest"))
    assert line.split() == ["highest", "–", "–", "–", "–", "–"]


def test_a_study_that_has_not_begun_says_what_it_lacks() -> None:
    empty = {
        **STATUS,
        "share_within": None,
        "coverage": None,
        "champion": None,
        "outputs": {},
        "error_figure": None,
    }
    text = plain(terminal.print_status, empty)
    assert "unknown (99 % required, at 95 % confidence)" in text
    assert "none claimed yet" in text and "none yet" in text


def test_coverage_without_audit_says_so() -> None:
    text = plain(terminal.print_status, {**STATUS, "coverage": {"claimed": 0.95, "observed": None, "n": 0}})
    assert "95 % claimed, no audit yet" in text


@pytest.mark.parametrize(
    ("done", "words"), [(0, "no simulation was needed"), (12, "12 simulations run now, 0 failed")]
)
def test_summary_says_what_was_run_and_ends_with_the_report(done: int, words: str) -> None:
    summary = {"decision": "within tolerance", "advice": "Ask it.", "simulated": {"done": done, "failed": 0}}
    text = plain(terminal.print_summary, {**summary, "status": STATUS, "report": "a/report.html"})
    assert text.startswith("within tolerance: Ask it.\n") and words in text
    assert text.rstrip().endswith("a/report.html")


def test_a_note_about_other_versions_is_shown() -> None:
    assert "12 of version 1" in plain(
        terminal.print_status, {**STATUS, "note": "12 of version 1 are not reused"}
    )


@pytest.mark.parametrize(
    ("refuted", "least", "words"),
    [(True, 0.96, "no: below the claim"), (True, 0.9, "below it, within chance"), (False, 0.9, "yes")],
)
def test_audit_compares_claimed_with_observed(refuted: bool, least: float, words: str) -> None:
    output = {"claimed": 0.95, "observed": PROPORTION, "claim_refuted": refuted, "expected": [least, 0.99]}
    document = {
        "version": 4, "simulations": 200, "failed": 1, "confidence": 0.95, "outputs": {"temperature": output},
        "within": PROPORTION, "silent_misses": {"count": 0, "n": 190, "share": 0.0, "interval": [0.0, 0.019]},
    }  # fmt: skip
    text = plain(terminal.print_audit, document)
    assert "190 of 200" in text and "91.0 % to 97.6 %" in text and words in text
    assert "0 of those" in text and f"between {100 * least:.1f} % and 99.0 % in 95 % of audits" in text


def test_an_answer_shows_value_figure_and_verdict() -> None:
    output = {
        "kind": "quantity of interest", "value": 1423.25, "unit": "K", "error_figure": 2.4,
        "error_kind": "indicator",
        "norm": "absolute, in K", "coverage": 0.95, "tolerance": 5.0, "verdict": "within tolerance",
    }  # fmt: skip
    field = {
        **output,
        "value": None,
        "norm": "relative, in the study's norm",
        "error_figure": None,
        "tolerance": 0.01,
    }
    document = {
        "study": "blade", "version": 4, "parameters": {},
        "outputs": {"highest": output, "temperature": field},
        "in_domain": False, "reason": "film = 9 is above 2", "verdict": "outside the domain of validity",
    }  # fmt: skip
    text = plain(terminal.print_answer, document)
    assert "1 423.25 K" in text and "± 2.40 K" in text and "indicator, covers 95 %" in text
    assert "none can be claimed" in text and "1 %" in text
    assert "film = 9 is above 2" in text


def test_answers_to_a_file_are_counted_by_verdict() -> None:
    text = plain(
        terminal.print_file_answers,
        {"rows": 12000, "verdicts": {"within tolerance": 11990, "over tolerance": 10}, "output": "a.csv"},
    )
    assert "12 000" in text and "over tolerance" in text and "a.csv" in text


def test_versions_mark_the_champion() -> None:
    rows = [
        {
            "number": 1,
            "alias": "",
            "created": "2026-11-20T14:05:00",
            "training": 64,
            "calibration": 40,
            "gate": None,
        },
        {
            "number": 2,
            "alias": "champion",
            "created": "2026-11-20T14:09:00",
            "training": 96,
            "calibration": 40,
        },
    ]
    lines = plain(terminal.print_versions, {"versions": rows}).splitlines()
    assert "champion" not in lines[1] and "champion" in lines[2]
    assert "no surrogate" in plain(terminal.print_versions, {"versions": []})


def test_problems_are_named_one_a_line() -> None:
    text = plain(terminal.print_problems, {"problems": ["sample ab: chunk is damaged", "version 2: gone"]})
    assert text.splitlines() == ["sample ab: chunk is damaged", "version 2: gone", "2 problems"]
    assert "every hash" in plain(terminal.print_problems, {"problems": [], "checked": 12})


def test_names_with_brackets_are_not_markup() -> None:
    text = plain(terminal.print_status, {**STATUS, "name": "[red]blade[/red]", "advice": "[bold]x"})
    assert "[red]blade[/red]" in text and "[bold]x" in text


def test_long_lines_are_not_broken_away_from_a_terminal() -> None:
    text = plain(terminal.print_status, {**STATUS, "advice": "word " * 100 + "end"})
    assert "word word end" in text
