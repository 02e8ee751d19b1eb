"""The audit: fresh, independent simulations against the claims of the champion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from locum.errors import audit_report, measured_errors
from locum.exceptions import ModelError
from locum.execution.candidate import Candidate
from locum.execution.sampling import simulate
from locum.execution.training import truth_of
from locum.execution.workspace import Workspace, require_means
from locum.snapshots import SampleRecord

AUDIT: Final = "audit"  # document of the store: what the last audit found


def audit_champion(work: Workspace, n: int) -> dict[str, Any]:
    """Run ``n`` simulations that nothing was tuned on, and compare claimed with observed coverage.

    Every audit draws anew; one that was interrupted is finished, not begun again.

    Returns
    -------
    dict
        As ``locum audit --json`` prints it.

    Raises
    ------
    RegistryError
        No champion yet.
    StudyError, ModelError
        It cannot be simulated here, or every simulation failed.
    """
    candidate = work.champion
    require_means(work.study, work.model)
    samples = _fresh_samples(work, n)
    if candidate.version.model_version != work.model.version:
        work.progress.say(
            f"version {candidate.version.number} was trained on version {candidate.version.model_version} of "
            f"the model, and is compared with version {work.model.version}"
        )
    work.progress.phase(f"auditing version {candidate.version.number} with {n} fresh simulations")
    simulate(work, [record for record in samples if record.outcome == "planned"])
    identities = {record.identity for record in samples}
    done = [record for record in work.samples(AUDIT, "done") if record.identity in identities]
    if not done:
        raise ModelError(
            f"{work.study.path}: all {n} simulations of the audit failed; `locum report` lists the reasons"
        )
    document = {
        "version": candidate.version.number,
        "simulations": n,
        "failed": n - len(done),
        **compare(work, candidate, done),
    }
    work.store.save_document(AUDIT, document | {"samples": [record.identity for record in done]})
    return document


def compare(work: Workspace, candidate: Candidate, records: Sequence[SampleRecord]) -> dict[str, Any]:
    """Compare what a version claims at these samples with what was simulated there."""
    checked = candidate.checked
    truth = truth_of(work, records)
    prediction = checked.predict(truth.values)
    measures = {name: output.measure for name, output in checked.calibration.outputs.items()}
    kind = checked.surrogate.figure_kind
    report = audit_report(
        1.0 if kind == "bound" else work.study.accuracy.confidence,  # a bound claims to hold always
        measured_errors(checked.surrogate, truth, measures).total,
        {name: prediction.figure(name) for name in checked.description.outputs},
        checked.decisive,
        prediction.verdict,
        calibrated_on=candidate.version.manifest["calibration"] if kind == "indicator" else None,
    )
    return report.to_dict()


def _fresh_samples(work: Workspace, n: int) -> list[SampleRecord]:
    """Plan ``n`` draws of a sequence that no audit has used, or go on with one that was interrupted."""
    earlier = work.samples(AUDIT)
    number = max((record.round for record in earlier), default=0)
    if all(record.outcome != "planned" for record in earlier if record.round == number):
        number += 1
    return work.plan(work.space.sample(n, work.generator(f"{AUDIT} {number}")), AUDIT, number)
