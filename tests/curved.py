"""A nonlinear model whose solution is known: -u'' + strength s(u) = g on (0, 1), u = 0 at the ends.

The load g is made so that u = amplitude sin(pi x) + tilt sin(2 pi x) on the grid. Not all that its relatives
say is true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from locum.highfidelity import Mesh, snapshot
from locum.parameters import Parameter, ParameterSpace

SHAPES = {
    "square": (np.square, lambda u: 2.0 * u),
    "cube": (lambda u: u**3, lambda u: 3.0 * u**2),
    "exponential": (np.exp, np.exp),
    "front": (lambda u: np.tanh(25.0 * (u - 1.0)), lambda u: 25.0 / np.cosh(25.0 * (u - 1.0)) ** 2),
    "root": (np.sqrt, lambda u: 0.5 / np.sqrt(u)),
    "farther root": (lambda u: np.sqrt(u + 0.3), lambda u: 0.5 / np.sqrt(u + 0.3)),
}


@dataclass(frozen=True)
class Curved:
    shape: str = "square"
    strength: float = 2.0
    cells: int = 24

    name, version, solution_field = "curved", "1", "u"
    parameters = ParameterSpace((Parameter("amplitude", 0.5, 1.5), Parameter("tilt", -0.2, 0.2)))

    def exact(self, parameters):
        x = np.linspace(0.0, 1.0, self.cells + 1)
        return parameters["amplitude"] * np.sin(np.pi * x) + parameters["tilt"] * np.sin(2 * np.pi * x)

    def simulate(self, parameters):
        x, u = np.linspace(0.0, 1.0, self.cells + 1), self.exact(parameters)
        u[[0, -1]] = 0.0
        edges = np.stack([np.arange(self.cells), np.arange(1, self.cells + 1)], axis=1)
        return snapshot(Mesh(x, edges, unit=""), {"u": (u, "")}, {"mean": (float(u.mean()), "")})

    def free_nodes(self):
        return np.arange(1, self.cells)

    def inner_product(self, field):
        diagonal = np.full(self.cells + 1, 2.0 * self.cells)
        beside = np.full(self.cells, -1.0 * self.cells)
        return sp.diags_array([diagonal, beside, beside], offsets=[0, 1, -1]).tocsr()

    def output_functionals(self):
        return {"mean": np.full(self.cells - 1, 1.0 / (self.cells + 1))}

    def residual(self, state, parameters):
        truth, inside = self.exact(parameters)[1:-1], slice(1, -1)
        bent = SHAPES[self.shape][0]
        change = self.inner_product("u")[inside, inside] @ (state - truth)
        return change + self.strength / self.cells * (bent(state) - bent(truth))

    def jacobian(self, state, parameters):
        slope = SHAPES[self.shape][1](state)
        return self.inner_product("u")[1:-1, 1:-1] + sp.diags_array(self.strength / self.cells * slope)


class Halved(Curved):
    """Its Jacobian is not the derivative of its residual."""

    def jacobian(self, state, parameters):
        return super().jacobian(state, parameters) / 2.0


class Elsewhere(Curved):
    """Its residual does not vanish at its simulation."""

    def residual(self, state, parameters):
        return super().residual(state - 0.1, parameters)


class Floating(Curved):
    """One of its equations is missing."""

    def residual(self, state, parameters):
        return self._kept * super().residual(state, parameters)

    def jacobian(self, state, parameters):
        return sp.diags_array(self._kept) @ super().jacobian(state, parameters)

    @property
    def _kept(self):
        kept = np.ones(self.cells - 1)
        kept[3] = 0.0
        return kept
