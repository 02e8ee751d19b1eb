import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from locum.parameters import Normal, Parameter, ParameterSpace, sobol_design

CUBE = ParameterSpace(tuple(Parameter(name, 0.0, 1.0) for name in "abc"))
MIXED = ParameterSpace(
    (Parameter("a", 0.01, 100.0, scale="log"), Parameter("b", 0.0, 1.0, distribution=Normal(0.5, 0.1)))
)


def design(n, seed=0, space=CUBE):
    return sobol_design(space, n, np.random.default_rng(seed))


@given(st.integers(1, 100), st.integers(0, 100), st.integers(0, 1000))
def test_a_longer_design_continues_a_shorter_one(n, more, seed):
    assert (design(n + more, seed)[:n] == design(n, seed)).all()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 64])
def test_a_design_has_as_many_distinct_points_as_asked(n):
    points = design(n)
    assert points.shape == (n, 3)
    assert len(np.unique(points, axis=0)) == n


def test_every_column_has_one_point_in_each_interval():
    """What makes it a net: with 2^m points every column is stratified."""
    counts = [np.bincount((column * 64).astype(int), minlength=64) for column in design(64).T]
    assert (np.array(counts) == 1).all()


def test_a_design_is_spread_better_than_random_points():
    random = np.random.default_rng(0).random((50, 3))
    assert qmc.discrepancy(design(50)) < 0.5 * qmc.discrepancy(random)


def test_a_design_follows_the_distribution():
    points = design(256, space=MIXED)
    assert MIXED.inside(points).all()
    assert np.median(points[:, 0]) == pytest.approx(1.0, rel=0.1)
    assert points[:, 1].std() == pytest.approx(0.1, rel=0.1)


def test_seeds_make_different_designs():
    assert (design(8, 1) != design(8, 2)).any()
