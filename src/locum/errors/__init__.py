"""Error figures with stated coverage, domain of validity, verdicts: the checked surrogate."""

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
