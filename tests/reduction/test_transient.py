import numpy as np
import pytest

from locum.exceptions import FitError
from locum.reduction import field_basis
from locum.reduction.transient import trapezoid_weights


def test_weights_are_the_trapezoidal_rule_over_the_horizon():
    times = np.array([1.0, 1.5, 4.0, 6.0])
    values = np.array([2.0, -1.0, 3.0, 5.0])
    assert trapezoid_weights(times) @ values == pytest.approx(np.trapezoid(values, times) / 5.0)
    np.testing.assert_array_equal(trapezoid_weights(np.array([3.0])), [1.0])


@pytest.mark.parametrize("times", [[0.0, 0.0], [1.0, 0.0], [0.0, np.nan, 2.0]])
def test_times_that_do_not_increase_are_refused(times):
    with pytest.raises(FitError, match="increase"):
        trapezoid_weights(np.array(times))


def test_a_trajectory_is_fewer_coordinates_than_slices_have_modes(trajectories, stiffness):
    times = np.linspace(0.0, 1.0, 25)
    snapshots = trajectories(60, times, 80)
    basis = field_basis(
        lambda: [snapshots], shape=(25, 80), times=times, inner_product=stiffness(80), rtol=1e-2
    )
    assert basis.rank <= 1.5 * len(basis.space_vectors)
    assert basis.time_functions.shape == (basis.rank, 25, len(basis.space_vectors))


def test_errors_of_space_and_time_add_in_squares_within_the_split(trajectories, stiffness):
    times = np.linspace(0.0, 1.0, 25)
    snapshots, product, rtol = trajectories(60, times, 80), stiffness(80), 1e-2
    basis = field_basis(lambda: [snapshots], shape=(25, 80), times=times, inner_product=product, rtol=rtol)
    space = basis.space_vectors
    in_space = product.gram(snapshots.reshape(-1, 80), space) @ space
    sizes = basis.norms(snapshots)
    space_errors = basis.norms(snapshots - in_space.reshape(snapshots.shape)) / sizes
    both = basis.expand(basis.coordinates(snapshots))
    time_errors = basis.norms(in_space.reshape(snapshots.shape) - both) / sizes
    total = basis.norms(snapshots - both) / sizes
    np.testing.assert_allclose(total**2, space_errors**2 + time_errors**2, rtol=1e-8)
    assert (space_errors**2).mean() <= 0.1 * rtol**2
    assert (total**2).mean() <= basis.truncation_error**2 <= rtol**2


def test_every_level_keeps_its_basis_orthonormal(trajectories, stiffness):
    times = np.array([0.0, 0.05, 0.2, 0.6, 1.0])
    snapshots, product = trajectories(40, times, 60), stiffness(60)
    basis = field_basis(lambda: [snapshots], shape=(5, 60), times=times, inner_product=product, rtol=1e-9)
    np.testing.assert_allclose(
        product.gram(basis.space_vectors), np.eye(len(basis.space_vectors)), atol=1e-12
    )
    functions = basis.time_functions
    gram = np.einsum("mtr,t,ntr->mn", functions, trapezoid_weights(times), functions)
    np.testing.assert_allclose(gram, np.eye(basis.rank), atol=1e-12)
