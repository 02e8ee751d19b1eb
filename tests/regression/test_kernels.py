from __future__ import annotations

import numpy as np
import pytest
import torch

from locum.regression.conditioning import Group, correlation_matrix
from locum.regression.kernels import KERNELS, gpytorch_kernel


@pytest.mark.parametrize("name", KERNELS)
def test_prediction_and_training_use_the_same_kernel(name: str) -> None:
    generator = np.random.default_rng(0)
    x, other = generator.random((20, 3)), generator.random((15, 3))
    lengthscale = np.array([0.2, 0.7, 3.0])
    trained = gpytorch_kernel(name, 3)
    trained.raw_lengthscale.data = torch.from_numpy(np.log(lengthscale))[None]
    expected = trained(torch.from_numpy(x), torch.from_numpy(other)).to_dense().detach().numpy()
    mine = correlation_matrix(x, other, Group((0,), name, 0, lengthscale, 1e-6))
    np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_is_one_at_zero_and_falls(name: str) -> None:
    values = KERNELS[name](np.linspace(0.0, 30.0, 200))
    assert values[0] == 1.0
    assert (np.diff(values) < 0).all()
    assert values[-1] > 0


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_leaves_its_argument_alone(name: str) -> None:
    squared = np.linspace(0.0, 2.0, 5)
    KERNELS[name](squared)
    np.testing.assert_array_equal(squared, np.linspace(0.0, 2.0, 5))
