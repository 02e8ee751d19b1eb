import numpy as np
import pytest
from scipy import sparse

from locum.reduction import InnerProduct


@pytest.fixture
def stiffness():
    """A sparse, positive definite matrix of condition about 40, as a function of its size."""

    def build(size):
        diagonals = [np.full(size - 1, -1.0), np.full(size, 2.1), np.full(size - 1, -1.0)]
        return InnerProduct(sparse.diags_array(diagonals, offsets=[-1, 0, 1]))

    return build


@pytest.fixture
def products(stiffness):
    """One inner product of each kind, by name, on ``size`` values."""

    def build(size):
        return {
            "sparse": stiffness(size),
            "diagonal": InnerProduct(np.linspace(0.5, 2.0, size)),
            "euclidean": InnerProduct(),
        }

    return build


@pytest.fixture
def decaying():
    """Rows with known singular values in a given inner product: those of the list, in random directions."""

    def build(values, count, product, size, seed=0):
        generator = np.random.default_rng(seed)
        values = np.asarray(values)
        left = np.linalg.qr(generator.standard_normal((count, len(values))))[0]
        right = np.linalg.qr(generator.standard_normal((size, len(values))))[0].T
        matrix = product.gram(np.eye(size))
        right = np.linalg.solve(np.linalg.cholesky(matrix).T, right.T).T
        return (left * values) @ right

    return build


@pytest.fixture
def trajectories():
    """Smooth fields of six parameters on a line with a front that moves, shape (n, T, N)."""

    def build(count, times, nodes, seed=0):
        generator = np.random.default_rng(seed)
        parameters = generator.uniform(0.2, 1.0, (count, 1, 1, 4))
        x = np.linspace(0.0, 1.0, nodes)[None, None, :]
        t = np.asarray(times)[None, :, None]
        a, b, c, d = np.moveaxis(parameters, -1, 0)
        return (
            (1.0 - np.exp(-3.0 * t * a)) * np.exp(-((x - b) ** 2) / (0.1 + 0.3 * c))
            + np.exp(-t / c) * np.sin(np.pi * x * (1.0 + d))
            + 0.3 / (1.0 + np.exp(10.0 * (x - t * a)))
        )

    return build
