"""Empirical interpolation in its classic, symmetric and rectangular forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.exceptions import FitError
from locum.reduction.empirical_interpolation import empirical_interpolation


def bumps(parameters=60, places=80):
    """1 / (1 + 25 (x - mu)^2): smooth, and separable by nothing."""
    mu, x = np.linspace(-1.0, 1.0, parameters), np.linspace(-1.0, 1.0, places)
    return 1.0 / (1.0 + 25.0 * (mu[:, None] - x) ** 2)


@pytest.mark.parametrize("norm", ["max", "euclidean"])
def test_it_interpolates_at_chosen_places_and_at_chosen_parameters(norm):
    samples = bumps()
    found = empirical_interpolation(samples, max_rank=12, norm=norm)
    interpolant = found.interpolate(samples[:, found.places], samples[found.parameters])
    assert np.abs(interpolant - samples)[:, found.places].max() < 1e-12
    assert np.abs(interpolant - samples)[found.parameters].max() < 1e-12
    sizes = np.abs(interpolant - samples)
    worst = sizes.max() if norm == "max" else np.linalg.norm(sizes, axis=1).max()
    assert worst == pytest.approx(found.errors[-1], rel=1e-6)


def test_the_classic_functions_are_unit_lower_triangular_at_the_places():
    """q_d = remainder / its value at the new place, |q| <= 1 in the maximum norm."""
    samples = bumps()
    found = empirical_interpolation(samples, max_rank=10)
    functions = []
    for rank in range(10):
        row = samples[found.parameters[rank]]
        if rank:
            known = empirical_interpolation(samples, max_rank=rank)
            row = row - known.interpolate(row[None, known.places], samples[known.parameters])[0]
        functions.append(row / row[found.places[rank]])
    table = np.array(functions)[:, found.places].T
    assert np.abs(np.triu(table, 1)).max() < 1e-10
    assert np.diag(table) == pytest.approx(np.ones(10))
    assert np.abs(functions).max() <= 1 + 1e-12
    assert found.lebesgue_constant(samples[found.parameters]) <= 2**10 - 1


@settings(max_examples=20, deadline=None)
@given(rank=st.integers(1, 6), seed=st.integers(0, 1000))
def test_separable_samples_are_exact_after_as_many_steps(rank, seed):
    generator = np.random.default_rng(seed)
    samples = generator.standard_normal((20, rank)) @ generator.standard_normal((rank, 30))
    found = empirical_interpolation(samples, rtol=1e-10)
    assert found.rank == rank
    fresh = generator.standard_normal((3, 20)) @ samples
    interpolant = found.interpolate(fresh[:, found.places], samples[found.parameters])
    assert interpolant == pytest.approx(fresh, abs=1e-7 * np.abs(fresh).max())


def test_transposing_the_samples_gives_the_same_interpolant():
    """In the maximum norm the search pivots fully, which knows no rows from columns."""
    samples = bumps(50, 70) + 0.01 * np.random.default_rng(0).standard_normal((50, 70))
    one, other = empirical_interpolation(samples, max_rank=8), empirical_interpolation(samples.T, max_rank=8)
    assert list(one.parameters) == list(other.places)
    assert list(one.places) == list(other.parameters)
    here = one.interpolate(samples[:, one.places], samples[one.parameters])
    there = other.interpolate(samples.T[:, other.places], samples.T[other.parameters])
    assert here == pytest.approx(there.T, abs=1e-10)


def test_more_places_than_functions_are_fitted_and_a_broken_sensor_is_survived():
    samples = bumps(200, 80)
    found = empirical_interpolation(samples, max_rank=12)
    further = np.union1d(found.places, np.arange(0, 80, 4))
    rectangular = found.with_places(further, samples)
    chosen = samples[found.parameters]
    fitted = rectangular.interpolate(samples[:, further], chosen)
    assert np.abs(fitted - samples)[found.parameters].max() < 1e-10
    assert np.abs(fitted - samples).max() < 3 * found.errors[-1]
    broken = rectangular.without_place(3)
    assert broken.rank == 12
    kept = samples[:, broken.places]
    assert np.abs(broken.interpolate(kept, chosen) - samples).max() < 5 * found.errors[-1]
    fewer = found.without_place(0)
    assert fewer.inverse.shape == (11, 12)
    assert (
        np.abs(
            fewer.interpolate(samples[:, fewer.places], chosen)[:, fewer.places] - samples[:, fewer.places]
        ).max()
        < 1e-8
    )


@pytest.mark.parametrize(
    "samples", [np.zeros((3, 4)), np.full((2, 2), np.nan), np.empty((0, 3)), np.ones(3)], ids=str
)
def test_samples_that_make_no_sense_are_refused(samples):
    with pytest.raises(FitError, match="empirical interpolation"):
        empirical_interpolation(samples)
