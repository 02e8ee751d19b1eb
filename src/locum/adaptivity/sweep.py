"""The points at which a surrogate's error figure is asked, over the whole parameter distribution."""

from __future__ import annotations

import numpy as np

from locum.arrays import Array
from locum.parameters import ParameterSpace

SWEEP_POINTS = 20_000


def sweep_points(space: ParameterSpace, generator: np.random.Generator, points: int = SWEEP_POINTS) -> Array:
    """Draw the points of one sweep, shape (points, p), in the user's units.

    The draws are independent, not a space-filling design: only then is the number of points within tolerance
    binomial. Every round draws anew, because the next batch is chosen among the points: a sweep that was used
    to choose simulations looks better afterwards than the distribution is.
    """
    return space.sample(points, generator)
