"""Stability constants: how large an error a residual can hide.

With alpha(mu) a lower bound on the coercivity constant (or the inf-sup constant) of A(mu) in the norm of X,

    ||u - u_n||_X <= ||f - A u_n||_{X^-1} / alpha(mu).

A constant that is proved makes this a bound; one that is interpolated makes it an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError


class StabilityConstant(Protocol):
    """A function of the coefficients theta."""

    @property
    def proved(self) -> bool:
        """Whether the constant is a proved lower bound; otherwise figures that rest on it are estimates."""
        ...

    def __call__(self, theta: Array) -> Array:
        """Lower bound (m,) on the constant for coefficients (m, Q); not positive where none is known."""
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
    """

    reference: Array
    constant: float = 1.0
    parts: tuple[int, ...] | None = None
    proved: bool = True

    def __post_init__(self) -> None:
        counted = self.reference[self._columns]
        if not (counted > 0).all() or not self.constant > 0:
            raise ModelError(
                "min-theta: coefficients and coercivity constant at the reference must be positive, got "
                f"{np.array2string(counted, precision=3)} and {self.constant:.3g}"
            )

    def __call__(self, theta: Array) -> Array:
        """Lower bound, shape (m,), for coefficients (m, Q); not positive where a coefficient is not."""
        return np.asarray((theta[:, self._columns] * self._factors).min(axis=1))

    @cached_property
    def _columns(self) -> slice | list[int]:
        return slice(None) if self.parts is None else list(self.parts)

    @cached_property
    def _factors(self) -> Array:
        return np.asarray(self.constant / self.reference[self._columns])
