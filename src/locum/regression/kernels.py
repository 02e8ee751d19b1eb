"""Correlation kernels of squared scaled distances: in NumPy for prediction, from gpytorch for training.

Both sides of a kernel must be the same function, or what was fitted is not what is asked; a test holds them
together to 1e-12. Formulas: Rasmussen & Williams (2006), chapter 4. The rational quadratic keeps its shape
parameter at 2, half way between the squared exponential and a heavy-tailed kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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


def kernel_slope(name: str, squared_distance: Array) -> Array:
    """Derivative of a kernel with respect to the squared scaled distance, any shape."""
    if name == "rbf":
        return -0.5 * np.exp(-0.5 * squared_distance)
    if name == "rational-quadratic":
        base = 1.0 + squared_distance / (2 * SHAPE_OF_RATIONAL_QUADRATIC)
        return -0.5 * base ** -(SHAPE_OF_RATIONAL_QUADRATIC + 1)
    if name == "matern-3/2":
        return -1.5 * np.exp(-np.sqrt(3.0 * squared_distance))
    distance = np.sqrt(5.0 * squared_distance)
    return -5.0 / 6.0 * (1.0 + distance) * np.exp(-distance)


def gpytorch_kernel(name: str, dimension: int) -> gpytorch.kernels.Kernel:
    """The same kernel for training, in float64, one lengthscale a parameter.

    Its parameter ``raw_lengthscale`` (1, p) is the logarithm of the lengthscales.
    """
    import gpytorch
    import torch

    logarithmic = gpytorch.constraints.Positive(transform=torch.exp, inv_transform=torch.log)
    options = {"ard_num_dims": dimension, "lengthscale_constraint": logarithmic}
    if name == "rbf":
        kernel = gpytorch.kernels.RBFKernel(**options)
    elif name == "rational-quadratic":
        kernel = gpytorch.kernels.RQKernel(**options).double()
        kernel.initialize(alpha=SHAPE_OF_RATIONAL_QUADRATIC)
    else:
        kernel = gpytorch.kernels.MaternKernel({"matern-5/2": 2.5, "matern-3/2": 1.5}[name], **options)
    return kernel.double()
