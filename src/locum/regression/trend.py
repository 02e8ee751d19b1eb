"""Polynomial trends on the unit cube: the mean of universal kriging, and the magnitude of a field."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from locum.arrays import Array

DEGREES = (0, 1, 2)


def trend_size(dimension: int, degree: int) -> int:
    """Number of monomials of at most this degree in ``dimension`` variables."""
    return math.comb(dimension + degree, degree)


def trend_features(x: Array, degree: int) -> Array:
    """Monomials of the centred inputs ``2 x - 1``.

    Parameters
    ----------
    x
        Inputs (q, p), warped to the unit cube.
    degree
        0, 1 or 2.

    Returns
    -------
    Array
        (q, f) with f of :func:`trend_size`: the constant, the p inputs, the p (p + 1) / 2 products. A lower
        degree's features are the first columns of a higher degree's.
    """
    features = np.empty((len(x), trend_size(x.shape[1], degree)))
    features[:, 0] = 1.0
    if degree >= 1:
        p = x.shape[1]
        centred = np.subtract(2.0 * x, 1.0, out=features[:, 1 : p + 1])
        if degree == 2:
            first, second = _pairs(p)
            np.multiply(centred[:, first], centred[:, second], out=features[:, p + 1 :])
    return features


@lru_cache(maxsize=32)
def _pairs(dimension: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.triu_indices(dimension)
