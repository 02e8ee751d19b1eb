"""From a model's residual and Jacobian, and some simulations, to a projected surrogate.

The model's code is asked for residuals at states in and around the span of the simulations, and for Jacobians
at some of them; nothing is solved with it. What it takes to be accurate enough follows from the tolerances: a
simulation whose Jacobian has inf-sup constant beta may be missed by an error e if the residual there is at
most beta e.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, ModelError
from locum.highfidelity import HasInnerProduct, HasResidual
from locum.highfidelity.equations import Equations
from locum.parameters import ParameterSpace
from locum.reduction import SteadyBasis
from locum.reduction.chebyshev import chebyshev_points, sparse_sum
from locum.reduction.gram_schmidt import orthonormal_extension
from locum.reduction.nonlinear import NonlinearModel, ReducedResidual
from locum.reduction.pod import pod
from locum.reduction.riesz import RieszMap
from locum.reduction.stability import InterpolatedConstant, StabilityConstant, UniformConstant
from locum.reduction.stability_eigenvalues import inf_sup_constant
from locum.surrogates.projected_nonlinear import ProjectedNonlinear
from locum.surrogates.projection_training import Unknowns, sparse_product, unknowns_of
from locum.surrogates.surrogate import Description

MOST_TERMS = 600
MOST_RESIDUALS = 3 * MOST_TERMS + 700
"""Residuals that one surrogate takes at most, where they are finite as far out as is tried first."""

_CONSTANTS = 30  # simulations at which the inf-sup constant is computed
_CONSTANT_RTOL = 1e-2  # of its eigenvalue solver: the constant is interpolated anyway
_CURVED = 8  # simulations at which the curvature is measured
_SEEN = 200  # residuals whose span the reduced one keeps
_MEASURED = 64  # parameters at which the remainder is measured
_MARGINS = (0.5, 0.25, 0.1)  # tried in turn: of a coordinate's range over the simulations, on either side
_LEAST_RTOL = 1e-10  # modes below this share of the simulations are rounding
_TRUNCATED, _FITTED, _LEFT_OUT = 0.25, 0.05, 0.01  # shares of the residual that is allowed


@dataclass(frozen=True, eq=False)
class NonlinearProblem(Unknowns):
    """A steady model with a residual and its Jacobian, as projection sees it.

    Parameters
    ----------
    space, field, free, product, functionals
        As for :class:`Unknowns`.
    equations
        Residual and Jacobian.
    """

    equations: Equations

    def residuals(self, values: Array, states: Array) -> Array:
        """R (m, N) at parameters (m, p) and states (m, N).

        Raises
        ------
        ModelError
            A residual that is not finite.
        """
        found = np.empty_like(states)
        with np.errstate(all="ignore"):  # what is not finite is told
            for row, (value, state) in enumerate(zip(values, states, strict=True)):
                found[row] = self.equations.residual(state, self._named(value))
        return found

    def jacobian(self, value: Array, state: Array) -> Any:
        """Its derivative, sparse (N, N), at one parameter (p,) and state (N,)."""
        return self.equations.jacobian(state, self._named(value))

    def functional_norms(self) -> Mapping[str, float]:
        """||l||_{X^-1} of every functional."""
        riesz = RieszMap(self.inner)
        return {name: float(riesz.norm(row[None])[0]) for name, row in self.functionals.items()}

    def _named(self, value: Array) -> dict[str, float]:
        return dict(zip(self.space.names, value.tolist(), strict=True))


def nonlinear_problem(model: Any, space: ParameterSpace | None = None) -> NonlinearProblem:
    """Read a model's capabilities.

    Parameters
    ----------
    model
        A steady high-fidelity model with residual, Jacobian and an inner product.
    space
        A study's space, where it is not the model's own.

    Raises
    ------
    ModelError
        A capability is missing.
    """
    name = model.name
    if not isinstance(model, HasResidual) or not isinstance(model, HasInnerProduct):
        raise ModelError(
            f"model {name!r} cannot be projected: it needs residual, jacobian, free_nodes, "
            "solution_field and inner_product"
        )
    return NonlinearProblem(**vars(unknowns_of(model, space)), equations=Equations(model))


def projected_nonlinear(
    problem: NonlinearProblem,
    description: Description,
    values: Array,
    snapshots: Array,
    allowed_errors: Array,
) -> ProjectedNonlinear:
    """Project a model's nonlinear equations onto the main modes of simulations of it.

    Parameters
    ----------
    problem
        The model.
    description
        Its field alone, and quantities that have functionals.
    values
        Parameter values of the simulations, shape (s, p).
    snapshots
        Their fields, shape (s, ...).
    allowed_errors
        Of each simulation, in the norm of X, shape (s,).

    Raises
    ------
    ModelError
        Outputs that the equations do not give, a Jacobian that is singular at all simulations, or a residual
        that is not finite.
    FitError
        Newton's method finds no solution of the reduced equations.
    """
    problem.check(description)
    states = problem.unknowns(snapshots)
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), _CONSTANTS)).astype(np.intp))
    product = sparse_product(problem.inner)
    constants = np.array([_constant(problem.jacobian(values[i], states[i]), product) for i in chosen])
    if not constants.any():
        raise ModelError("the Jacobian is singular at every simulation; nothing can be said of errors")
    chosen, constants = chosen[constants > 0], constants[constants > 0]
    allowed = constants * allowed_errors[chosen]
    vectors = _modes(problem, values[chosen], states, chosen, allowed)
    reduction = _Reduction(problem, vectors, values, problem.inner.gram(states, vectors))
    model = reduction.model(chosen, constants, float(allowed.min()))
    shape = description.fields[problem.field].shape
    placed = problem.placed(vectors, int(np.prod(shape)))
    largest = float(problem.inner.norms(states).max())
    basis = SteadyBasis(shape, problem.product, np.empty(0), 0.0, largest, "pod", placed)
    norms = problem.functional_norms()
    names = list(description.quantities)
    functionals = np.array([vectors @ problem.functionals[name] for name in names]).reshape(len(names), -1)
    sizes = np.array([norms[name] for name in names])
    return ProjectedNonlinear(
        description, basis, model, functionals.reshape(len(names), len(vectors)), sizes, values
    )


def _constant(jacobian: Any, product: Any) -> float:
    """The inf-sup constant, zero of a singular matrix."""
    try:
        return inf_sup_constant(jacobian, product, _CONSTANT_RTOL)
    except ModelError:
        return 0.0


def _modes(
    problem: NonlinearProblem, values: Array, states: Array, chosen: AnyArray, allowed: Array
) -> Array:
    """As few modes (n, N) of the simulations as leave residuals that are allowed at the chosen ones."""
    modes = pod(lambda: [states], rtol=_LEAST_RTOL, inner_product=problem.inner).vectors
    riesz, coordinates = RieszMap(problem.inner), problem.inner.gram(states[chosen], modes)
    for rank in range(1, len(modes)):
        left = riesz.norm(problem.residuals(values, coordinates[:, :rank] @ modes[:rank]))
        if (left <= _TRUNCATED * allowed).all():
            return modes[:rank]
    return modes


@dataclass(frozen=True, eq=False)
class _Reduction:
    """A basis (n, N), and the simulations (s, p) with their coordinates (s, n)."""

    problem: NonlinearProblem
    vectors: Array
    training: Array
    known: Array

    def model(self, chosen: AnyArray, constants: Array, allowed: float) -> NonlinearModel:
        """Fit the reduced residual around the simulations, as far as it is finite."""
        for margin in _MARGINS[:-1]:
            with suppress(ModelError):
                return self._model(chosen, constants, allowed, margin)
        return self._model(chosen, constants, allowed, _MARGINS[-1])

    def _model(self, chosen: AnyArray, constants: Array, allowed: float, margin: float) -> NonlinearModel:
        """Fit the reduced residual, measure what it leaves out, and how the Jacobian changes."""
        problem, dimension = self.problem, self.problem.space.dimension
        lowest, highest = self.known.min(axis=0), self.known.max(axis=0)
        centre = 0.5 * (lowest + highest)
        spread = (0.5 + margin) * (highest - lowest) + _LEAST_RTOL * np.abs(self.known).max()
        size = dimension + len(centre)

        def residuals(points: Array) -> Array:
            values = problem.space.unwarp(0.5 * (points[:, :dimension] + 1.0))
            return problem.residuals(values, (centre + spread * points[:, dimension:]) @ self.vectors)

        directions = self._directions(residuals(chebyshev_points(size, _SEEN)), _LEFT_OUT * allowed)
        polynomial = sparse_sum(
            lambda points: residuals(points) @ directions.T,
            size,
            atol=_FITTED * allowed,
            max_terms=MOST_TERMS,
        )
        reduced = ReducedResidual(problem.space, self.training, self.known, centre, spread, polynomial)
        seen = reduced.constants(self.training[chosen], self.known[chosen])
        share = self._share(self.training[chosen], np.minimum(constants / seen, 1.0))
        remainder = self._remainder(reduced, directions)
        curvature = self._curvature(chosen[:: max(1, len(chosen) // _CURVED)], spread)
        return NonlinearModel(reduced, share, remainder, curvature)

    def _directions(self, residuals: Array, atol: float) -> Array:
        """W (k, N): the basis, and as many modes of what residuals (m, N) have beside it as count."""
        inner = self.problem.inner
        rest = RieszMap(inner)(residuals) - residuals @ self.vectors.T @ self.vectors
        size = float(np.sqrt(np.mean(inner.norms(rest) ** 2)))
        if size <= atol:
            return self.vectors
        modes = pod(lambda: [rest], rtol=max(atol / size, _LEAST_RTOL), inner_product=inner).vectors
        return orthonormal_extension(self.vectors, modes, inner)[0]

    def _share(self, centres: Array, shares: Array) -> StabilityConstant:
        if len(centres) <= self.problem.space.dimension + 1:
            return UniformConstant(float(shares.min()), proved=False)
        return InterpolatedConstant(self.problem.space, centres, shares)

    def _remainder(self, reduced: ReducedResidual, directions: Array) -> float:
        """Largest distance of the true residual from the reduced one at solutions that no fit has seen."""
        values = self.problem.space.sample(_MEASURED, np.random.default_rng(1))
        root = reduced.roots(values)
        found = root.constants > 0
        if not found.any():
            raise FitError("Newton's method finds no solution of the reduced equations")
        riesz = RieszMap(self.problem.inner)
        truth = riesz(self.problem.residuals(values[found], root.coordinates[found] @ self.vectors))
        return float(self.problem.inner.norms(truth - root.residual[found] @ directions).max())

    def _curvature(self, chosen: AnyArray, spread: Array) -> float:
        """Largest change of the Jacobian over that of the state, along the basis as simulations spread."""
        step = 0.5 * (spread * np.cos(np.arange(len(spread)))) @ self.vectors
        riesz, length = RieszMap(self.problem.inner), float(self.problem.inner.norms(step[None])[0])
        found = [0.0]
        for i in chosen:
            state = self.known[i] @ self.vectors
            ends = (self.problem.jacobian(self.training[i], state + sign * step) for sign in (0.5, -0.5))
            found.append(riesz.operator_norm(next(ends) - next(ends)) / length)
        return max(found)
