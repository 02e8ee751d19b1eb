"""Correlation kernels of squared scaled distances: in NumPy for prediction, from gpytorch for training.

Both sides of a kernel must be the same function, or what was fitted is not what is asked; a test holds them
together to 1e-12. Formulas: Rasmussen & Williams (2006), chapter 4. The rational quadratic keeps its shape
parameter at 2, half way between the squared exponential and a heavy-tailed kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from locum.arrays import Array

if TYPE_CHECKING:
    import gpytorch

SHAPE_OF_RATIONAL_QUADRATIC = 2.0


def _rbf(squared_distance: Array) -> Array:
    result = np.multiply(squared_distance, -0.5)
    return np.exp(result, out=result)


def _rational_quadratic(squared_distance: Array) -> Array:
    result = np.multiply(squared_distance, 0.5 / SHAPE_OF_RATIONAL_QUADRATIC)
    result += 1.0
    np.multiply(result, result, out=result)
    return np.reciprocal(result, out=result)


def _matern_three_halves(squared_distance: Array) -> Array:
    distance = np.sqrt(squared_distance)
    distance *= -math.sqrt(3.0)
    decay = np.exp(distance)
    np.subtract(1.0, distance, out=distance)
    distance *= decay
    return distance


def _matern_five_halves(squared_distance: Array) -> Array:
    distance = np.sqrt(squared_distance)
    distance *= -math.sqrt(5.0)
    decay = np.exp(distance)
    polynomial = np.multiply(squared_distance, 5.0 / 3.0)
    polynomial -= distance
    polynomial += 1.0
    polynomial *= decay
    return polynomial


KERNELS: Mapping[str, Callable[[Array], Array]] = {
    "rbf": _rbf,
    "rational-quadratic": _rational_quadratic,
    "matern-5/2": _matern_five_halves,
    "matern-3/2": _matern_three_halves,
}
"""From the smoothest to the roughest: squared scaled distances, any shape, to correlations."""

ROUGHEST = tuple(KERNELS)[-1]


def kernel_slope(name: str, squared_distance: Array) -> Array:
    """Derivative of a kernel with respect to the squared scaled distance, any shape."""
    if name == "rbf":
        return -0.5 * np.exp(-0.5 * squared_distance)
    if name == "rational-quadratic":
        base = 1.0 + squared_distance / (2 * SHAPE_OF_RATIONAL_QUADRATIC)
        return -0.5 / (base * base * base)  # the shape parameter and one: a power costs tenfold
    if name == "matern-3/2":
        return -1.5 * np.exp(-np.sqrt(3.0 * squared_distance))
    distance = np.sqrt(5.0 * squared_distance)
    return -5.0 / 6.0 * (1.0 + distance) * np.exp(-distance)


def gpytorch_correlation(name: str, squared_distance: Array) -> Array:
    """The same kernel for training, from gpytorch in float64: squared scaled distances (m,) to correlations.

    The kernel depends on distances only, so m pairs of a distance and zero are what it is asked for: with the
    pairs of n inputs that is half a matrix, and nothing is spent on finding distances again.
    """
    import torch

    distance = torch.from_numpy(np.sqrt(squared_distance))[:, None]
    with torch.no_grad():  # not the call, which is lazy: its bookkeeping would cost more than the kernel
        correlation = _gpytorch_kernel(name).forward(distance, torch.zeros_like(distance), diag=True)
    return np.asarray(correlation.numpy())


@cache
def _gpytorch_kernel(name: str) -> gpytorch.kernels.Kernel:
    """Of one input in float64. Its lengthscale is one: the exponential of a parameter that starts at zero."""
    import gpytorch
    import torch

    logarithmic = gpytorch.constraints.Positive(transform=torch.exp, inv_transform=torch.log)
    options = {"lengthscale_constraint": logarithmic}
    if name == "rbf":
        kernel = gpytorch.kernels.RBFKernel(**options)
    elif name == "rational-quadratic":
        kernel = gpytorch.kernels.RQKernel(**options).double()
        kernel.initialize(alpha=SHAPE_OF_RATIONAL_QUADRATIC)
    else:
        kernel = gpytorch.kernels.MaternKernel({"matern-5/2": 2.5, "matern-3/2": 1.5}[name], **options)
    return kernel.double()
