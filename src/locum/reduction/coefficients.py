"""Coefficients of an affine system as functions of the parameters that hold no code, so that they can be
saved.

Where a model declares them they are expressions, and exact. Where they come from a separation they are known
only by assembling the system: they are smooth functions of the parameters, and polynomials are fitted to them
by least squares (:mod:`locum.reduction.chebyshev`), in products up to a total degree, at points of the
(warped) box. What that leaves out is part of the measured separation error. Outside the box the polynomials
mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, ParameterError, StorageError
from locum.parameters import ParameterSpace, space_from_dict
from locum.parameters.expressions import Expressions
from locum.reduction.chebyshev import POINTS_PER_TERM, chebyshev_points, products, total_degree

DEGREES = (2, 4, 6, 8, 10, 12, 14, 16, 20, 24)
CHECKED_POINTS = 64
MOST_TERMS = 1000
_BLOCK_NUMBERS = 1 << 18  # products that are held at a time


@dataclass(frozen=True)
class CoefficientExpressions:
    """theta and phi of the parameters as text.

    Parameters
    ----------
    theta, phi
        One expression for each matrix, and for each right-hand side.
    """

    kind: ClassVar[str] = "expressions"

    theta: Expressions
    phi: Expressions

    def __call__(self, values: Array) -> tuple[Array, Array]:
        """Theta (m, Q) and phi (m, P) for parameter values (m, p)."""
        return self.theta(values), self.phi(values)


@dataclass(frozen=True, eq=False)
class PolynomialCoefficients:
    """theta and phi as sums of Chebyshev products.

    Parameters
    ----------
    space
        Its box and its warp.
    degrees
        One product T_i(x_1) T_j(x_2) ... a row, with x in [-1, 1]: integers, shape (l, p).
    expansion
        Their factors, shape (l, Q + P).
    matrices
        Q: how many of the last axis are theta.
    """

    kind: ClassVar[str] = "polynomial"

    space: ParameterSpace
    degrees: AnyArray
    expansion: Array
    matrices: int

    def __call__(self, values: Array) -> tuple[Array, Array]:
        """Theta (m, Q) and phi (m, P) for parameter values (m, p)."""
        inside = 2.0 * self.space.warp(values) - 1.0
        found = np.empty((len(values), self.expansion.shape[1]))
        step = max(1, _BLOCK_NUMBERS // len(self.degrees))
        for first in range(0, len(values), step):
            rows = slice(first, first + step)
            found[rows] = products(inside[rows], self.degrees) @ self.expansion
        return found[:, : self.matrices], found[:, self.matrices :]


def polynomial_coefficients(
    coefficients: Callable[[Array], tuple[Array, Array]],
    space: ParameterSpace,
    *,
    rtol: float,
    max_terms: int = MOST_TERMS,
) -> PolynomialCoefficients:
    """Fit coefficients, with as high a degree as ``rtol`` asks for at random points.

    Parameters
    ----------
    coefficients
        theta (m, Q), phi (m, P) at parameters (m, p); one assembly each, perhaps. An error in any of the Q
        should count the same, and in any of the P: see :func:`locum.reduction.separation.orthonormalised`.
    space
        The box.
    rtol
        Largest error of theta over the largest theta, as vectors, and the same of phi.
    max_terms
        Largest number of products; each takes two parameters.

    Returns
    -------
    PolynomialCoefficients
        Of the highest degree that ``max_terms`` allows where ``rtol`` is not reached.

    Raises
    ------
    FitError
        So many parameters that not even the lowest degree is allowed.
    """
    checked = space.sample(CHECKED_POINTS, np.random.default_rng(0))
    truth = coefficients(checked)
    points = chebyshev_points(space.dimension, POINTS_PER_TERM * max_terms)
    known = np.empty((0, truth[0].shape[1] + truth[1].shape[1]))
    found = None
    for degree in DEGREES:
        if math.comb(space.dimension + degree, degree) > max_terms:
            break
        degrees = total_degree(space.dimension, degree)
        inside = points[: POINTS_PER_TERM * len(degrees)]
        new = coefficients(space.unwarp(0.5 * (inside[len(known) :] + 1.0)))
        known = np.concatenate([known, np.concatenate(new, axis=1)])
        expansion = np.linalg.lstsq(products(inside, degrees), known)[0]
        found = PolynomialCoefficients(space, degrees, expansion, truth[0].shape[1])
        if all(_error(one, other) <= rtol for one, other in zip(found(checked), truth, strict=True)):
            break
    if found is None:
        raise FitError(
            f"coefficients: a fit in {space.dimension} parameters takes more than {max_terms} terms; "
            "let the model declare its coefficients as text (coefficient_expressions)"
        )
    return found


def _error(found: Array, truth: Array) -> float:
    largest = np.linalg.norm(truth, axis=1).max()
    return float(np.linalg.norm(found - truth, axis=1).max() / largest) if largest else 0.0


def coefficients_to_saved(coefficients: Any) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Plain values and arrays.

    Raises
    ------
    StorageError
        Coefficients that are code.
    """
    if isinstance(coefficients, CoefficientExpressions):
        names, theta, phi = coefficients.theta.names, coefficients.theta.texts, coefficients.phi.texts
        texts = {"names": list(names), "theta": list(theta), "phi": list(phi)}
        return {"kind": coefficients.kind, **texts}, {}
    if isinstance(coefficients, PolynomialCoefficients):
        content = {"space": coefficients.space.to_dict(), "matrices": coefficients.matrices}
        arrays = {"degrees": coefficients.degrees, "expansion": coefficients.expansion}
        return {"kind": coefficients.kind, **content}, arrays
    raise StorageError(
        "the coefficients of this reduced model are code, which is never saved; let the model declare them "
        "as text (coefficient_expressions), or fit them"
    )


def coefficients_from_saved(
    content: Mapping[str, Any], arrays: Mapping[str, AnyArray]
) -> CoefficientExpressions | PolynomialCoefficients:
    """Inverse of :func:`coefficients_to_saved`.

    Raises
    ------
    StorageError
        Content that is missing or makes no sense.
    """
    try:
        if content["kind"] == CoefficientExpressions.kind:
            names = tuple(content["names"])
            theta, phi = (Expressions(names, tuple(content[key])) for key in ("theta", "phi"))
            return CoefficientExpressions(theta, phi)
        if content["kind"] == PolynomialCoefficients.kind:
            space, matrices = space_from_dict(content["space"]), int(content["matrices"])
            return PolynomialCoefficients(space, arrays["degrees"], arrays["expansion"], matrices)
    except (KeyError, TypeError, ValueError, ParameterError) as error:
        raise StorageError(f"the saved coefficients cannot be read: {error}") from error
    raise StorageError(f"the saved coefficients cannot be read: unknown kind {content['kind']!r}")
