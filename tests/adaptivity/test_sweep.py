import numpy as np

from locum.adaptivity import SWEEP_POINTS, sweep_points
from locum.parameters import Normal, Parameter, ParameterSpace

SPACE = ParameterSpace(
    (Parameter("a", 0.1, 10.0, scale="log"), Parameter("b", 0.0, 1.0, distribution=Normal(0.3, 0.1)))
)


def test_sweep_follows_the_distribution_of_the_parameters():
    points = sweep_points(SPACE, np.random.default_rng(1))
    assert points.shape == (SWEEP_POINTS, 2)
    assert SPACE.inside(points).all()
    assert abs(np.mean(points[:, 0] < 1.0) - 0.5) < 0.02
    assert abs(np.mean(points[:, 1] < 0.3) - 0.5) < 0.02


def test_draws_are_independent():
    """Counts in cells scatter as binomial ones do; those of a space-filling design would scatter far less."""
    points = SPACE.warp(sweep_points(SPACE, np.random.default_rng(2)))
    counts = np.bincount((points[:, 0] * 100).astype(int), minlength=100)
    dispersion = counts.var() / counts.mean()
    assert 0.6 < dispersion < 1.5


def test_the_same_generator_gives_the_same_bits():
    first, second = (sweep_points(SPACE, np.random.default_rng(3)) for _ in range(2))
    assert (first == second).all()
