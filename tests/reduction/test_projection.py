"""Projection of affine systems: the reduced solution, and a residual norm that follows the true one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from locum.exceptions import ModelError, StorageError
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.gram_schmidt import orthonormal_extension
from locum.reduction.pod import pod
from locum.reduction.projection import Projection, ReducedSystem
from locum.reduction.residual_interpolation import interpolated_residual_norm
from locum.reduction.stability import MinTheta


def line(elements: int = 400) -> AffineSystem:
    """-u'' - mu (x^2 u')' = 1 on the unit interval, u = 0 at its ends, linear elements; X of mu = 0."""
    width = 1.0 / elements
    ends = np.linspace(0.0, 1.0, elements + 1)

    def stiffness(weights):
        diagonal = (weights[:-1] + weights[1:]) / width
        return sp.diags_array(
            [diagonal, -weights[1:-1] / width, -weights[1:-1] / width], offsets=[0, 1, -1]
        ).tocsr()

    squares = (ends[1:] ** 3 - ends[:-1] ** 3) / (3 * width)
    first, second = stiffness(np.ones(elements)), stiffness(squares)
    return AffineSystem((first, second), np.full((1, elements - 1), width), InnerProduct(first))


def coefficients(values):
    return np.stack([np.ones_like(values), values], axis=1), np.ones((len(values), 1))


def true_residual_norms(system, theta, phi, rows):
    """E1: form the residual, solve for its representative."""
    residuals = np.stack(
        [
            right - matrix @ row
            for (matrix, right), row in zip(map(system.assembled, theta, phi), rows, strict=True)
        ]
    )
    return system.dual_norm(residuals)


def classic_residual_norms(projection, theta, phi, coordinates):
    """E2: the Gram matrix of the representatives, and the root of a difference of squares."""
    system = projection.system
    images = system.images(projection.basis).transpose(1, 0, 2).reshape(-1, system.size)
    functionals = np.concatenate([system.vectors, images])
    gram = functionals @ system.riesz(functionals).T
    weights = np.concatenate(
        [phi, -(coordinates[:, :, None] * theta[:, None]).reshape(len(theta), -1)], axis=1
    )
    return np.sqrt(np.abs(np.einsum("mi,ij,mj->m", weights, gram, weights)))


@pytest.fixture(scope="module")
def problem():
    """The line, its POD basis of 80 uniform snapshots, and 200 test parameters with true solutions."""
    system = line()
    theta, phi = coefficients(np.linspace(0.0, 50.0, 80))
    basis = pod(
        lambda: [system.solve(theta, phi)], rtol=1e-14, inner_product=system.inner_product, method="tsqr"
    )
    values = np.random.default_rng(1).uniform(0.0, 50.0, 200)
    theta, phi = coefficients(values)
    return system, basis.vectors, theta, phi, system.solve(theta, phi)


def test_the_classic_residual_stalls_and_the_orthonormal_one_follows(problem):
    """The table of Buhr and others' cure: at 14 modes the error is 3e-11, the classic formula says 1e-8."""
    system, modes, theta, phi, truth = problem
    table = {}
    for rank in (4, 8, 12, 14):
        projection = Projection.start(system).extended(modes[:rank])
        coordinates = projection.reduced.solve(theta, phi)
        rows = projection.expand(coordinates)
        direct = true_residual_norms(system, theta, phi, rows)
        online = projection.reduced.residual_norms(theta, phi, coordinates)
        classic = classic_residual_norms(projection, theta, phi, coordinates)
        errors = system.inner_product.norms(truth - rows)
        table[rank] = [float(np.median(column)) for column in (errors, direct, classic, online)]
        print(rank, *(f"{entry:.1e}" for entry in table[rank]))
        assert (online >= (1 - 1e-6) * errors).all(), "alpha is one: the residual norm is a bound"
    floor = 1e-14 * system.dual_norm(system.vectors)[0] * 1e2
    for _, direct, _, online in table.values():
        assert abs(online - direct) <= 1e-2 * direct + floor
    assert table[14][0] < 1e-10
    assert table[14][3] < 3e-10
    assert table[14][2] > 20 * table[14][3], "the classic formula no longer stalls?"
    assert table[14][2] > 1e-9


def test_the_norm_follows_the_true_residual_within_a_factor_two_to_1e_11(problem):
    system, modes, theta, phi, _ = problem
    scale = system.dual_norm(system.vectors)[0]
    seen = []
    for rank in range(2, 17):
        projection = Projection.start(system).extended(modes[:rank])
        coordinates = projection.reduced.solve(theta, phi)
        direct = true_residual_norms(system, theta, phi, projection.expand(coordinates)) / scale
        online = projection.reduced.residual_norms(theta, phi, coordinates) / scale
        believed = direct > 1e-11
        seen.append(direct.min())
        assert (online[believed] < 2 * direct[believed]).all()
        assert (direct[believed] < 2 * online[believed]).all()
    assert min(seen) < 1e-11


@pytest.mark.parametrize("rank", [8, 12, 14])
def test_norms_at_few_parameters_give_it_everywhere(problem, rank):
    """E4: residual norms only, at as many parameters as the search asks for."""
    system, modes, theta, phi, _ = problem
    projection = Projection.start(system).extended(modes[:rank])
    train = coefficients(np.linspace(0.0, 50.0, 400))
    coordinates = projection.reduced.solve(*train)

    def norms(chosen):
        rows = projection.expand(coordinates[chosen])
        return true_residual_norms(system, train[0][chosen], train[1][chosen], rows)

    estimate = interpolated_residual_norm(*train, coordinates, norms)
    found = projection.reduced.solve(theta, phi)
    direct = true_residual_norms(system, theta, phi, projection.expand(found))
    interpolated = estimate(theta, phi, found)
    print(rank, len(estimate.squares), f"{np.median(direct):.1e} {np.median(interpolated):.1e}")
    assert len(estimate.squares) <= 2 * rank + 4
    assert np.median(interpolated) == pytest.approx(np.median(direct), rel=0.05)
    assert (interpolated < 3 * direct).all()
    assert (interpolated > direct / 3).all()


def test_growing_step_by_step_is_growing_at_once(problem):
    system, modes, theta, phi, _ = problem
    steps = Projection.start(system)
    for first in range(0, 9, 3):
        steps = steps.extended(modes[first : first + 3])
    once = Projection.start(system).extended(modes[:9])
    coordinates = once.reduced.solve(theta, phi)
    assert steps.reduced.solve(theta, phi) == pytest.approx(coordinates, abs=1e-10)
    assert steps.reduced.residual_norms(theta, phi, coordinates) == pytest.approx(
        once.reduced.residual_norms(theta, phi, coordinates), rel=1e-6, abs=1e-12
    )


def test_what_the_basis_holds_is_solved_exactly_and_adds_nothing(problem):
    system, _, theta, phi, truth = problem
    projection = Projection.start(system).extended(truth[:3])
    assert projection.extended(truth[:2]) is projection
    coordinates = projection.reduced.solve(theta[:3], phi[:3])
    assert projection.expand(coordinates) == pytest.approx(truth[:3], rel=1e-9)
    assert projection.reduced.residual_norms(theta[:3], phi[:3], coordinates).max() < 1e-12


def test_a_basis_of_nothing_has_the_right_hand_side_as_residual():
    projection = Projection.start(line(20))
    theta, phi = coefficients(np.array([1.0, 2.0]))
    expected = projection.system.dual_norm(projection.system.vectors)[0]
    found = projection.reduced.residual_norms(theta, phi, np.empty((2, 0)))
    assert found == pytest.approx([expected, expected])


def test_a_non_symmetric_system_is_projected_too():
    system = line(50)
    skew = sp.diags_array([np.ones(48), -np.ones(48)], offsets=[1, -1]).tocsr()
    system = AffineSystem((*system.matrices, skew), system.vectors, system.inner_product)
    generator = np.random.default_rng(3)
    theta, phi = generator.uniform(1.0, 3.0, (12, 3)), np.ones((12, 1))
    truth = system.solve(theta, phi)
    projection = Projection.start(system)
    for row in truth[:8]:
        projection = projection.extended(row[None])
    coordinates = projection.reduced.solve(theta, phi)
    for row in range(12):
        matrix, right = system.assembled(theta[row], phi[row])
        residual = right - matrix @ projection.expand(coordinates)[row]
        assert np.abs(projection.basis @ residual).max() < 1e-10
        norm = projection.reduced.residual_norms(
            theta[row : row + 1], phi[row : row + 1], coordinates[row : row + 1]
        )
        assert norm[0] == pytest.approx(system.dual_norm(residual[None])[0], rel=1e-6, abs=1e-11)


def test_a_batch_is_answered_as_its_rows_are(problem):
    system, modes, *_ = problem
    reduced = Projection.start(system).extended(modes[:6]).reduced
    theta, phi = coefficients(np.linspace(0.0, 50.0, 20_001))
    coordinates = reduced.solve(theta, phi)
    norms = reduced.residual_norms(theta, phi, coordinates)
    for row in (0, 7_000, 20_000):
        one = slice(row, row + 1)
        assert reduced.solve(theta[one], phi[one])[0] == pytest.approx(coordinates[row], rel=1e-12)
        assert reduced.residual_norms(theta[one], phi[one], coordinates[one])[0] == pytest.approx(
            norms[row], rel=1e-6
        )


def test_the_saved_form_answers_the_same_bits(problem):
    system, modes, theta, phi, _ = problem
    reduced = Projection.start(system).extended(modes[:5]).reduced
    again = ReducedSystem.from_arrays(reduced.to_arrays())
    assert (again.solve(theta, phi) == reduced.solve(theta, phi)).all()
    for name in reduced.to_arrays():
        damaged = {key: array for key, array in reduced.to_arrays().items() if key != name}
        with pytest.raises(StorageError, match="cannot be read"):
            ReducedSystem.from_arrays(damaged)


@pytest.mark.parametrize("kind", ["sparse", "diagonal", "euclidean"])
def test_extension_is_orthonormal_and_reproduces_its_rows(products, kind):
    product = products(60)[kind]
    generator = np.random.default_rng(0)
    independent = generator.standard_normal((6, 60))
    close = independent[:1] + 1e-9 * generator.standard_normal((4, 60))
    dependent = independent[:2].sum(axis=0, keepdims=True)
    basis, first = orthonormal_extension(np.empty((0, 60)), independent, product)
    rows = np.concatenate([close, dependent])
    grown, second = orthonormal_extension(basis, rows, product)
    assert len(grown) == 10
    assert np.abs(product.gram(grown) - np.eye(10)).max() < 1e-13
    assert first @ basis == pytest.approx(independent, abs=1e-12)
    assert second @ grown == pytest.approx(rows, abs=1e-12)


def test_min_theta_is_the_smallest_ratio_of_the_parts_that_count():
    theta = np.array([[2.0, 4.0, -9.0], [1.0, 0.5, 3.0]])
    constant = MinTheta(np.array([1.0, 1.0, 0.0]), constant=0.5, parts=(0, 1))
    assert constant.proved
    assert constant(theta, theta) == pytest.approx([1.0, 0.25])
    with pytest.raises(ModelError, match="must be positive"):
        MinTheta(np.array([1.0, 0.0]))


def test_a_singular_system_is_told():
    system = line(10)
    with pytest.raises(ModelError, match="singular"):
        system.solve(np.zeros((1, 2)), np.ones((1, 1)))
