"""Designs of experiments: where the first simulations go, before anything is known."""

from __future__ import annotations

import numpy as np

from locum.arrays import Array
from locum.parameters.space import ParameterSpace


def sobol_design(space: ParameterSpace, n: int, generator: np.random.Generator) -> Array:
    """First ``n`` points of a scrambled Sobol sequence, mapped through the space's distribution.

    Scrambling after Owen (1995), so the design is random and reproducible from the generator.

    Returns
    -------
    Array
        Values (n, p) in the user's units. The same seed with a larger ``n`` continues the design.
    """
    from scipy.stats import qmc

    engine = qmc.Sobol(space.dimension, scramble=True, rng=generator)
    points = engine.random_base2(max(1, int(np.ceil(np.log2(max(n, 2))))))[:n]
    return space.quantile(points)
