"""Processor seconds of many answers, and of large fits."""

from __future__ import annotations

import time

import numpy as np

from locum.inference.least_squares import AffineData, Gauge, fit_operators
from locum.inference.operators import InferredOperators


def speed() -> dict[str, float]:
    """Processor seconds of 1e5 answers with 20 coordinates and 4 matrices, and of one large fit."""
    generator = np.random.default_rng(0)
    parts = generator.standard_normal((9, 40, 40))
    operators = InferredOperators(parts @ parts.transpose(0, 2, 1), generator.standard_normal((1, 40)))
    small = InferredOperators(operators.matrices[:4, :20, :20], operators.vectors[:, :20])
    theta = generator.uniform(0.1, 1.0, (100_000, 9))
    ones = np.ones((len(theta), 1))
    started = time.process_time()
    small.solve(theta[:, :4], ones)
    found = {"answers": time.process_time() - started}
    data = AffineData(theta[:300], ones[:300], operators.solve(theta[:300], ones[:300]))
    for name, symmetric in (("general fit", False), ("symmetric fit", True)):
        started = time.process_time()
        fit_operators(data, Gauge(np.ones(9), symmetric), [1e-2, 1e-3, 1e-4])
        found[name] = time.process_time() - started
    return found
