"""Claims against fresh simulations, on the study of the tour; `benchmarks/coverage.py` is the long round."""

from pathlib import Path

import pytest

from locum.adaptivity import Outcome
from locum.errors import expected_share
from locum.execution.audit import compare
from locum.execution.checking import check
from locum.execution.choosing import choose_values, decide
from locum.execution.pipeline import Pipeline
from locum.execution.sampling import first_samples
from locum.execution.simulate import Simulator
from locum.execution.training import train
from locum.execution.workspace import open_workspace

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
AUDITED = 200


def simulate(work):
    """Run what is planned, here and without a cluster."""
    simulator = Simulator(work.model, work.store)
    for record in work.samples(outcome="planned"):
        simulator.run(record.to_dict())


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    """The loop until it stops, then what fresh draws show; its calibration simulations and its decision."""
    folder, path = tmp_path_factory.mktemp("fin"), CONFIGS / "fin.yaml"
    with open_workspace(path, [f"storage.folder={folder}"], quiet=True) as work:
        pipeline = Pipeline(work)
        first_samples(work)
        while True:
            simulate(work)
            candidate = train(work, pipeline.held_back)
            found = check(work, candidate, pipeline.held_back)
            decision = decide(work)
            while decision.goes_on and pipeline.has_room:
                pipeline.append(choose_values(work, candidate, found, pipeline.held_back))
            if not pipeline.held_back:
                break
            pipeline.advance()
        fresh = work.plan(work.space.sample(AUDITED, work.generator("fresh")), "audit", 1)
        simulate(work)
        done = [record for record in work.samples("audit", "done")]
        assert len(done) == len(fresh)
        return compare(work, candidate, done), work.numbers.calibration, decision


def test_the_study_of_the_tour_ends_within_tolerance(audit):
    assert audit[2].outcome is Outcome.WITHIN_TOLERANCE


def test_claimed_coverage_is_observed(audit):
    """Within the range that a right claim leaves to an audit, its finite calibration accounted for."""
    report, calibration, _ = audit
    lower, upper = expected_share(calibration, AUDITED, 0.95)
    observed = {name: output["observed"]["share"] for name, output in report["outputs"].items()}
    assert observed and all(lower <= share <= upper for share in observed.values()), observed


def test_answers_marked_within_tolerance_are(audit):
    report, _, _ = audit
    assert report["within"]["share"] > 0.95
    assert report["silent_misses"]["share"] < 0.05
