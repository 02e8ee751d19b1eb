"""The thermal block as other people might write it: not all that they say of it is true."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from locum.highfidelity import ThermalBlock


class TwiceAsHot(ThermalBlock):
    """Its operators are not those of its simulation."""

    def simulate(self, parameters):
        dataset = super().simulate(parameters)
        return dataset.assign(temperature=2 * dataset["temperature"])


class Hottest(ThermalBlock):
    """One of its quantities is no functional of the solution."""

    def simulate(self, parameters):
        dataset = super().simulate(parameters)
        return dataset.assign(hottest=dataset["temperature"].max())


class Assembled:
    """It hands over its assembled system, and not that it is affine."""

    name, version, solution_field = "assembled", "1", "temperature"

    def __init__(self, blocks=2, cells=4):
        block = ThermalBlock(blocks, cells)
        self.parameters, self.simulate, self.inner_product = (
            block.parameters, block.simulate, block.inner_product,
        )  # fmt: skip
        self.operators, self.free_nodes, self.output_functionals = (
            block.operators, block.free_nodes, block.output_functionals,
        )  # fmt: skip


class Restless(Assembled):
    """Its equations are combined anew where the first block conducts well: the sparsity pattern changes."""

    name = "restless"

    def __init__(self, blocks=2, cells=4):
        super().__init__(blocks, cells)
        assembled = self.operators

        def operators(parameters):
            matrix, load = assembled(parameters)
            if parameters["conductivity_11"] < 0.3:
                return matrix, load
            mixed = sp.eye_array(len(load)) + 0.5 * sp.eye_array(len(load), k=-3)
            return mixed @ matrix, mixed @ load

        self.operators = operators


class Cooling(ThermalBlock):
    """The conductivity of its first block is lower than the parameter says, and may be negative."""

    def affine_coefficients(self, parameters):
        theta, phi = super().affine_coefficients(parameters)
        return theta - 0.9 * np.eye(1, theta.shape[1]), phi

    def coefficient_expressions(self):
        theta, phi = super().coefficient_expressions()
        return (f"{theta[0]} - 0.9", *theta[1:]), phi

    def operators(self, parameters):
        theta, phi = self.affine_coefficients(self.parameters.matrix(parameters))
        matrices, loads = self.affine_operators()
        return sum(factor * part for factor, part in zip(theta[0], matrices, strict=True)), phi[0] @ np.stack(
            loads
        )

    def simulate(self, parameters):
        dataset = super().simulate(parameters)
        matrix, load = self.operators(parameters)
        state = spsolve(sp.csc_matrix(matrix), load)
        field = np.zeros(dataset["temperature"].shape)
        field[self.free_nodes()] = state
        means = {name: ((), row @ state) for name, row in self.output_functionals().items()}
        return dataset.assign(temperature=dataset["temperature"].copy(data=field), **means)
