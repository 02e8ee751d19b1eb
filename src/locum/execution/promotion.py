"""The gate between candidate and champion: both are judged on the same calibration simulations."""

from __future__ import annotations

from locum.errors import CheckedSurrogate, Truth, measured_errors
from locum.execution.candidate import Candidate
from locum.execution.sampling import calibration_samples
from locum.execution.training import truth_of
from locum.execution.workspace import Workspace
from locum.registry import CalibrationResult, Decision, promotion_gate


def promote(work: Workspace, candidate: Candidate) -> Decision:
    """Make a candidate champion unless it is worse on the calibration set, or its coverage is lost there.

    A champion of another version of the model, or of other tolerances or parameters, claims something else:
    it is replaced.
    """
    number, before = candidate.version.number, work.registry.champion
    if number == before:
        return Decision(True, ("it is the champion already",))
    champion = work.champion if before is not None else None
    rival = None
    if champion is not None and champion.comparable(candidate):
        rival = results(champion.checked, truth_of(work, calibration_samples(work)))
    decision = promotion_gate(calibrated_results(candidate.checked), rival)
    if decision.promote:
        work.registry.promote(number, expected=before)
    work.store.save_document(
        f"gate {number}", {"promote": decision.promote, "reasons": list(decision.reasons)}
    )
    return decision


def calibrated_results(checked: CheckedSurrogate) -> dict[str, CalibrationResult]:
    """How each output that has a tolerance does on the simulations that calibrated it."""
    outputs = {name: checked.calibration.outputs[name] for name in checked.decisive}
    return {
        name: CalibrationResult(
            output.errors,
            output.figure(output.indicators),
            output.coverage,
            checked.tolerances[name].value,
        )
        for name, output in outputs.items()
    }


def results(checked: CheckedSurrogate, truth: Truth) -> dict[str, CalibrationResult]:
    """How each output that has a tolerance does on simulations."""
    measures = {name: output.measure for name, output in checked.calibration.outputs.items()}
    errors = measured_errors(checked.surrogate, truth, measures).total
    figures = checked.figures(truth.values, checked.decisive)
    return {
        name: CalibrationResult(errors[name], figures[name], checked.calibration.outputs[name].coverage)
        for name in checked.decisive
    }
