"""Stability constants: how large an error a residual can hide.

With alpha(mu) a lower bound on the coercivity constant (or the inf-sup constant) of A(mu) in the norm of X,

    ||u - u_n||_X <= ||f - A u_n||_{X^-1} / alpha(mu).

A constant that is proved makes this a bound; one that is interpolated makes it an estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.parameters import ParameterSpace


class StabilityConstant(Protocol):
    """A function of the parameters and of the coefficients theta that they make."""

    @property
    def proved(self) -> bool:
        """Whether the constant is a proved lower bound; otherwise figures that rest on it are estimates."""
        ...

    def __call__(self, values: Array, theta: Array) -> Array:
        """Constant (m,) for parameters (m, p) and coefficients (m, Q); not positive where none is known."""
        ...


@dataclass(frozen=True, eq=False)
class MinTheta:
    """The min-theta bound: alpha(mu) >= alpha(mu_ref) min_q theta_q(mu) / theta_q(mu_ref).

    It holds where the symmetric part of each A_q is positive semidefinite and each theta_q is positive:
    A(mu) is then at least the minimum times A(mu_ref) (Patera and Rozza, *Reduced Basis Approximation and a
    posteriori Error Estimation for Parametrized PDEs*, 2007, section 4.2.2). A part that can only help may
    be left out: one that is semidefinite and whose coefficient is never negative, and one whose symmetric
    part is zero, such as advection by a divergence-free flow between essential conditions, whatever its
    coefficient.

    Parameters
    ----------
    reference
        theta(mu_ref), shape (Q,), positive where ``parts`` says so.
    constant
        alpha(mu_ref): one where X is A(mu_ref).
    parts
        Which terms count, shape (l,); None for all.
    helping
        Those among the others that are left out because they are semidefinite: nothing is claimed where the
        coefficient of one is negative.
    """

    proved: ClassVar[bool] = True

    reference: Array
    constant: float = 1.0
    parts: tuple[int, ...] | None = None
    helping: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        counted = self.reference[self._columns]
        if not (counted > 0).all() or not self.constant > 0:
            raise ModelError(
                "min-theta: coefficients and coercivity constant at the reference must be positive, got "
                f"{np.array2string(counted, precision=3)} and {self.constant:.3g}"
            )

    def __call__(self, values: Array, theta: Array) -> Array:
        """Lower bound, shape (m,), for coefficients (m, Q); not positive where a coefficient is not."""
        bound = np.asarray((theta[:, self._columns] * self._factors).min(axis=1))
        if not self.helping:
            return bound
        return np.where((theta[:, list(self.helping)] >= 0).all(axis=1), bound, 0.0)

    @cached_property
    def _columns(self) -> slice | list[int]:
        return slice(None) if self.parts is None else list(self.parts)

    @cached_property
    def _factors(self) -> Array:
        return np.asarray(self.constant / self.reference[self._columns])


@dataclass(frozen=True)
class UniformConstant:
    """One lower bound for all parameters; ``proved`` where it is."""

    value: float
    proved: bool = True

    def __call__(self, values: Array, theta: Array) -> Array:
        """The same number for each, shape (m,)."""
        return np.full(len(values), self.value)


@dataclass(frozen=True, eq=False)
class KnownConstant:
    """A lower bound that the model itself gives, as a function of its parameters (m, p)."""

    proved: ClassVar[bool] = True

    function: Callable[[Array], Array]

    def __call__(self, values: Array, theta: Array) -> Array:
        """Lower bound, shape (m,)."""
        return self.function(values)


@dataclass(frozen=True, eq=False)
class InterpolatedConstant:
    """The constant at few parameters, interpolated on the logarithmic scale: an estimate everywhere else.

    Cubic radial basis functions with a linear trend (Wendland, *Scattered Data Approximation*, 2005, chapter
    8; for inf-sup constants, Manzoni and Negri, Adv. Comput. Math. 41, 2015).

    Parameters
    ----------
    space
        Warps the parameters.
    centres
        Parameter values at which the constant is known, shape (c, p), c > p.
    constants
        Positive, shape (c,).
    """

    proved: ClassVar[bool] = False

    space: ParameterSpace
    centres: Array
    constants: Array

    def __post_init__(self) -> None:
        if not (self.constants > 0).all():
            worst = int(self.constants.argmin())
            raise ModelError(
                f"stability: a constant must be positive, but is {self.constants[worst]:.3g} at parameter "
                f"{np.array2string(self.centres[worst], precision=4)}; the system is not stable there"
            )
        if len(self.centres) <= self.space.dimension:
            raise ModelError(
                f"stability: {self.space.dimension} parameters need more than {self.space.dimension} known "
                f"constants, got {len(self.centres)}"
            )

    def __call__(self, values: Array, theta: Array) -> Array:
        """Interpolated constant, shape (m,)."""
        warped = self.space.warp(values)
        return np.asarray(np.exp(self._features(warped) @ self._weights))

    def _features(self, warped: Array) -> Array:
        distances = np.linalg.norm(warped[:, None] - self._warped, axis=2)
        return np.concatenate([distances**3, np.ones((len(warped), 1)), warped], axis=1)

    @cached_property
    def _warped(self) -> Array:
        return self.space.warp(self.centres)

    @cached_property
    def _weights(self) -> Array:
        count, trend = len(self.centres), self.space.dimension + 1
        features = self._features(self._warped)
        system = np.zeros((count + trend, count + trend))
        system[:count] = features
        system[count:, :count] = features[:, count:].T
        right = np.concatenate([np.log(self.constants), np.zeros(trend)])
        return np.asarray(np.linalg.lstsq(system, right)[0])
