"""The thermal block as other people might write it: not all that they say of it is true."""

from __future__ import annotations

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
