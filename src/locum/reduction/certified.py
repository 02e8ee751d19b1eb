"""A reduced model with its error figure: coordinates of the solution, and how far it can be from the truth.

The figure is a *bound* where the stability constant is proved and the system is the model's own; it is an
*estimate* where the constant is interpolated or the affine form was found by interpolation.

Shapes: m parameter values, p parameters, n reduced coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from locum.arrays import Array
from locum.reduction.projection import ReducedSystem
from locum.reduction.separation import SeparationError
from locum.reduction.stability import StabilityConstant

# theta (m, Q) and phi (m, P) for parameter values (m, p)
Coefficients = Callable[[Array], tuple[Array, Array]]


class Solution(Protocol):
    """What is known of the errors of reduced solutions; arrays of shape (m,)."""

    @property
    def absolute(self) -> Array:
        """Figure of the absolute error."""
        ...

    @property
    def norms(self) -> Array:
        """Norms of the reduced solutions."""
        ...

    @property
    def relative(self) -> Array:
        """Figure of the relative error; infinite where none can be claimed."""
        ...


@dataclass(frozen=True, eq=False)
class CertifiedSolution:
    """Reduced solutions with what is known of their errors.

    Parameters
    ----------
    coordinates
        Shape (m, n), in an X-orthonormal basis.
    residual_norms
        ||r||_{X^-1}, shape (m,).
    stability
        Lower bounds on the stability constant, shape (m,).
    """

    coordinates: Array
    residual_norms: Array
    stability: Array

    @cached_property
    def absolute(self) -> Array:
        """||u - u_n||_X is at most this, shape (m,); infinite where no constant is known."""
        return quotient(self.residual_norms, self.stability)

    @cached_property
    def norms(self) -> Array:
        """||u_n||_X, shape (m,)."""
        return np.asarray(np.sqrt(np.einsum("mn,mn->m", self.coordinates, self.coordinates)))

    @cached_property
    def relative(self) -> Array:
        """||u - u_n||_X / ||u||_X is at most this, shape (m,); infinite where ||u|| may vanish.

        From ||u|| >= ||u_n|| - ||u - u_n||.
        """
        return quotient(self.absolute, self.norms - self.absolute)


def quotient(upper: Array, lower: Array) -> Array:
    """``upper / lower`` (m,) where ``lower`` is positive, else infinite."""
    return np.asarray(np.divide(upper, lower, out=np.full(len(upper), np.inf), where=lower > 0))


@dataclass(frozen=True, eq=False)
class CertifiedModel:
    """From parameter values to reduced coordinates and their error figure.

    Parameters
    ----------
    reduced
        The projected system.
    coefficients
        The functions theta and phi of the parameters.
    stability
        Lower bound on the coercivity or inf-sup constant.
    separation_error
        What the affine form leaves out of the true system, where it was found by interpolation.
    """

    reduced: ReducedSystem
    coefficients: Coefficients
    stability: StabilityConstant
    separation_error: SeparationError | None = None

    @property
    def rank(self) -> int:
        """Number of basis vectors, n."""
        return self.reduced.rank

    @property
    def kind(self) -> Literal["bound", "estimate"]:
        """``bound`` where everything in the figure is proved."""
        return "bound" if self.stability.proved and self.separation_error is None else "estimate"

    def solve(self, values: Array) -> CertifiedSolution:
        """Solve for parameter values (m, p), one or a million.

        Raises
        ------
        numpy.linalg.LinAlgError
            A reduced matrix is singular.
        """
        theta, phi = self.coefficients(values)
        return self._assessed(values, theta, phi, self.reduced.solve(theta, phi))

    def assess(self, values: Array, coordinates: Array) -> CertifiedSolution:
        """What the equations say of coordinates (m, n) that something else predicted in the same basis.

        A regression's fields get their error figure this way, at the price of their residual alone.
        """
        return self._assessed(values, *self.coefficients(values), coordinates)

    def _assessed(self, values: Array, theta: Array, phi: Array, coordinates: Array) -> CertifiedSolution:
        norms = self.reduced.residual_norms(theta, phi, coordinates)
        if self.separation_error is not None:
            norms = norms + self.separation_error.residual(np.linalg.norm(coordinates, axis=1))
        return CertifiedSolution(coordinates, norms, self.stability(values, theta))

    def constants(self, values: Array) -> Array:
        """Stability constants (m,) at parameters (m, p); not positive where none is known."""
        return self.stability(values, self.coefficients(values)[0])

    def residual_directions(self, values: Array) -> Array:
        """Residuals in coordinates of their orthonormal basis, shape (m, k): for choosing several at once."""
        theta, phi = self.coefficients(values)
        return self.reduced.residuals(theta, phi, self.reduced.solve(theta, phi))
