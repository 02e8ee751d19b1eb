from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from locum.parameters import Parameter, ParameterSpace
from locum.parameters.distributions import Normal
from locum.queries import drift

SPACE = ParameterSpace(
    (
        Parameter("x", 0.0, 2.0),
        Parameter("k", 1.0, 100.0, scale="log"),
        Parameter("t", 0.0, 10.0, distribution=Normal(5.0, 1.0)),
    )
)


def test_draws_from_the_study_do_not_drift() -> None:
    found = drift(SPACE, SPACE.sample(2000, np.random.default_rng(1)))
    assert set(found) == {"x", "k", "t"} and not any(each.drifted for each in found.values())


def test_queries_from_a_corner_drift_in_the_parameters_that_are_there() -> None:
    values = SPACE.sample(500, np.random.default_rng(2))
    values[:, 0] = 1.5 + values[:, 0] / 3
    found = drift(SPACE, values)
    assert found["x"].drifted and not found["k"].drifted and not found["t"].drifted
    assert found["x"].outside == pytest.approx(np.mean(values[:, 0] > 2.0))


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    values = np.random.default_rng(3).uniform(0.0, 2.0, (50, 3))
    expected = kstest(values[:, 0] / 2, "uniform")
    found = drift(SPACE, np.column_stack([values[:, 0], 1 + values[:, 1], values[:, 2]]))["x"]
    assert found.distance == pytest.approx(expected.statistic)
    assert found.probability == pytest.approx(min(1.0, 3 * expected.pvalue), rel=1e-6)


def test_without_queries_nothing_is_said() -> None:
    assert drift(SPACE, np.empty((0, 3))) == {}
