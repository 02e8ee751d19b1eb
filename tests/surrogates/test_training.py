from dataclasses import replace

import numpy as np
import pytest

from locum.surrogates import InterpolatedOptions, train_interpolated


def test_truncation_takes_no_more_than_its_share_of_the_tolerance(bump):
    data = bump.training_data(16)
    fields, _ = bump.simulate(data.values)
    for share in (0.05, 0.5):
        trained = train_interpolated(data, InterpolatedOptions(truncation_share=share))
        for name, snapshots in fields.items():
            _, projection = trained.surrogate.field_errors(name, data.values, snapshots)
            allowed = share * data.fields[name].tolerance
            assert np.sqrt(np.mean(projection**2)) <= 1.01 * allowed
            assert trained.statistics.fields[name].truncation_error <= 1.01 * allowed


def test_fewer_coordinates_than_the_tolerance_needs_are_owned_up_to(bump):
    trained = train_interpolated(bump.data, InterpolatedOptions(max_rank=1))
    statistics = trained.statistics.fields["temperature"]
    fields, _ = bump.simulate(bump.data.values)
    _, projection = trained.surrogate.field_errors("temperature", bump.data.values, fields["temperature"])
    assert statistics.rank == 1
    assert statistics.truncation_error >= 0.99 * np.sqrt(np.mean(projection**2)) > 0.01


def test_statistics_hold_one_error_a_sample(bump):
    statistics = bump.trained.statistics
    assert statistics.n == 30
    assert statistics.fields["flux"].leave_one_out.shape == (30,)
    assert statistics.quantities["hottest"].shape == (30,)
    assert set(statistics.seconds) == {"basis", "regression"}
    assert np.all(np.diff(statistics.fields["temperature"].singular_values) <= 0)


def test_training_twice_gives_the_same_bits(bump):
    data, options = bump.training_data(16), InterpolatedOptions(max_rank=4)
    first, second = (train_interpolated(data, options).surrogate for _ in range(2))
    values = bump.space.sample(20, np.random.default_rng(1))
    assert np.array_equal(first.quantity_values(values), second.quantity_values(values))
    assert np.array_equal(first.quantity_indicators(values), second.quantity_indicators(values))
    assert np.array_equal(first.coordinates("flux", values), second.coordinates("flux", values))


def test_a_warm_start_is_as_accurate(bump):
    warm = train_interpolated(bump.training_data(36), InterpolatedOptions(), start=bump.surrogate).surrogate
    values = bump.space.sample(50, np.random.default_rng(2))
    fields, quantities = bump.simulate(values)
    assert np.median(warm.field_errors("temperature", values, fields["temperature"]).total) < 0.01
    assert np.median(np.abs(warm.quantity_values(values)[:, 1] / quantities["mean_end"] - 1)) < 1e-3


def test_a_start_with_other_outputs_is_no_obstacle(bump):
    data, options = bump.training_data(16), InterpolatedOptions(max_rank=1)
    narrower = replace(bump.description, fields={}, quantities={"mean_end": "K"})
    start = train_interpolated(replace(data, description=narrower), options).surrogate
    trained = train_interpolated(data, options, start=start)
    assert trained.surrogate.quantity_values(data.values).shape == (16, 2)


def test_fields_or_quantities_alone_are_enough(bump):
    data, options = bump.training_data(16), InterpolatedOptions(max_rank=1)
    no_fields = replace(data, description=replace(bump.description, fields={}))
    surrogate = train_interpolated(no_fields, options).surrogate
    assert surrogate.distance(data.values[:3]) == pytest.approx(0.0, abs=1e-6)
    no_quantities = replace(data, description=replace(bump.description, quantities={}))
    surrogate = train_interpolated(no_quantities, options).surrogate
    assert surrogate.quantity_indicators(data.values).shape == (16, 0)


def test_snapshots_that_do_not_match_the_samples_are_refused(bump):
    with pytest.raises(ValueError, match="30 snapshots for 29 simulations"):
        train_interpolated(replace(bump.data, values=bump.data.values[1:]), InterpolatedOptions())


def test_a_field_that_is_always_zero_is_answered_and_certain_of_it(bump):
    data = bump.training_data(16)
    zeros = replace(data.fields["flux"], blocks=lambda: [np.zeros((16, 41, 2))])
    trained = train_interpolated(
        replace(data, fields={**data.fields, "flux": zeros}), InterpolatedOptions()
    ).surrogate
    values = data.description.space.sample(9, np.random.default_rng(0))
    assert not trained.expand("flux", trained.coordinates("flux", values)).any()
    assert not trained.field_indicator("flux", values).any()
    assert not np.concatenate(trained.field_errors("flux", values, np.zeros((9, 41, 2)))).any()
