"""Training, checking and promotion of one study: what is registered, remembered and refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from locum.errors import Calibration, Tolerance
from locum.execution.candidate import Candidate
from locum.execution.checking import check, crossing
from locum.execution.promotion import promote, restated_champion
from locum.execution.sampling import calibration_samples, training_samples
from locum.execution.status import status_document
from locum.execution.training import checked_surrogate, train, training_data
from locum.execution.workspace import open_workspace
from locum.surrogates import train_interpolated


def test_training_again_on_the_same_simulations_loads_what_is_there(finished_work) -> None:
    before = finished_work.registry.versions()
    assert train(finished_work).version.number == before[-1].number
    assert finished_work.registry.versions() == before


def test_a_worse_candidate_does_not_pass_the_gate(finished_work) -> None:
    champion = finished_work.champion
    data = training_data(finished_work, training_samples(finished_work)[:6])
    poor = train_interpolated(data, finished_work.study.interpolated_options()).surrogate
    manifest = {**champion.version.manifest, "training": 6, "training_set_hash": "of six"}
    checked = checked_surrogate(finished_work, poor, calibration_samples(finished_work), manifest)
    candidate = Candidate(finished_work.registry.register(checked.save, manifest), checked)
    decision = promote(finished_work, candidate)
    assert not decision.promote and decision.reasons
    assert finished_work.registry.champion == champion.version.number
    gate = finished_work.store.document(f"gate {candidate.version.number}")
    assert gate == {"promote": False, "reasons": list(decision.reasons)}


def test_the_champion_needs_no_second_gate(finished_work) -> None:
    assert promote(finished_work, finished_work.champion).promote


def test_versions_of_different_models_are_not_compared(finished_work) -> None:
    champion = finished_work.champion
    foreign = replace(champion, version=replace(champion.version, model_version="0"))
    assert not foreign.comparable(champion) and champion.comparable(champion)


@pytest.mark.parametrize(("tolerance", "kept"), [(2.0, True), (1e-6, False)])
def test_a_champion_that_keeps_other_tolerances_answers_on_under_them(finished_work, tolerance, kept) -> None:
    path, champion = finished_work.study.path, finished_work.champion
    change = [f"accuracy.tolerance={tolerance}"]
    with open_workspace(path, change, alone=False, quiet=True) as work:
        found = restated_champion(work)
        assert (found is not None) is kept
        if found is None:
            return
        assert found.version.number > champion.version.number
        assert found.version.manifest["restated"] == champion.version.number
        field = next(iter(found.checked.description.fields))
        assert found.checked.tolerances[field].value == tolerance
        values = work.space.sample(20, np.random.default_rng(0))
        np.testing.assert_array_equal(
            found.checked.predict(values).figure(field), champion.checked.predict(values).figure(field)
        )
        again = restated_champion(work)
        assert again is not None and again.version.number == found.version.number


def test_with_other_methods_or_as_it_is_no_champion_is_stated_anew(finished_work) -> None:
    assert restated_champion(finished_work) is None
    change = ["accuracy.tolerance=2", "methods.regression.kernel=rbf"]
    with open_workspace(finished_work.study.path, change, alone=False, quiet=True) as work:
        assert restated_champion(work) is None


def test_a_candidate_over_tolerance_does_not_replace_a_champion_within(finished_work) -> None:
    """The same surrogate with figures ten times as large: its errors alone speak for it."""
    champion = finished_work.champion
    assert finished_work.standing.verdict.within
    outputs = {
        name: replace(output, indicators=output.indicators / 1e3, floor=output.floor / 1e3)
        for name, output in champion.checked.calibration.outputs.items()
    }
    checked = replace(champion.checked, calibration=Calibration(outputs))
    manifest = {**champion.version.manifest, "training_set_hash": "of the same"}
    candidate = Candidate(finished_work.registry.register(checked.save, manifest), checked)
    assert not check(finished_work, candidate).verdict.within
    assert promote(finished_work, candidate).reasons == (
        "the champion is within tolerance, the candidate is not",
    )


def test_a_version_checked_twice_is_one_round(finished_work) -> None:
    before = finished_work.rounds()
    check(finished_work, finished_work.champion)
    after = finished_work.rounds()
    assert [entry.number for entry in after] == [entry.number for entry in before]
    assert after[-1].verdict == before[-1].verdict


def test_relative_tolerances_of_what_passes_through_zero_are_found(finished_work) -> None:
    records = calibration_samples(finished_work)
    zero = records[0].quantities["top"]
    shifted = [replace(record, quantities={"top": record.quantities["top"] - zero}) for record in records]
    checked = finished_work.champion.checked
    asked = replace(checked, tolerances={**checked.tolerances, "top": Tolerance(0.01, "relative")})
    assert [crossing(asked, each) for each in (records, shifted, [])] == [(), ("top",), ()]
    assert crossing(checked, shifted) == ()


@pytest.mark.parametrize("override", ["accuracy.tolerance=0.05", "model.version='2'", "seed=4"])
def test_history_is_of_the_model_and_the_tolerances_as_they_are_now(finished_study, override) -> None:
    with open_workspace(finished_study, readonly=True) as work:
        assert work.rounds()
    with open_workspace(finished_study, [override], readonly=True) as work:
        assert work.rounds() == []
        assert status_document(work)["verdict"] == "not yet known"


def test_the_budget_may_change_without_losing_the_history(finished_study) -> None:
    with open_workspace(finished_study, ["budget.simulations=99"], readonly=True) as work:
        assert work.rounds()
