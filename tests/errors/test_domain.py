import numpy as np
import pytest
from scipy.spatial import cKDTree

from locum.errors import Domain, domain_of
from locum.highfidelity import Mesh
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.surrogates import Description


class Trained:
    """Knows where it was trained, and nothing else."""

    def __init__(self, space, values):
        self.description = Description(space, {}, {}, Mesh(np.zeros((1, 1))))
        self._tree = cKDTree(space.warp(values))

    def distance(self, values):
        return self._tree.query(self.description.space.warp(values))[0]


def box(dimension):
    return ParameterSpace(tuple(Parameter(f"p{j}", 0.0, 1.0) for j in range(dimension)))


@pytest.mark.parametrize("dimension", [1, 2, 4, 6, 9])
@pytest.mark.parametrize("n", [20, 100])
def test_inside_a_sampled_box_nearly_everything_is_inside(dimension, n):
    space = box(dimension)
    surrogate = Trained(space, sobol_design(space, n, np.random.default_rng(1)))
    domain = domain_of(surrogate, np.random.default_rng(2))
    values = space.sample(4000, np.random.default_rng(3))
    assert domain.contains(values, surrogate.distance(values)).mean() > 0.998


def test_a_hole_left_by_failed_simulations_is_outside():
    space = box(2)
    design = sobol_design(space, 200, np.random.default_rng(1))
    hole = np.linalg.norm(design - 0.5, axis=1) < 0.18
    surrogate = Trained(space, design[~hole])
    domain = domain_of(surrogate, np.random.default_rng(2))
    centre = np.array([[0.5, 0.5]])
    assert not domain.contains(centre, surrogate.distance(centre))[0]
    (reason,) = domain.reasons(centre, surrogate.distance(centre))
    assert reason.startswith("no training sample near")


def test_reasons_name_parameter_value_range_and_unit(space):
    domain = Domain(space, 1.0)
    values = np.array([[1900.0, 1.0], [1500.0, 1.0], [1200.0, 20.0]])
    inside = domain.contains(values, np.zeros(3))
    assert inside.tolist() == [False, True, False]
    assert domain.reasons(values, np.zeros(3)) == (
        "gas_temperature = 1900 K is above 1700 K",
        "",
        "gas_temperature = 1200 K is below 1300 K; film = 20 is above 10",
    )


def test_the_ends_of_the_ranges_are_inside_and_no_number_is_not(space):
    domain = Domain(space, 1.0)
    ends = np.stack([space.lower, space.upper])
    assert domain.contains(ends, np.zeros(2)).all()
    assert not domain.contains(ends, np.full(2, np.nan)).any()
