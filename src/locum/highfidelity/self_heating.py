"""Self-heating of a reactive slab: a model whose steep response fills only a corner of its parameter space.

A slab produces heat by a reaction of Arrhenius type and loses it at its faces (Frank-Kamenetskii, *Diffusion
and Heat Transfer in Chemical Kinetics*, 1969, chapter VII). With u the temperature rise in units of R T_a^2 /
E, x from the middle (0) to a face (1):

    u'' + delta exp(u / (1 + epsilon u)) = 0,    u'(0) = 0,    u'(1) + Biot u(1) = 0.

Below epsilon = 1/4 the slab jumps from a cool to an ignited state (Boddington, Gray and Robinson, Proc. R.
Soc. A 368 (1979), 441-461); above, there is one steady state and it changes smoothly, but near 1/4 within a
narrow band of delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import solve_banded
from scipy.sparse import diags_array

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError, SimulationError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.mesh import Mesh
from locum.parameters import Parameter, ParameterSpace

CODE_VERSION = "1"  # raise it whenever a result could change
MAX_ITERATIONS = 400

PARAMETERS = ParameterSpace(
    (
        Parameter(
            "reaction_rate", 0.2, 1.3, scale="log", description="delta, heat released over heat conducted"
        ),
        Parameter("activation", 0.27, 0.4, description="epsilon, R T_a / E"),
    )
)


@dataclass(frozen=True)
class SelfHeating:
    """The reactive slab; one simulation takes about a millisecond.

    Parameters
    ----------
    cells
        Linear elements from the middle to the face.
    biot
        Heat transfer at the face over conduction in the slab, positive.
    """

    cells: int = 200
    biot: float = 10.0

    def __post_init__(self) -> None:
        if self.cells < 2 or not self.biot > 0:
            raise ModelError(
                f"self_heating: expected cells >= 2 and biot > 0, got {self.cells} and {self.biot}"
            )

    @property
    def name(self) -> str:
        """Name of the model."""
        return "self_heating"

    @property
    def version(self) -> str:
        """Code and options."""
        return f"{CODE_VERSION}-{self.cells}-{self.biot:g}"

    @property
    def parameters(self) -> ParameterSpace:
        """The reaction rate and the inverse activation energy."""
        return PARAMETERS

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Field ``temperature`` in units of the ambient temperature, 1 + epsilon u, its highest and mean
        values.

        Raises
        ------
        ParameterError
            A name missing or unknown.
        SimulationError
            No steady state was found.
        """
        rate, activation = PARAMETERS.matrix(parameters)[0].tolist()
        position = np.linspace(0.0, 1.0, self.cells + 1)
        weights = self._weights
        temperature = 1 + activation * self._rise(rate, activation, weights)
        edges = np.stack([np.arange(self.cells), np.arange(1, self.cells + 1)], axis=1)
        return snapshot(
            Mesh(position, edges, unit=""),
            {"temperature": (temperature, "")},
            {
                "highest_temperature": (float(temperature.max()), ""),
                "mean_temperature": (float(weights @ temperature), ""),
            },
        )

    @property
    def solution_field(self) -> str:
        """The field of the unknowns: ``temperature``."""
        return "temperature"

    def free_nodes(self) -> AnyArray:
        """All nodes, shape (cells + 1,)."""
        return np.arange(self.cells + 1)

    def inner_product(self, field: str) -> Any:
        """Energy of the conduction, exchange at the face included: sparse (n, n)."""
        upper, diagonal, lower = self._conduction
        return diags_array([diagonal, upper[1:], lower[:-1]], offsets=[0, 1, -1]).tocsr()

    def output_functionals(self) -> Mapping[str, Array]:
        """The temperature in the middle, where it is highest, and its mean."""
        return {"highest_temperature": np.eye(1, self.cells + 1)[0], "mean_temperature": self._weights}

    def residual(self, state: Array, parameters: Mapping[str, float]) -> Array:
        """Heat conducted away less heat produced at the nodes, for temperatures (n,): shape (n,)."""
        rate, activation = PARAMETERS.matrix(parameters)[0].tolist()
        rise = (state - 1.0) / activation
        heat = rate * self._weights * np.exp(rise / (1.0 + activation * rise))
        return np.asarray(_tridiagonal_product(self._conduction, rise) - heat)

    def jacobian(self, state: Array, parameters: Mapping[str, float]) -> Any:
        """Derivative of the residual with respect to the temperatures: sparse (n, n)."""
        rate, activation = PARAMETERS.matrix(parameters)[0].tolist()
        rise = (state - 1.0) / activation
        heat = rate * self._weights * np.exp(rise / (1.0 + activation * rise))
        upper, diagonal, lower = self._conduction
        diagonals = [diagonal - heat / (1.0 + activation * rise) ** 2, upper[1:], lower[:-1]]
        return diags_array(diagonals, offsets=[0, 1, -1]).tocsr() / activation

    @cached_property
    def _weights(self) -> Array:
        weights = np.full(self.cells + 1, 1 / self.cells)
        weights[[0, -1]] /= 2
        return weights

    @cached_property
    def _conduction(self) -> Array:
        """Upper, main and lower diagonal of the conduction matrix, (3, n)."""
        conduction = np.zeros((3, self.cells + 1))
        conduction[0, 1:] = conduction[2, :-1] = -self.cells
        conduction[1] = 2 * self.cells
        conduction[1, [0, -1]] = self.cells
        conduction[1, -1] += self.biot
        return conduction

    def _rise(self, rate: float, activation: float, weights: Array) -> Array:
        """Rise u at the nodes: pseudo-transient continuation from the cold slab (Kelley and Keyes, 1998).

        The time step grows with the success of one Newton step a time step, until Newton's method for the
        steady state is left.
        """
        conduction = self._conduction
        rise: Array = np.zeros(self.cells + 1)
        step = 0.05
        for _ in range(MAX_ITERATIONS):
            heat = rate * weights * np.exp(rise / (1 + activation * rise))
            residual = heat - _tridiagonal_product(conduction, rise)
            jacobian = conduction.copy()
            jacobian[1] += weights / step - heat / (1 + activation * rise) ** 2
            correction = solve_banded((1, 1), jacobian, residual, overwrite_ab=True, check_finite=False)
            rise += correction
            largest = float(np.abs(correction).max())
            if largest <= 1e-10 * (1 + float(np.abs(rise).max())) and step > 1e4:
                return rise
            if not np.isfinite(largest):
                break
            step = min(step * (1.7 if largest < 1 else 1.1), 1e8)
        raise SimulationError(
            f"no steady state found in {MAX_ITERATIONS} steps for reaction_rate {rate:g} and activation "
            f"{activation:g}"
        )


def _tridiagonal_product(matrix: Array, vector: Array) -> Array:
    product: Array = matrix[1] * vector
    product[:-1] += matrix[0, 1:] * vector[1:]
    product[1:] += matrix[2, :-1] * vector[:-1]
    return product
