"""The successive constraint method: a proved lower bound on the coercivity constant where min-theta has none.

alpha(mu) is the minimum of sum_q theta_q(mu) y_q over the y that Rayleigh quotients y_q = v A_q v / v X v can
make. That set lies in the box of the extreme eigenvalues of the A_q, and satisfies theta(mu_k) . y >=
alpha(mu_k) at every parameter where alpha is known: a linear programme over both bounds alpha from below,
and the quotients of known minimisers bound it from above (Huynh, Rozza, Sen and Patera, C. R. Math. 345,
2007). Known constants are proved by the signs of pivots, the box up to the accuracy of the eigenvalue solver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from locum.arrays import Array
from locum.reduction.affine_system import AffineSystem
from locum.reduction.stability_eigenvalues import extreme_eigenvalues, smallest_eigenpair

_ROUNDING = 1e-7  # relative: boxes are widened and constants lowered by it


@dataclass(frozen=True, eq=False)
class SuccessiveConstraints:
    """The linear programme's data.

    Parameters
    ----------
    boxes
        Smallest and largest quotient of each A_q, shape (Q, 2).
    anchors
        theta at the parameters where the constant is known, shape (K, Q).
    constants
        alpha there, shape (K,).
    quotients
        y of the minimisers there, shape (K, Q).
    """

    proved: ClassVar[bool] = True

    boxes: Array
    anchors: Array
    constants: Array
    quotients: Array

    def __call__(self, values: Array, theta: Array) -> Array:
        """Lower bound (m,) for coefficients (m, Q); one linear programme each, about a millisecond."""
        return np.array([self._bound(row) for row in theta])

    def upper(self, theta: Array) -> Array:
        """Upper bound (m,) for coefficients (m, Q): the smallest known quotient."""
        return np.asarray((theta @ self.quotients.T).min(axis=1))

    def _bound(self, theta: Array) -> float:
        from scipy.optimize import linprog  # half a second that no other study should wait for

        found = linprog(theta, A_ub=-self.anchors, b_ub=-self.constants, bounds=self.boxes, method="highs")
        return float(found.fun) if found.success else -np.inf


def successive_constraints(
    system: AffineSystem,
    coefficients: Callable[[Array], tuple[Array, Array]],
    training: Array,
    *,
    rtol: float = 0.5,
    max_anchors: int = 30,
) -> SuccessiveConstraints:
    """Add anchors where the gap between upper and lower bound is widest, until it closes.

    Parameters
    ----------
    system
        Its sparse matrices and sparse inner product.
    coefficients
        theta and phi of parameters (m, p).
    training
        Parameter values (M, p) over which the gap must close.
    rtol
        Largest (upper - lower) / upper.
    max_anchors
        Largest number of eigenvalue problems beside the 2 Q of the box.
    """
    product = system.inner_product.matrix
    ends = np.array([extreme_eigenvalues(matrix, product) for matrix in system.matrices])
    slack = _ROUNDING * np.abs(ends).max(axis=1)
    boxes = np.stack([ends[:, 0] - slack, ends[:, 1] + slack], axis=1)
    theta = coefficients(training)[0]
    worst = 0
    anchors: list[Array] = []
    constants: list[float] = []
    quotients: list[Array] = []
    while True:
        constant, quotient = _minimiser(system, theta[worst], product)
        anchors.append(theta[worst])
        constants.append(constant - _ROUNDING * abs(constant))
        quotients.append(quotient)
        found = SuccessiveConstraints(boxes, np.array(anchors), np.array(constants), np.array(quotients))
        upper = found.upper(theta)
        gaps = (upper - found(training, theta)) / np.abs(upper).clip(np.finfo(np.float64).tiny)
        worst = int(gaps.argmax())
        if gaps[worst] <= rtol or len(anchors) >= max_anchors:
            return found


def _minimiser(system: AffineSystem, theta: Array, product: Any) -> tuple[float, Array]:
    """Coercivity constant and the quotients (Q,) of its eigenvector."""
    matrix = sum(factor * part for factor, part in zip(theta, system.matrices, strict=True))
    constant, vector = smallest_eigenpair(matrix, product)
    return constant, np.array([vector @ (part @ vector) for part in system.matrices])
