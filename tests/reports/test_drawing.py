"""Two processes draw a report; whatever becomes of the second, it is the same report."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import pytest

from locum.reports import drawing, evidence
from locum.reports.content import Report


@pytest.fixture(scope="module")
def report(blade_report: Report) -> Report:
    """Quickly drawn."""
    return replace(blade_report, cases=(), sweep=None, rounds=blade_report.rounds[:2], calibration=None)


@pytest.fixture(scope="module")
def alone(report: Report) -> dict[str, str]:
    return drawing.drawn(report)


def test_a_helper_draws_its_share_and_the_report_is_the_same(report: Report, alone, monkeypatch) -> None:
    here: list[str] = []
    for name in drawing.SECTIONS:
        draw = getattr(evidence, name)
        monkeypatch.setattr(evidence, name, lambda report, n=name, d=draw: (here.append(n), d(report))[1])
    with drawing.helper_ahead():
        assert drawing._READY[0].poll(60)
        assert drawing.drawn(report) == alone
        assert not drawing.has_helper()
    assert 0 < len(here) < len(drawing.SECTIONS)


def test_settings_that_a_model_made_for_its_own_pictures_are_not_ours(report: Report, alone) -> None:
    with matplotlib.rc_context({"text.usetex": True, "axes.facecolor": "black", "axes.titlesize": 30}):
        assert drawing.drawn(report) == alone


def test_without_its_helper_everything_is_drawn_here(report: Report, alone) -> None:
    with drawing.helper_ahead():
        drawing._READY[0].close()
        assert drawing.drawn(report) == alone
    with drawing.helper_ahead():
        pass
    assert not drawing.has_helper()
