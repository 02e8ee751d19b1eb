"""The gate between candidate and champion: both are judged on the same calibration simulations."""

from __future__ import annotations

from dataclasses import replace

from locum.errors import CheckedSurrogate, Truth, measured_errors
from locum.execution.candidate import Candidate
from locum.execution.checking import sweep
from locum.execution.sampling import calibration_samples
from locum.execution.training import CALIBRATION_SET, truth_of
from locum.execution.workspace import Workspace
from locum.registry import CalibrationResult, Decision, promotion_gate


def promote(work: Workspace, candidate: Candidate) -> Decision:
    """Make a candidate champion unless it is worse on the calibration set, or its coverage is lost there.

    A champion that is within tolerance gives way only to a candidate that is: what users are told must not
    get worse while errors that nobody sees get better. A champion of another version of the model, or of
    other tolerances or parameters, claims something else: it is replaced, as is one whose files are damaged.
    """
    number, before = candidate.version.number, work.registry.champion
    if number == before:
        return Decision(True, ("it is the champion already",))
    champion = intact_champion(work)
    rival, lost = None, False
    if champion is not None and champion.comparable(candidate):
        rival = _on_its_calibration(work, candidate, champion)
        within = {entry.version: entry.verdict.within for entry in work.rounds()}
        lost = within.get(before, False) and not within.get(number, False)
    decision = promotion_gate(calibrated_results(candidate.checked), rival, lost_tolerance=lost)
    if decision.promote:
        work.registry.promote(number, expected=before)
    work.store.save_document(
        f"gate {number}", {"promote": decision.promote, "reasons": list(decision.reasons)}
    )
    return decision


def intact_champion(work: Workspace) -> Candidate | None:
    """The champion, to compare with; None where there is none, or it is damaged and answers nobody."""
    if work.registry.champion is None:
        return None
    version = work.registry.version(work.registry.champion)
    if damage := version.problems():
        work.progress.say(f"version {version.number} is passed over: {damage[0]}")
        return None
    return Candidate.load(version)


def _on_its_calibration(
    work: Workspace, candidate: Candidate, champion: Candidate
) -> dict[str, CalibrationResult]:
    """How the champion does on the candidate's calibration simulations: most often they calibrated it too."""
    made_from = [each.version.manifest.get(CALIBRATION_SET) for each in (candidate, champion)]
    if made_from[0] is not None and made_from[0] == made_from[1]:
        return calibrated_results(champion.checked)
    return results(champion.checked, truth_of(work, calibration_samples(work)))


def restated_champion(work: Workspace) -> Candidate | None:
    """The champion under today's tolerances, registered as a version of its own; None where there is none.

    What it answers and how it was calibrated do not depend on tolerances. So where these are all that has
    changed in a study, and it keeps them over the parameter distribution, nothing has to be trained.
    """
    champion, study = intact_champion(work), work.study
    if champion is None:
        return None
    version, checked = champion.version, champion.checked
    made_from = (version.manifest.get("recipe_hash"), version.model_version)
    if version.study_hash == study.training_hash or made_from != (study.recipe_hash, work.model.version):
        return None
    tolerances = study.tolerances(checked.description.fields, checked.description.quantities)
    measures = {name: output.measure for name, output in checked.calibration.outputs.items()}
    if any(tolerance.error != measures[name] for name, tolerance in tolerances.items()):
        return None
    if not sweep(work, checked, version.number).verdict.within:
        return None
    known = work.registry.find(version.training_set_hash, study.training_hash)
    if known is not None:
        return Candidate.load(known)
    changed = {"study_hash": study.training_hash, "restated": version.number}
    restated = replace(checked, tolerances=tolerances, manifest={**checked.manifest, **changed})
    return Candidate(work.registry.register(restated.save, {**version.manifest, **changed}), restated)


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
