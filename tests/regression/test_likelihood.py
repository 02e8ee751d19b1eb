from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from locum.regression.kernels import KERNELS
from locum.regression.likelihood import ProfiledLikelihood


@pytest.mark.parametrize("degree", [0, 2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_agrees_with_finite_differences(kernel: str, degree: int) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.random((25, 2)), generator.standard_normal((25, 3))
    likelihood = ProfiledLikelihood(x, y, kernel, degree)
    for theta in (np.log([0.3, 0.9, 1e-2]), np.log([0.1, 2.0, 0.3])):
        error = check_grad(lambda t: likelihood(t)[0], lambda t: likelihood(t)[1], theta, epsilon=1e-6)
        assert error < 1e-4 * max(1.0, np.linalg.norm(likelihood(theta)[1]))


def test_value_ignores_the_scale_and_the_trend_of_a_column() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.random((25, 2)), generator.standard_normal((25, 1))
    theta = np.log([0.3, 0.9, 1e-2])
    plain = ProfiledLikelihood(x, y, "matern-5/2", 1)(theta)[0]
    moved = ProfiledLikelihood(x, 1e-6 * (y + 3.0 + 5 * x[:, :1]), "matern-5/2", 1)(theta)[0]
    assert moved == pytest.approx(plain, rel=1e-8)


def test_columns_that_the_trend_explains_have_no_say() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.random((25, 2)), generator.standard_normal((25, 1))
    theta = np.log([0.3, 0.9, 1e-2])
    with_idle = np.hstack([y, np.full((25, 1), 7.0), np.zeros((25, 1)), 2 * x[:, :1]])
    alone = ProfiledLikelihood(x, y, "rbf", 1)
    assert ProfiledLikelihood(x, with_idle, "rbf", 1)(theta)[0] == pytest.approx(alone(theta)[0])
    assert alone.informative
    assert not ProfiledLikelihood(x, with_idle[:, 1:], "rbf", 1).informative
