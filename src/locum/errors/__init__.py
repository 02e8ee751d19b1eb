"""Error figures with stated coverage, domain of validity, verdicts: the checked surrogate.

A module is imported when it is first asked for: a study that begins needs none of the surrogates.
"""

from typing import TYPE_CHECKING

from locum.lazily import lazily

if TYPE_CHECKING:
    from locum.errors.audit import CoverageReport, OutputCoverage, Proportion, audit_report
    from locum.errors.calibration import Calibration, OutputCalibration, calibrate
    from locum.errors.checked import CheckedPrediction, CheckedSurrogate, Verdict
    from locum.errors.conformal import (
        CoverageDistribution,
        binomial_interval,
        conformal_quantile,
        coverage_distribution,
        expected_share,
        required_scores,
        share_lower_limit,
    )
    from locum.errors.domain import Domain, domain_of
    from locum.errors.figure import ErrorFigure
    from locum.errors.measured import MeasuredErrors, Truth, measured_errors
    from locum.errors.tolerance import Tolerance

__all__ = [
    "Calibration",
    "CheckedPrediction",
    "CheckedSurrogate",
    "CoverageDistribution",
    "CoverageReport",
    "Domain",
    "ErrorFigure",
    "MeasuredErrors",
    "OutputCalibration",
    "OutputCoverage",
    "Proportion",
    "Tolerance",
    "Truth",
    "Verdict",
    "audit_report",
    "binomial_interval",
    "calibrate",
    "conformal_quantile",
    "coverage_distribution",
    "domain_of",
    "expected_share",
    "measured_errors",
    "required_scores",
    "share_lower_limit",
]

__getattr__ = lazily(
    __name__,
    {
        "audit": "CoverageReport OutputCoverage Proportion audit_report",
        "calibration": "Calibration OutputCalibration calibrate",
        "checked": "CheckedPrediction CheckedSurrogate Verdict",
        "conformal": "CoverageDistribution binomial_interval conformal_quantile coverage_distribution "
        "expected_share required_scores share_lower_limit",
        "domain": "Domain domain_of",
        "figure": "ErrorFigure",
        "measured": "MeasuredErrors Truth measured_errors",
        "tolerance": "Tolerance",
    },
)
