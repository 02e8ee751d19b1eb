"""What was used, and what it saved: what the report says of measured and of extrapolated numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from locum.adaptivity import Extrapolation
from locum.reports.content import Report
from locum.reports.way import BlackBox, BlackBoxOutput, Way, used


def words(report: Report) -> str:
    """The section as plain text."""
    text = re.sub(r"<[^>]+>", " ", str(used(report))).replace("\u2009", " ")
    return re.sub(r"\s+", " ", text)


def both_ways(report: Report, needed: Extrapolation | None) -> str:
    outputs = tuple(
        BlackBoxOutput(output.name, 1e-4, 2e-4, 0.05, 0.2, needed if output.relative else None)
        for output in report.outputs
    )
    way = Way("projected", "because model block hands over its equations", BlackBox((6, 9, 18), 10, outputs))
    return words(replace(report, way=way))


def test_the_kind_and_its_reason_stand_first(blade_report: Report) -> None:
    said = words(blade_report)
    assert "The surrogate is interpolated, because model cooled_blade hands over no operators." in said
    assert "It took 200 simulations: 64 design, 40 calibration, 96 adaptive." in said
    assert "black box" not in said


def test_nothing_trained_is_said_to_be_missing(blade_report: Report, empty_report: Report) -> None:
    assert "No surrogate has been trained yet." in words(empty_report)
    assert "the gate refused every version" in words(replace(empty_report, versions=blade_report.versions))


def test_both_ways_stand_beside_each_other(blade_report: Report) -> None:
    said = both_ways(blade_report, Extrapolation(0.87, 345))
    assert "temperature 0.0100 % 0.0200 % 5.00 % 20.0 % about 345 (error falls as n −0.87 )" in said
    assert "would need about 345 simulations instead of 18. This is an extrapolation." in said
    assert "trained on 6, 9 and 18 of the simulations" in said


@pytest.mark.parametrize(
    ("needed", "sentence"),
    [
        (Extrapolation(0.5, 1800, beyond=True), "would need more than 1 800 simulations instead of 18"),
        (Extrapolation(-0.1, None), "How many simulations the black box would need cannot be told."),
        (None, "How many simulations the black box would need cannot be told."),
    ],
)
def test_an_extrapolation_says_no_more_than_it_knows(blade_report: Report, needed, sentence: str) -> None:
    assert sentence in both_ways(blade_report, needed)
