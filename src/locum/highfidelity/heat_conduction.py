"""Transient nonlinear heat conduction on triangles: dH(T)/dt = div(k(T) grad T) + source, convection on the
boundary.

Space: linear elements with the nonlinear terms interpolated at the nodes. With Kirchhoff's variable theta(T),
the integral of k, the conduction term is the constant matrix K times theta(T); mass and convection are
lumped. On a mesh without obtuse pairs of angles K has no positive off-diagonal entry, so in continuous
time temperatures keep between those of the fluids.

Time: the two-stage, stiffly accurate, L-stable SDIRK method of order two (Alexander, SIAM J. Numer. Anal. 14
(1977), 1006-1021). It has one step's memory only, so saved times may be graded at will, and it damps the fast
modes of a fine mesh, which Crank-Nicolson would leave ringing. Each stage solves for the enthalpy balance
itself, so energy is conserved to the tolerance of Newton's method, whatever the step.

Newton: the Jacobian in theta is symmetric positive definite on a fixed pattern, K plus a diagonal. Numbered
by reverse Cuthill-McKee once, a blade section has a band so narrow that a banded Cholesky factorisation beats
a sparse one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError
from locum.highfidelity.banded import banded_numbering, solve_banded
from locum.highfidelity.finite_elements import lumped, stiffness
from locum.highfidelity.material import MaterialState, TabulatedMaterial

GAMMA = 1 - 1 / np.sqrt(2)
MAX_ITERATIONS = 30


@dataclass(frozen=True, eq=False)
class ConvectiveSurface:
    """A part of the boundary that exchanges heat with a fluid.

    Parameters
    ----------
    conductance
        Film coefficient times the length that belongs to each node, W/(m K), shape (N,), zero off the
        surface; :func:`film_conductance` makes it.
    fluid_temperature
        Of the time in seconds: one temperature in kelvin or one a node.
    """

    conductance: Array
    fluid_temperature: Callable[[float], Array | float]


def film_conductance(points: Array, edges: AnyArray, film: Array | float) -> Array:
    """Lumped conductance (N,) of boundary edges (E, 2); ``film`` in W/(m2 K) is one number or one a node
    (N,).
    """
    values = np.broadcast_to(film, len(points))
    return lumped(points, edges, values[edges])


@dataclass(frozen=True, eq=False)
class ImplicitBalance:
    """The nonlinear system of one implicit stage: mass H(T) + step (K theta(T) + conductance T) = right-hand
    side.

    All vectors are in the banded numbering. ``stiffness`` is K as sparse CSR, ``band`` its lower band (w + 1,
    N).
    """

    material: TabulatedMaterial
    mass: Array
    stiffness: Any
    band: Array
    conductance: Array
    step: float

    def value(self, temperature: Array) -> Array:
        """Left-hand side, shape (N,)."""
        return self._value(temperature, self.material.evaluate(temperature))

    def correction(self, temperature: Array, right: Array) -> Array:
        """Newton's correction (N,) of ``temperature`` for the right-hand side ``right``."""
        state = self.material.evaluate(temperature)
        matrix = self.step * self.band
        matrix[0] += (self.mass * state.heat_capacity + self.step * self.conductance) / state.conductivity
        residual = right - self._value(temperature, state)
        return np.asarray(solve_banded(matrix, residual) / state.conductivity)

    def solve(self, right: Array, guess: Array, tolerance: float) -> Array:
        """Newton's method from ``guess`` until a correction stays below ``tolerance`` kelvin at every node.

        Raises
        ------
        SimulationError
            No convergence, with the last correction.
        """
        temperature, largest = guess, np.inf
        for _ in range(MAX_ITERATIONS):
            try:
                correction = self.correction(temperature, right)
            except LinAlgError:
                raise SimulationError(
                    "Newton's method met a Jacobian that is not positive definite; "
                    "check film coefficients and mesh"
                ) from None
            temperature = temperature + correction
            largest = float(np.abs(correction).max())
            if largest <= tolerance:
                return temperature
            if not np.isfinite(largest):
                break
        raise SimulationError(
            f"Newton's method did not converge in {MAX_ITERATIONS} iterations: last correction "
            f"{largest:.3g} K, wanted {tolerance:g} K, time step {self.step / GAMMA:.3g} s"
        )

    def _value(self, temperature: Array, state: MaterialState) -> Array:
        flux = self.stiffness @ state.kirchhoff + self.conductance * temperature
        return np.asarray(self.mass * state.enthalpy + self.step * flux)


@dataclass(frozen=True, eq=False)
class HeatConduction:
    """A heat-conducting section.

    Parameters
    ----------
    points, triangles
        Nodes (N, 2) in metres and triangles (M, 3).
    material
        Conductivity and heat capacity as functions of temperature.
    tolerance
        Newton's method stops when its correction is below this many kelvin everywhere.
    """

    points: Array
    triangles: AnyArray
    material: TabulatedMaterial
    tolerance: float = 1e-4

    @cached_property
    def _banded(self) -> tuple[AnyArray, Any, Array, Array]:
        """Numbering, and K, its lower band and the lumped mass in that numbering."""
        matrix = stiffness(self.points, self.triangles)
        numbering = banded_numbering(matrix)
        order = numbering.order
        weights = lumped(self.points, self.triangles)[order]
        return order, matrix[order][:, order].tocsr(), numbering.band(matrix.data), weights

    def balance(self, surfaces: Sequence[ConvectiveSurface], step: float) -> ImplicitBalance:
        """The system of a stage whose implicit step is ``step`` seconds, in the banded numbering."""
        order, matrix, band, weights = self._banded
        conductance = np.sum([surface.conductance for surface in surfaces], axis=0)[order]
        return ImplicitBalance(self.material, weights, matrix, band, conductance, step)

    def transient(
        self,
        initial: Array,
        times: Array,
        surfaces: Sequence[ConvectiveSurface],
        *,
        steps_per_interval: int = 1,
        source: Callable[[float], Array] | None = None,
    ) -> Array:
        """Temperatures (T, N) at the times (T,), the first being the initial one (N,).

        Parameters
        ----------
        initial
            Kelvin, shape (N,).
        times
            Seconds, shape (T,), increasing.
        surfaces
            At least one; what is not covered is insulated.
        steps_per_interval
            Equal time steps from one saved time to the next.
        source
            Heat source of the time, W/m3 at the nodes (N,).

        Raises
        ------
        SimulationError
            Newton's method did not converge, with the time at which.
        """
        order, _, _, weights = self._banded

        def supply(time: float) -> Array:
            heat = sum(surface.conductance * surface.fluid_temperature(time) for surface in surfaces)
            supplied: Array = np.asarray(heat)[order]
            return supplied if source is None else supplied + weights * source(time)[order]

        temperature = np.asarray(initial, dtype=np.float64)[order]
        saved = np.empty((len(times), len(order)))
        saved[0, order] = temperature
        for row, (begin, end) in enumerate(pairwise(times.tolist()), start=1):
            step = (end - begin) / steps_per_interval
            balance = self.balance(surfaces, GAMMA * step)
            for number in range(steps_per_interval):
                try:
                    temperature = self._step(balance, temperature, begin + number * step, step, supply)
                except SimulationError as error:
                    raise SimulationError(
                        f"at {begin + number * step:.4g} s: {error.reason}", error.failure
                    ) from None
            saved[row, order] = temperature
        return saved

    def _step(
        self,
        balance: ImplicitBalance,
        temperature: Array,
        time: float,
        step: float,
        supply: Callable[[float], Array],
    ) -> Array:
        """One SDIRK step: the heat that entered in stage one is known from its own balance, without a new
        evaluation.
        """
        enthalpy = balance.mass * balance.material.evaluate(temperature).enthalpy
        right = enthalpy + balance.step * supply(time + GAMMA * step)
        middle = balance.solve(right, temperature, self.tolerance)
        gained = balance.mass * balance.material.evaluate(middle).enthalpy - enthalpy
        right = enthalpy + (1 - GAMMA) / GAMMA * gained + balance.step * supply(time + step)
        guess = temperature + (middle - temperature) / GAMMA
        return balance.solve(right, guess, self.tolerance)
