import json

import numpy as np
import pytest

from locum.errors import Verdict, audit_report, binomial_interval, expected_share

VERDICTS = np.array([Verdict.WITHIN.value, Verdict.OVER.value, Verdict.OUTSIDE.value])


def test_observed_coverage_and_silent_misses_are_counted_by_hand():
    errors = {"field": np.array([0.1, 0.3, 0.2, 0.5]), "quantity": np.array([1.0, 1.0, 5.0, 1.0])}
    figures = {"field": np.array([0.2, 0.2, 0.4, 0.6]), "quantity": np.array([2.0, 2.0, 2.0, np.inf])}
    verdicts = VERDICTS[[0, 0, 0, 1]]
    report = audit_report(0.95, errors, figures, {"field": 0.25, "quantity": 3.0}, verdicts)
    assert report.outputs["field"].observed.count == 3
    assert report.outputs["quantity"].observed.count == 3
    assert report.outputs["field"].observed.interval == binomial_interval(3, 4)
    # the second breaks the field's tolerance, the third the quantity's, the fourth was not marked within
    assert (report.silent_misses.count, report.silent_misses.n) == (2, 3)
    assert (report.within.count, report.within.n) == (3, 4)
    assert report.outputs["field"].sharpness == pytest.approx(np.median([2.0, 2 / 3, 2.0, 1.2]))


@pytest.mark.parametrize(
    ("covered", "inside", "refuted"), [(190, True, False), (170, False, True), (200, False, False)]
)
def test_a_claim_is_refuted_only_from_below(covered, inside, refuted):
    errors = {"field": np.ones(200)}
    figures = {"field": np.where(np.arange(200) < covered, 2.0, 0.5)}
    output = audit_report(0.95, errors, figures, {}, VERDICTS[np.zeros(200, int)]).outputs["field"]
    assert (output.claim_inside, output.claim_refuted) == (inside, refuted)


def test_a_true_error_that_is_no_number_is_neither_covered_nor_silent():
    report = audit_report(
        {"field": 0.9},
        {"field": np.array([np.nan])},
        {"field": np.array([np.inf])},
        {"field": 1.0},
        VERDICTS[[0]],
    )
    assert report.outputs["field"].observed.count == 0
    assert report.silent_misses.count == 1


def test_the_expected_range_is_told_where_the_calibration_is_known():
    errors, figures = {"field": np.ones(50)}, {"field": np.full(50, 2.0)}
    for calibrated_on, expected in ((None, None), (18, None), (100, expected_share(100, 50, 0.95))):
        report = audit_report(
            0.95, errors, figures, {}, VERDICTS[np.zeros(50, int)], calibrated_on=calibrated_on
        )
        assert report.outputs["field"].expected == expected


def test_report_is_plain_json_also_without_answers():
    empty = audit_report(0.95, {"field": np.empty(0)}, {"field": np.empty(0)}, {"field": 1.0}, VERDICTS[:0])
    assert json.loads(json.dumps(empty.to_dict(), allow_nan=False))["outputs"]["field"]["observed"]["n"] == 0
