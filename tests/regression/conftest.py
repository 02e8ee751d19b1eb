"""A small field with the character of the thermal block: rational, norms over a decade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from locum.arrays import Array
from locum.parameters import Parameter, ParameterSpace, sobol_design


@dataclass(frozen=True)
class FieldCase:
    """Designs in the unit cube (n, p), held-out points (q, p), and coordinates of both in one basis."""

    x: Array
    coordinates: Array
    x_new: Array
    coordinates_new: Array


def _conduction(conductivities: Array, nodes: int = 60) -> Array:
    """Temperatures of a rod of four materials, heated evenly, by finite differences."""
    fields = []
    for row in conductivities:
        between = np.repeat(row, nodes // 4 + 1)[: nodes + 1]
        matrix = np.diag(between[:-1] + between[1:]) - np.diag(between[1:-1], 1) - np.diag(between[1:-1], -1)
        fields.append(np.linalg.solve(matrix, np.full(nodes, 1.0 / nodes**2)))
    return np.array(fields)


@pytest.fixture(scope="session")
def rod() -> FieldCase:
    space = ParameterSpace(tuple(Parameter(f"k{i}", 0.1, 1.0, scale="log") for i in range(1, 5)))
    values = sobol_design(space, 80, np.random.default_rng(0))
    held_out = space.sample(60, np.random.default_rng(1))
    snapshots, new = _conduction(values), _conduction(held_out)
    basis = np.linalg.svd(snapshots, full_matrices=False)[2][:7]
    return FieldCase(space.warp(values), snapshots @ basis.T, space.warp(held_out), new @ basis.T)
