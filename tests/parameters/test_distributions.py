import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from locum.exceptions import ParameterError
from locum.parameters import LogUniform, Normal, Uniform
from locum.parameters.distributions import distribution_from_dict

probabilities = np.linspace(0.0, 1.0, 101)
DISTRIBUTIONS = [Uniform(), LogUniform(), Normal(2.0, 0.7), Normal(-3.0, 1.0), Normal(30.0, 2.0)]
every_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)


@every_distribution
def test_quantiles_rise_from_one_end_of_the_range_to_the_other(distribution):
    values = distribution.quantile(probabilities, 0.5, 4.0)
    assert (np.diff(values) > 0).all()
    assert values[[0, -1]] == pytest.approx([0.5, 4.0])


@every_distribution
def test_distributions_survive_plain_values(distribution):
    assert distribution_from_dict(distribution.to_dict()) == distribution


@pytest.mark.parametrize(("mean", "deviation"), [(2.0, 0.7), (0.0, 1.0), (9.0, 1.0), (-5.0, 1.0)])
def test_normal_quantiles_are_those_of_the_truncated_normal(mean, deviation):
    lower, upper = 0.5, 4.0
    reference = stats.truncnorm((lower - mean) / deviation, (upper - mean) / deviation, mean, deviation)
    values = Normal(mean, deviation).quantile(probabilities[1:-1], lower, upper)
    assert values == pytest.approx(reference.ppf(probabilities[1:-1]), rel=1e-9)


@given(st.floats(3, 29))
def test_a_range_far_in_one_tail_mirrors_one_in_the_other(away):
    """Mass lies at the end near the mean, with the same digits on both sides."""
    above = Normal(0.0, 1.0).quantile(probabilities, away, away + 1)
    below = Normal(0.0, 1.0).quantile(probabilities, -away - 1, -away)
    assert above == pytest.approx(-below[::-1])
    assert above[50] - away < 1 / away


def test_log_uniform_gives_every_decade_its_share():
    assert LogUniform().quantile(np.array([0.25, 0.5, 0.75]), 1e-2, 1e2) == pytest.approx([0.1, 1.0, 10.0])


@pytest.mark.parametrize(("mean", "deviation"), [(math.nan, 1), (0, 0), (0, -1), (0, math.inf)])
def test_a_normal_that_is_none_is_refused(mean, deviation):
    with pytest.raises(ParameterError, match="a positive standard_deviation"):
        Normal(mean, deviation)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ParameterError, match="distribution 'beta' is unknown; expected one of uniform"):
        distribution_from_dict({"kind": "beta"})
