import tracemalloc

import numpy as np
import pytest

from locum.exceptions import FitError
from locum.reduction import FieldBasis, compressed_ensemble

TIMES = np.linspace(0.0, 2.0, 15)


@pytest.fixture
def ensemble(stiffness):
    def build(snapshots, times=TIMES, rtol=1e-3, **options):
        return compressed_ensemble(
            lambda: np.array_split(snapshots, 3),
            shape=snapshots.shape[1:],
            times=times,
            inner_product=stiffness(50),
            rtol=rtol,
            **options,
        )

    return build


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-8])
def test_coordinates_are_those_of_the_snapshots_up_to_the_drift(trajectories, ensemble, rtol):
    for snapshots, times in ((trajectories(30, TIMES, 50), TIMES), (trajectories(60, TIMES, 50)[:, 9], None)):
        kept = ensemble(snapshots, times, rtol)
        basis = kept.basis()
        difference = (kept.coordinates(basis) - basis.coordinates(snapshots)) * kept.weights[:, None]
        assert np.linalg.norm(difference) <= kept.rows.drift + 1e-7 * rtol
        assert kept.rows.drift <= 0.1 * rtol * np.sqrt(kept.rows.energy)


def test_an_extended_ensemble_is_the_ensemble_read_at_once(trajectories, ensemble):
    snapshots = trajectories(48, TIMES, 50)
    at_once, grown = ensemble(snapshots), ensemble(snapshots[:16])
    for first in (16, 32):
        grown = grown.extended(lambda first=first: [snapshots[first : first + 16]])
    np.testing.assert_allclose(grown.norms, at_once.norms, rtol=1e-12)
    one, other = at_once.basis(), grown.basis()
    assert isinstance(one, FieldBasis)
    assert abs(one.rank - other.rank) <= 1
    _, projection = other.errors(snapshots, other.coordinates(snapshots))
    assert np.sqrt((projection**2).mean()) <= other.truncation_error <= 1e-3
    np.testing.assert_allclose(
        grown.coordinates(other)[:, :4], at_once.coordinates(one)[:, :4], atol=1e-4 * at_once.norms.max()
    )


def test_extending_leaves_the_ensemble_as_it_was(trajectories, ensemble):
    snapshots = trajectories(20, TIMES, 50)
    kept = ensemble(snapshots[:10])
    before = kept.basis().to_arrays()[0]
    kept.extended(lambda: [snapshots[10:]])
    for name, array in kept.basis().to_arrays()[0].items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("transient", [True, False])
def test_one_ensemble_gives_the_bases_of_larger_tolerances(trajectories, ensemble, transient):
    snapshots = trajectories(30, TIMES, 50)
    snapshots, times = (snapshots, TIMES) if transient else (snapshots[:, 9], None)
    kept = ensemble(snapshots, times, 1e-7)
    for rtol in (1e-2, 1e-4):
        basis, own = kept.coarser(rtol).basis(), ensemble(snapshots, times, rtol).basis()
        _, projection = basis.errors(snapshots, kept.coordinates(basis))
        assert abs(basis.rank - own.rank) <= 1
        assert np.sqrt((projection**2).mean()) <= 1.001 * basis.truncation_error <= 1.001 * rtol
    assert kept.coarser(1e-9).rtol == 1e-7


def test_coordinates_in_the_basis_of_an_earlier_round_are_those_of_the_snapshots(trajectories, ensemble):
    snapshots = trajectories(30, TIMES, 50)
    early = ensemble(snapshots[:10])
    later = early.extended(lambda: [snapshots[10:]])
    basis = early.basis()
    expected = basis.coordinates(snapshots)
    np.testing.assert_allclose(later.coordinates(basis), expected, atol=1e-5 * np.abs(expected).max())


def test_snapshots_of_zeros_have_coordinates_of_zero(trajectories, ensemble):
    snapshots = trajectories(12, TIMES, 50)
    snapshots[[0, 7]] = 0.0
    kept = ensemble(snapshots)
    coordinates = kept.coordinates(kept.basis())
    np.testing.assert_allclose(coordinates[[0, 7]], 0.0, atol=1e-15)
    assert np.isfinite(coordinates).all()


def test_a_bad_snapshot_is_named_by_its_place_in_the_whole_ensemble(trajectories, ensemble):
    snapshots = trajectories(12, TIMES, 50)
    kept = ensemble(snapshots[:8])
    snapshots[10, 3, 2] = np.inf
    with pytest.raises(FitError, match="snapshot 10 "):
        kept.extended(lambda: [snapshots[8:]])


def test_memory_is_a_few_modes_and_coefficients_not_the_ensemble(trajectories):
    times, nodes, count = np.linspace(0.0, 1.0, 20), 3000, 60

    def peak(count):
        tracemalloc.start()
        kept = compressed_ensemble(
            lambda: (trajectories(1, times, nodes, seed=seed) for seed in range(count)),
            shape=(20, nodes),
            times=times,
            rtol=1e-3,
        )
        kept.basis()
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    few, many = peak(count // 3), peak(count)
    coefficients = count * 20 * 60 * 8
    assert many < 1.1 * few + 3 * coefficients
    assert many < count * 20 * nodes * 8 / 2
