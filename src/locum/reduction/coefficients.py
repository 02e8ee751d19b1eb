"""Coefficients of an affine system as functions of the parameters that hold no code, so that they can be
saved.

Where a model declares them they are expressions, and exact. Where they come from a separation they are known
only by assembling the system: they are smooth functions of the parameters, and interpolated by Chebyshev
polynomials on the tensor grid of the (warped) box (Trefethen, *Approximation Theory and Approximation
Practice*, 2013, chapters 3 to 5; few parameters only). What that leaves out is part of the measured
separation error. Outside the box the polynomials mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, ParameterError, StorageError
from locum.parameters import ParameterSpace, space_from_dict
from locum.parameters.expressions import Expressions

DEGREES = (4, 6, 8, 12, 16, 24)
_CHECKED_POINTS = 64


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
class TensorCoefficients:
    """theta and phi as Chebyshev expansions.

    Parameters
    ----------
    space
        Its box and its warp.
    expansion
        Coefficients of T_i(x_1) T_j(x_2) ..., shape (d, ..., d, Q + P), with x in [-1, 1].
    matrices
        Q: how many of the last axis are theta.
    """

    kind: ClassVar[str] = "tensor"

    space: ParameterSpace
    expansion: Array
    matrices: int

    def __call__(self, values: Array) -> tuple[Array, Array]:
        """Theta (m, Q) and phi (m, P) for parameter values (m, p)."""
        inside = 2.0 * self.space.warp(values) - 1.0
        found = np.tensordot(_chebyshev(inside[:, 0], len(self.expansion)), self.expansion, axes=1)
        for axis in range(1, self.space.dimension):
            found = np.einsum("mi,mi...->m...", _chebyshev(inside[:, axis], len(self.expansion)), found)
        return found[:, : self.matrices], found[:, self.matrices :]


def tensor_coefficients(
    coefficients: Callable[[Array], tuple[Array, Array]],
    space: ParameterSpace,
    *,
    rtol: float,
    max_points: int = 5000,
) -> TensorCoefficients:
    """Interpolate coefficients, with as high a degree as ``rtol`` asks for at random points.

    Parameters
    ----------
    coefficients
        theta (m, Q), phi (m, P) at parameters (m, p); one assembly each, perhaps.
    space
        The box.
    rtol
        Largest error over the largest coefficient.
    max_points
        Largest grid.

    Returns
    -------
    TensorCoefficients
        Of the highest degree that the grid allows where ``rtol`` is not reached.

    Raises
    ------
    FitError
        So many parameters that not even the lowest degree fits the grid.
    """
    checked = space.sample(_CHECKED_POINTS, np.random.default_rng(0))
    truth = np.concatenate(coefficients(checked), axis=1)
    found = None
    for degree in DEGREES:
        if (degree + 1) ** space.dimension > max_points:
            break
        found = _interpolated(coefficients, space, degree)
        error = np.abs(np.concatenate(found(checked), axis=1) - truth).max()
        if error <= rtol * np.abs(truth).max():
            break
    if found is None:
        raise FitError(
            f"coefficients: a grid in {space.dimension} parameters exceeds {max_points} points; "
            "let the model declare its coefficients as text (coefficient_expressions)"
        )
    return found


def _interpolated(
    coefficients: Callable[[Array], tuple[Array, Array]], space: ParameterSpace, degree: int
) -> TensorCoefficients:
    count, dimension = degree + 1, space.dimension
    points = np.cos(np.pi * (np.arange(count) + 0.5) / count)  # of the first kind: none on the boundary
    grid = np.stack(np.meshgrid(*[points] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    theta, phi = coefficients(space.unwarp(0.5 * (grid + 1.0)))
    expansion = np.concatenate([theta, phi], axis=1).reshape(*[count] * dimension, -1)
    transform = 2.0 / count * _chebyshev(points, count).T  # discrete orthogonality
    transform[0] /= 2.0
    for axis in range(dimension):
        expansion = np.moveaxis(np.tensordot(transform, expansion, axes=(1, axis)), 0, axis)
    return TensorCoefficients(space, np.ascontiguousarray(expansion), theta.shape[1])


def _chebyshev(x: Array, count: int) -> Array:
    return np.asarray(np.polynomial.chebyshev.chebvander(x, count - 1))


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
    if isinstance(coefficients, TensorCoefficients):
        content = {"space": coefficients.space.to_dict(), "matrices": coefficients.matrices}
        return {"kind": coefficients.kind, **content}, {"expansion": coefficients.expansion}
    raise StorageError(
        "the coefficients of this reduced model are code, which is never saved; let the model declare them "
        "as text (coefficient_expressions), or interpolate them"
    )


def coefficients_from_saved(
    content: Mapping[str, Any], arrays: Mapping[str, AnyArray]
) -> CoefficientExpressions | TensorCoefficients:
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
        if content["kind"] == TensorCoefficients.kind:
            space = space_from_dict(content["space"])
            return TensorCoefficients(space, np.asarray(arrays["expansion"]), int(content["matrices"]))
    except (KeyError, TypeError, ValueError, ParameterError) as error:
        raise StorageError(f"the saved coefficients cannot be read: {error}") from error
    raise StorageError(f"the saved coefficients cannot be read: unknown kind {content['kind']!r}")
