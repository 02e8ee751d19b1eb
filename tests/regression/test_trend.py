from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from locum.regression.trend import trend_features, trend_size


@given(st.integers(1, 6), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_trend_reproduces_every_polynomial_of_its_degree(dimension: int, degree: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.random((3 * trend_size(dimension, degree), dimension))
    linear = x @ generator.standard_normal(dimension) + 1.0
    features = trend_features(x, degree)
    coefficients = np.linalg.lstsq(features, linear**degree, rcond=None)[0]
    np.testing.assert_allclose(features @ coefficients, linear**degree, atol=1e-8)


@given(st.integers(1, 6))
def test_lower_degrees_are_the_first_columns_of_higher_ones(dimension: int) -> None:
    x = np.random.default_rng(0).random((4, dimension))
    highest = trend_features(x, 2)
    for degree in (0, 1):
        np.testing.assert_array_equal(trend_features(x, degree), highest[:, : trend_size(dimension, degree)])
