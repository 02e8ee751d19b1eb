"""Nonlinear steady equations on a reduced basis, without the code that makes their residuals.

R(V^T c; mu) is a function of few numbers, the coordinates c and the parameters mu. Its Riesz representative
is kept in an X-orthonormal basis W that begins with V itself, so that

    rho(c; mu) = W R(V^T c; mu),    ||R||_{X^-1} = ||rho||_2,

and the first n of its k components are Galerkin's equations: Newton's method makes them vanish, and what is
left of rho is what is left of the residual. rho is a sum of products of polynomials in c and mu together
(:mod:`locum.reduction.chebyshev`): exact for equations that are polynomials, close for mildly nonlinear ones.
How close, is measured with the model's own residuals at parameters that no fit has seen, and added to every
residual norm.

From the residual to the error: sigma, the least singular value of the derivative of rho, is the inf-sup
constant of the Jacobian at the reduced solution as far as the basis sees it; which share of it the constant
of the whole space is, is interpolated. With gamma the measured curvature, Newton and Kantorovich's theorem
gives, for beta = share sigma and h = gamma ||R|| / beta^2 <= 1/2,

    ||u - u_n||_X <= ||R|| / beta 2 / (1 + sqrt(1 - 2 h))

(Deuflhard, *Newton Methods for Nonlinear Problems*, 2004, section 2.1; Veroy and Patera, Int. J. Numer. Meth.
Fluids 47, 2005, for the inf-sup constant of reduced nonlinear equations). Constants that are interpolated and
measured make it an *estimate*. Where h is larger nothing is claimed.

Shapes: m parameter values, p parameters, n reduced coordinates, k residual coordinates, s simulations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import ParameterError, StorageError
from locum.parameters import ParameterSpace, space_from_dict
from locum.reduction.certified import CertifiedSolution
from locum.reduction.chebyshev import ChebyshevSum
from locum.reduction.stability import StabilityConstant
from locum.reduction.stability_saved import stability_from_saved, stability_to_saved

_ITERATIONS = 40
_STEP = 1e-10  # in units of the spread of the coordinates, at which Newton's method ends
_BLOCK_NUMBERS = 1 << 18  # products that are held at a time


class Root(NamedTuple):
    """Where Newton's method ended.

    Attributes
    ----------
    coordinates
        Shape (m, n): of the nearest simulation's, where the method found nothing.
    residual
        rho there, shape (m, k).
    constants
        sigma there, shape (m,); zero where the method found nothing.
    """

    coordinates: Array
    residual: Array
    constants: Array


@dataclass(frozen=True, eq=False)
class ReducedResidual:
    """rho as a function of coordinates and parameters, and its roots.

    Parameters
    ----------
    space
        Warps the parameters to the unit cube.
    training, known
        Parameter values of the simulations (s, p), and their coordinates (s, n): where Newton's method
        starts, at the nearest one.
    centre, spread
        Of the coordinates: rho is known where |c - centre| <= spread, shape (n,).
    polynomial
        Of parameters and coordinates, each in [-1, 1].
    """

    space: ParameterSpace
    training: Array
    known: Array
    centre: Array
    spread: Array
    polynomial: ChebyshevSum

    @property
    def rank(self) -> int:
        """Number of basis vectors, n."""
        return len(self.centre)

    def constants(self, values: Array, coordinates: Array) -> Array:
        """Sigma (m,) at parameters (m, p) and coordinates (m, n)."""
        slope = self._at(2.0 * self.space.warp(values) - 1.0, self._scaled(coordinates))[1]
        return self._least(slope)

    def roots(self, values: Array) -> Root:
        """Where Galerkin's equations hold, for parameters (m, p): damped Newton steps, all at once."""
        parts = [self._roots(values[rows]) for rows in self._blocks(len(values))]
        return Root(*(np.concatenate(each) for each in zip(*parts, strict=True))) if parts else self._none()

    def _roots(self, values: Array) -> Root:
        warped, rank = self.space.warp(values), self.rank
        nearest = np.linalg.norm(warped[:, None] - self._warped, axis=2).argmin(axis=1)
        start = self._scaled(self.known)[nearest]
        state, inside = start.copy(), 2.0 * warped - 1.0
        residual, slope = self._at(inside, state)
        damping, moving = np.ones(len(values)), np.arange(len(values))
        for _ in range(_ITERATIONS):
            step = -_solved(slope[moving, :rank], residual[moving, :rank])
            trial = np.clip(state[moving] + damping[moving, None] * step, -1.0, 1.0)
            found, derivative = self._at(inside[moving], trial)
            sizes = (np.linalg.norm(each[:, :rank], axis=1) for each in (found, residual[moving]))
            better = np.less_equal(*sizes)
            taken = moving[better]
            state[taken], residual[taken], slope[taken] = trial[better], found[better], derivative[better]
            damping[moving] = np.where(better, np.minimum(2.0 * damping[moving], 1.0), damping[moving] / 2.0)
            moving = moving[np.abs(step).max(axis=1, initial=0.0) > _STEP]
            if not len(moving):
                break
        constants = self._least(slope)
        lost = np.zeros(len(values), dtype=bool)
        lost[moving] = True
        state[lost], constants[lost] = start[lost], 0.0
        return Root(self.centre + self.spread * state, residual, constants)

    def _at(self, inside: Array, state: Array) -> tuple[Array, Array]:
        points = np.concatenate([inside, state], axis=1)
        return self.polynomial.with_derivatives(points, inside.shape[1])

    def _least(self, slope: Array) -> Array:
        """Least singular values (m,) of derivatives (m, k, n) to scaled coordinates."""
        return np.asarray(np.linalg.svd(slope / self.spread, compute_uv=False)[:, -1])

    def _scaled(self, coordinates: Array) -> Array:
        return np.asarray((coordinates - self.centre) / self.spread)

    def _none(self) -> Root:
        return Root(np.empty((0, self.rank)), np.empty((0, self.polynomial.factors.shape[1])), np.empty(0))

    def _blocks(self, count: int) -> Iterator[slice]:
        step = max(1, _BLOCK_NUMBERS // max(len(self.polynomial.degrees), len(self.training)))
        return (slice(first, first + step) for first in range(0, count, step))

    @cached_property
    def _warped(self) -> Array:
        return self.space.warp(self.training)


@dataclass(frozen=True, eq=False)
class NonlinearModel:
    """From parameter values to reduced coordinates and the estimate of their error.

    Parameters
    ----------
    residual
        The reduced equations.
    share
        Of sigma that the inf-sup constant of the Jacobian is.
    remainder
        Largest measured ||R - rho W||_{X^-1} at reduced solutions.
    curvature
        gamma: largest measured change of the Jacobian over that of the state, as an operator from X to its
        dual.
    """

    kind: ClassVar[Literal["bound", "estimate"]] = "estimate"

    residual: ReducedResidual
    share: StabilityConstant
    remainder: float
    curvature: float

    @property
    def rank(self) -> int:
        """Number of basis vectors, n."""
        return self.residual.rank

    def solve(self, values: Array) -> CertifiedSolution:
        """Solve for parameter values (m, p), one or many."""
        root = self.residual.roots(values)
        norms = np.linalg.norm(root.residual, axis=1) + self.remainder
        constants = root.constants * np.minimum(self.share(values, np.empty((len(values), 0))), 1.0)
        return CertifiedSolution(
            root.coordinates, norms, effective_constant(constants, norms, self.curvature)
        )

    def constants(self, values: Array) -> Array:
        """Estimated stability constants, shape (m,); zero where nothing can be claimed."""
        return self.solve(values).stability

    def residual_directions(self, values: Array) -> Array:
        """Residuals in coordinates of their orthonormal basis, shape (m, k): for choosing several at once."""
        return self.residual.roots(values).residual


def effective_constant(constants: Array, norms: Array, curvature: float) -> Array:
    """What residual norms (m,) are to be divided by, by Newton and Kantorovich; zero where h is too large."""
    squares = constants**2
    h = np.divide(curvature * norms, squares, out=np.full(len(norms), np.inf), where=squares > 0)
    return np.where(h <= 0.5, 0.5 * constants * (1.0 + np.sqrt(np.maximum(1.0 - 2.0 * h, 0.0))), 0.0)


def _solved(matrices: Array, right: Array) -> Array:
    """Solutions (m, n) of small systems; of a singular one, the shortest of the best."""
    try:
        return np.asarray(np.linalg.solve(matrices, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.asarray(np.einsum("mij,mj->mi", np.linalg.pinv(matrices), right))


_ARRAYS = ("training", "known", "centre", "spread")


def nonlinear_to_saved(model: NonlinearModel) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Plain values and arrays."""
    residual = model.residual
    share, arrays = stability_to_saved(model.share)
    content = {
        "space": residual.space.to_dict(),
        "share": share,
        "remainder": model.remainder,
        "curvature": model.curvature,
    }
    found = {name: getattr(residual, name) for name in _ARRAYS}
    found |= {"degrees": residual.polynomial.degrees, "factors": residual.polynomial.factors}
    return content, found | {f"share.{name}": array for name, array in arrays.items()}


def nonlinear_from_saved(content: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> NonlinearModel:
    """Inverse of :func:`nonlinear_to_saved`.

    Raises
    ------
    StorageError
        Content or arrays that are missing or make no sense.
    """
    try:
        space = space_from_dict(content["space"])
        parts = {name: np.asarray(arrays[name], dtype=np.float64) for name in (*_ARRAYS, "factors")}
        degrees, factors = np.asarray(arrays["degrees"], dtype=np.int64), parts.pop("factors")
        (count, dimension), rank = parts["training"].shape, len(parts["centre"])
        fits = parts["known"].shape == (count, rank) and parts["spread"].shape == (rank,)
        fits = fits and dimension == space.dimension and degrees.shape == (len(factors), dimension + rank)
        fits = fits and factors.shape[1] >= rank and bool((degrees >= 0).all()) and count > 0
        fits = fits and all(np.isfinite(array).all() for array in (*parts.values(), factors))
        share = {name.removeprefix("share."): a for name, a in arrays.items() if name.startswith("share.")}
        stability = stability_from_saved(content["share"], share)
        numbers = float(content["remainder"]), float(content["curvature"])
    except (KeyError, TypeError, ValueError, ParameterError) as error:
        raise StorageError(f"the saved nonlinear model cannot be read: {error!r}") from error
    if not fits or not all(0.0 <= number < np.inf for number in numbers) or not (parts["spread"] > 0).all():
        raise StorageError("the saved nonlinear model cannot be read: its parts do not fit each other")
    residual = ReducedResidual(space, **parts, polynomial=ChebyshevSum(degrees, factors))
    return NonlinearModel(residual, stability, *numbers)
