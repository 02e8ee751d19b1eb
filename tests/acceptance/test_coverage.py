"""Claims against fresh simulations, on the study of the tour; `benchmarks/coverage.py` is the long round."""

import json
import shutil

import pytest

from locum.errors import expected_share
from locum.execution.audit import audit_champion
from locum.execution.workspace import open_workspace

AUDITED = 200


@pytest.fixture(scope="module")
def audit(fin_run, tmp_path_factory):
    """What fresh draws show of the study as it was run; its calibration simulations."""
    folder = tmp_path_factory.mktemp("fin")
    shutil.copytree(fin_run[0], folder, dirs_exist_ok=True)
    with open_workspace(folder / "configs" / "fin.yaml", quiet=True) as work:
        report = audit_champion(work, AUDITED)
        assert report["failed"] == 0
        return report, work.numbers.calibration


def test_the_study_of_the_tour_ends_within_tolerance(fin_run):
    run = fin_run[1]
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["decision"] == "within tolerance"


def test_claimed_coverage_is_observed(audit):
    """Within the range that a right claim leaves to an audit, its finite calibration accounted for."""
    report, calibration = audit
    lower, upper = expected_share(calibration, AUDITED, 0.95)
    observed = {name: output["observed"]["share"] for name, output in report["outputs"].items()}
    assert observed and all(lower <= share <= upper for share in observed.values()), observed


def test_answers_marked_within_tolerance_are(audit):
    report, _ = audit
    assert report["within"]["share"] > 0.95
    assert report["silent_misses"]["share"] < 0.05
