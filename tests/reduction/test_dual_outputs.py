"""Dual-weighted outputs: exact with an exact dual, within their bound with a reduced one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from locum.exceptions import StorageError
from locum.reduction import InnerProduct
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import CertifiedSolution
from locum.reduction.dual_outputs import DualOutput, dual_output
from locum.reduction.projection import Projection

SIZE = 60


@pytest.fixture(scope="module")
def problem():
    """Diffusion of two parts, a skew part that breaks symmetry, an output on a third of the line."""
    generator = np.random.default_rng(0)
    line = sp.diags_array([2.0 * np.ones(SIZE), -np.ones(SIZE - 1), -np.ones(SIZE - 1)], offsets=[0, 1, -1])
    bump = sp.diags_array(np.exp(-(np.linspace(-3, 3, SIZE) ** 2)))
    skew = sp.diags_array([np.ones(SIZE - 1), -np.ones(SIZE - 1)], offsets=[1, -1])
    parts = (line.tocsr(), bump.tocsr(), skew.tocsr())
    system = AffineSystem(parts, np.ones((1, SIZE)), InnerProduct(line))
    functional = np.zeros(SIZE)
    functional[:20] = 1.0
    theta = generator.uniform(0.1, 1.0, (300, 3))
    theta[:, 0] = 1.0  # coercive with constant one
    return system, functional, theta, np.ones((300, 1))


def projections(problem, primal, dual):
    system, functional, theta, phi = problem
    adjoint = system.adjoint(functional)
    return (
        Projection.start(system).extended(system.solve(theta[:primal], phi[:primal])),
        Projection.start(adjoint).extended(adjoint.solve(theta[:dual], phi[:dual])),
    )


def evaluated(problem, primal, dual):
    _, _, theta, phi = problem
    coordinates = primal.reduced.solve(theta, phi)
    norms = primal.reduced.residual_norms(theta, phi, coordinates)
    output = dual_output(primal, dual)
    return output, output.evaluate(theta, phi, CertifiedSolution(coordinates, norms, np.ones(len(theta))))


def test_an_exact_dual_gives_the_exact_output(problem):
    system, functional, theta, phi = problem
    primal, dual = projections(problem, 3, 20)
    truth = system.solve(theta[:20], phi[:20]) @ functional
    coordinates = primal.reduced.solve(theta[:20], phi[:20])
    plain = coordinates @ (primal.basis @ functional)
    _, (value, _) = evaluated(problem, primal, dual)
    assert np.abs(plain / truth - 1).max() > 1e-4
    assert value[:20] == pytest.approx(truth, rel=1e-10)


@pytest.mark.parametrize("rank", [2, 4, 8, 12])
def test_the_bound_holds_and_falls_twice_as_fast_as_the_field(problem, rank):
    system, functional, theta, phi = problem
    primal, dual = projections(problem, rank, rank)
    truth = system.solve(theta, phi) @ functional
    _, (value, figure) = evaluated(problem, primal, dual)
    errors = np.abs(value - truth)
    plain = np.abs(primal.reduced.solve(theta, phi) @ (primal.basis @ functional) - truth)
    norms = primal.reduced.residual_norms(theta, phi, primal.reduced.solve(theta, phi))
    print(
        rank, f"{np.median(plain):.1e} {np.median(errors):.1e} {np.median(figure):.1e} {np.median(norms):.1e}"
    )
    assert (errors <= figure).all()
    assert np.median(errors) < 0.3 * np.median(plain) or np.median(plain) < 1e-12
    # |l . e| <= ||l|| ||r|| / alpha is all that is known without the dual
    undualled = system.dual_norm(functional[None])[0] * norms
    assert np.median(figure) < 0.5 * np.median(undualled)


def test_without_a_stability_constant_nothing_is_claimed(problem):
    _, _, theta, phi = problem
    primal, dual = projections(problem, 3, 3)
    coordinates = primal.reduced.solve(theta, phi)
    found = dual_output(primal, dual).evaluate(
        theta, phi, CertifiedSolution(coordinates, np.ones(300), np.zeros(300))
    )
    assert np.isinf(found.figure).all()


def test_the_saved_form_answers_the_same_bits(problem):
    primal, dual = projections(problem, 4, 4)
    output, (value, figure) = evaluated(problem, primal, dual)
    again = DualOutput.from_arrays(output.to_arrays())
    _, _, theta, phi = problem
    coordinates = primal.reduced.solve(theta, phi)
    norms = primal.reduced.residual_norms(theta, phi, coordinates)
    repeated = again.evaluate(theta, phi, CertifiedSolution(coordinates, norms, np.ones(300)))
    assert (repeated.value == value).all()
    assert (repeated.figure == figure).all()
    with pytest.raises(StorageError, match="'functional' is missing"):
        DualOutput.from_arrays({k: v for k, v in output.to_arrays().items() if k != "functional"})
