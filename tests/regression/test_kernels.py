from __future__ import annotations

import gpytorch
import numpy as np
import pytest
import torch

from locum.regression.conditioning import Group, correlation_matrix
from locum.regression.kernels import KERNELS, SHAPE_OF_RATIONAL_QUADRATIC, gpytorch_correlation


def anisotropic(name: str, lengthscale: np.ndarray) -> gpytorch.kernels.Kernel:
    """The kernel as gpytorch users write it: one lengthscale a parameter."""
    options = {"ard_num_dims": len(lengthscale)}
    if name == "rbf":
        kernel = gpytorch.kernels.RBFKernel(**options)
    elif name == "rational-quadratic":
        kernel = gpytorch.kernels.RQKernel(**options)
        kernel.alpha = SHAPE_OF_RATIONAL_QUADRATIC
    else:
        kernel = gpytorch.kernels.MaternKernel({"matern-5/2": 2.5, "matern-3/2": 1.5}[name], **options)
    kernel = kernel.double()
    kernel.lengthscale = torch.from_numpy(lengthscale)
    return kernel


@pytest.mark.parametrize("name", KERNELS)
def test_prediction_and_training_use_the_same_kernel(name: str) -> None:
    generator = np.random.default_rng(0)
    x, other = generator.random((20, 3)), generator.random((15, 3))
    lengthscale = np.array([0.2, 0.7, 3.0])
    expected = anisotropic(name, lengthscale)(torch.from_numpy(x), torch.from_numpy(other)).to_dense()
    predicting = correlation_matrix(x, other, Group((0,), name, 0, lengthscale, 1e-6))
    squared = (((x[:, None] - other) / lengthscale) ** 2).sum(axis=2)
    training = gpytorch_correlation(name, squared.ravel()).reshape(squared.shape)
    np.testing.assert_allclose(predicting, training, rtol=0, atol=1e-12)
    np.testing.assert_allclose(training, expected.detach().numpy(), rtol=0, atol=1e-7)  # set in float32


@pytest.mark.parametrize("name", KERNELS)
def test_training_agrees_with_prediction_at_both_ends(name: str) -> None:
    squared = np.array([0.0, 1e-20, 1e4])
    np.testing.assert_allclose(gpytorch_correlation(name, squared), KERNELS[name](squared), atol=1e-12)


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
