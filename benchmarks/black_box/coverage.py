"""How often figures cover that 25 simulations calibrate, after 25 simulations."""

from __future__ import annotations

import numpy as np

from black_box.held_out import HELD_OUT
from black_box.problems import data_of, of_model
from locum.errors import Tolerance, Truth, calibrate
from locum.highfidelity import ThermalBlock
from locum.parameters import sobol_design
from locum.surrogates import InferredOptions, train_inferred


def coverage() -> dict[str, float]:
    """Studies of 25 simulations and 25 that calibrate: how often the 95 % figure covers 200 other errors."""
    problem = of_model(ThermalBlock(cells=24), "temperature")
    covered = []
    for seed in range(1, 13):
        generator = np.random.default_rng(seed)
        values = sobol_design(problem.space, 25, generator)
        others = problem.space.sample(25 + HELD_OUT, generator)
        data = data_of(problem, values, problem.fields(values), 1e-2)
        surrogate = train_inferred(data, InferredOptions()).surrogate
        truth = problem.fields(others)
        known = Truth(others[:25], {"field": lambda truth=truth: [truth[:25]]}, {})
        calibration = calibrate(
            surrogate, known, coverage=0.95, tolerances={"field": Tolerance(1e-2)}, generator=generator
        ).outputs["field"]
        figures = calibration.figure(surrogate.field_indicator("field", others[25:]))
        errors = surrogate.field_errors("field", others[25:], truth[25:]).total
        covered.append(float(np.mean(errors <= figures)))
    return {"claimed": 0.95, "mean": float(np.mean(covered)), "least": min(covered), "studies": len(covered)}
