"""The thermal block as a black box; `benchmarks/accuracy.py` is the long round, over eight seeds."""

import numpy as np
import pytest

from benchmarks import accuracy as script
from locum.highfidelity import ThermalBlock
from locum.parameters import sobol_design

SEED = 1


@pytest.fixture(scope="module")
def accuracy():
    model, generator = ThermalBlock(), np.random.default_rng(SEED)
    design = script.simulated(model, sobol_design(model.parameters, 200, generator))
    held_out = script.simulated(model, model.parameters.sample(script.HELD_OUT, generator))
    return lambda solves: script.accuracy(model, SEED, solves, design, held_out)


def test_200_black_box_solves_reach_one_percent_everywhere(accuracy):
    assert accuracy(200).largest <= 1e-2


def test_100_black_box_solves_reach_two_and_a_half_percent_everywhere(accuracy):
    assert accuracy(100).largest <= 2.5e-2
