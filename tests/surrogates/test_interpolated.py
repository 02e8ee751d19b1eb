import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.exceptions import StorageError
from locum.surrogates import load_surrogate, read_saved, write_saved
from locum.surrogates.saved import Saved


def test_held_out_fields_and_quantities_are_close(bump):
    values = bump.space.sample(100, np.random.default_rng(3))
    fields, quantities = bump.simulate(values)
    for name, snapshots in fields.items():
        errors = bump.surrogate.field_errors(name, values, snapshots)
        predicted = bump.surrogate.expand(name, bump.surrogate.coordinates(name, values))
        by_hand = np.linalg.norm((predicted - snapshots).reshape(100, -1), axis=1)
        assert np.median(errors.total) < 0.02
        assert np.all(errors.projection <= errors.total)
        if name == "flux":  # a diagonal constant inner product: the norm is the plain one up to a factor
            assert errors.total == pytest.approx(
                by_hand / np.linalg.norm(snapshots.reshape(100, -1), axis=1), rel=1e-6
            )
    assert np.median(np.abs(bump.surrogate.quantity_values(values)[:, 0] - quantities["hottest"])) < 1.0


def test_indicators_hold_the_truncation_and_vanish_towards_it_at_training_samples(bump):
    truncation = bump.surrogate.fields["temperature"].basis.truncation_error
    here = bump.surrogate.field_indicator("temperature", bump.data.values)
    away = bump.surrogate.field_indicator("temperature", bump.space.sample(200, np.random.default_rng(4)))
    assert here.min() >= truncation
    assert away.min() >= truncation
    assert np.median(here) < np.median(away)


def test_points_that_are_running_lower_indicators_and_leave_answers(bump):
    values = bump.space.sample(5, np.random.default_rng(5))
    conditioned = bump.surrogate.conditioned_on(values)
    assert conditioned.quantity_values(values) == pytest.approx(
        bump.surrogate.quantity_values(values), rel=1e-9
    )
    assert conditioned.coordinates("flux", values) == pytest.approx(
        bump.surrogate.coordinates("flux", values), rel=1e-9, abs=1e-9
    )
    before = bump.surrogate.quantity_indicators(values)
    after = conditioned.quantity_indicators(values)
    assert np.all(after < before)
    assert np.all(
        conditioned.field_indicator("temperature", values)
        <= bump.surrogate.field_indicator("temperature", values)
    )


def test_what_an_acquisition_looks_at_is_that_of_the_outputs_asked_for(bump):
    surrogate, outputs = bump.surrogate, ("temperature", "flux", "hottest", "mean_end")
    for measure in (surrogate.surprise, surrogate.inverse_lengthscales):
        each = np.array([measure({name}) for name in outputs])
        assert measure(set(outputs)) == pytest.approx(each.max(axis=0))
        assert not np.allclose(each[0], each[2])
    error, deviation = surrogate.regression.leave_one_out()
    assert surrogate.surprise({"mean_end"}) == pytest.approx(np.abs(error[:, 1]) / deviation[:, 1])


@settings(max_examples=25)
@given(q=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_queries_together_answer_as_they_do_alone(bump, q, seed):
    values = bump.space.sample(q, np.random.default_rng(seed))
    for ask in (bump.surrogate.quantity_values, bump.surrogate.quantity_indicators):
        together = ask(values)
        alone = np.concatenate([ask(value[None]) for value in values]) if q else np.empty((0, 2))
        assert together == pytest.approx(alone, rel=1e-6, abs=1e-9)


@pytest.mark.filterwarnings("error")
def test_far_outside_numbers_stay_numbers(bump):
    values = np.array([[-1.0, 1e300, -1e300], [0.0, -1e9, 1e9], [1e12, 0.0, 0.0]])
    assert np.isfinite(bump.surrogate.quantity_values(values)).all()
    assert np.isfinite(bump.surrogate.quantity_indicators(values)).all()
    assert np.isfinite(bump.surrogate.distance(values)).all()
    assert not np.isnan(bump.surrogate.field_indicator("flux", values)).any()


def test_saved_and_loaded_answers_are_the_same_bits(bump, tmp_path):
    bump.surrogate.save(tmp_path)
    loaded = load_surrogate(tmp_path)
    values = bump.space.sample(30, np.random.default_rng(6))
    assert np.array_equal(bump.surrogate.quantity_values(values), loaded.quantity_values(values))
    assert np.array_equal(bump.surrogate.quantity_indicators(values), loaded.quantity_indicators(values))
    for name in bump.description.fields:
        coordinates = bump.surrogate.coordinates(name, values)
        assert np.array_equal(coordinates, loaded.coordinates(name, values))
        assert np.array_equal(bump.surrogate.expand(name, coordinates), loaded.expand(name, coordinates))
        assert np.array_equal(
            bump.surrogate.field_indicator(name, values), loaded.field_indicator(name, values)
        )
    assert np.array_equal(bump.surrogate.distance(values), loaded.distance(values))
    assert loaded.description.space.to_dict() == bump.description.space.to_dict()
    assert loaded.description.fields == bump.description.fields
    assert loaded.description.quantities == bump.description.quantities
    assert loaded.description.mesh.hash == bump.description.mesh.hash


def test_saving_twice_gives_the_same_bytes(bump, tmp_path):
    bump.surrogate.save(tmp_path / "a")
    load_surrogate(tmp_path / "a").save(tmp_path / "b")
    for name in ("surrogate.json", "surrogate.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_unknown_kind_is_refused(bump, tmp_path):
    bump.surrogate.save(tmp_path)
    saved = read_saved(tmp_path, "surrogate")
    write_saved(tmp_path, "surrogate", Saved("oracle", saved.content, saved.arrays))
    with pytest.raises(StorageError, match="kind 'oracle' is unknown; expected interpolated"):
        load_surrogate(tmp_path)
