"""From a model's operators and some simulations to a projected surrogate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.highfidelity import (
    HasAffineOperators,
    HasCoefficientExpressions,
    HasCoercivityBound,
    HasInnerProduct,
    HasTimeStepping,
)
from locum.highfidelity.equations import Equations
from locum.parameters import ParameterSpace
from locum.reduction import InnerProduct, SteadyBasis
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import CertifiedModel, Coefficients
from locum.reduction.coefficients import CoefficientExpressions
from locum.reduction.definiteness import is_definite, is_symmetric
from locum.reduction.dual_outputs import DualOutput, dual_output
from locum.reduction.projection import Projection
from locum.reduction.separation import SeparationError
from locum.reduction.stability import KnownConstant, MinTheta, StabilityConstant
from locum.reduction.stability_eigenvalues import coercivity_constant
from locum.reduction.successive_constraints import successive_constraints
from locum.surrogates.projected import ProjectedSurrogate
from locum.surrogates.surrogate import Description

_SEMIDEFINITE = 1e-10  # share of the inner product that makes a semidefinite matrix definite
_SKEW = 1e-12  # share of a matrix below which its symmetric part is rounding
_CANDIDATES = 256  # parameters over which the successive constraint method closes its gap


@dataclass(frozen=True, eq=False)
class Unknowns:
    """Where the unknowns of a model's equations lie, and what is asked of them.

    Parameters
    ----------
    space
        Parameters of the study.
    field
        Name of the field that holds the unknowns.
    free
        Places of the unknowns among its values at one time, shape (N,).
    product
        Inner product on all nodal values.
    functionals
        Quantity to functional (N,).
    """

    space: ParameterSpace
    field: str
    free: Any
    product: InnerProduct
    functionals: Mapping[str, Array]

    @property
    def inner(self) -> InnerProduct:
        """The inner product on the unknowns."""
        matrix = self.product.matrix
        if matrix is None:
            return self.product
        return InnerProduct(matrix[self.free] if matrix.ndim == 1 else matrix[self.free][:, self.free])

    def unknowns(self, snapshots: Array) -> Array:
        """The unknowns (s, N) in fields (s, ...)."""
        return np.asarray(snapshots.reshape(len(snapshots), -1)[:, self.free])

    def placed(self, basis: Array, size: int) -> Array:
        """Basis vectors of the unknowns (n, N) as ones of all ``size`` nodal values."""
        vectors = np.zeros((len(basis), size))
        vectors[:, self.free] = basis
        return vectors

    def check(self, description: Description) -> None:
        """Refuse a description of more than the equations give.

        Raises
        ------
        ModelError
            Another field, or a quantity that is no functional.
        """
        if tuple(description.fields) != (self.field,):
            raise ModelError(
                f"a projected surrogate gives field {self.field!r}, not {list(description.fields)}"
            )
        for name in description.quantities:
            if name not in self.functionals:
                raise ModelError(
                    f"quantity {name!r} is no linear functional that the model declares "
                    "(output_functionals); a projected surrogate cannot give it"
                )


@dataclass(frozen=True, eq=False)
class AffineProblem(Unknowns):
    """A model with affine operators, as projection sees it.

    Parameters
    ----------
    space, field, free, product, functionals
        As for :class:`Unknowns`.
    system
        The affine system on the unknowns.
    coefficients
        theta and phi of the parameters.
    stability
        Lower bound on the coercivity constant.
    separation_error
        What the affine form leaves out, where it was found from assembled matrices.
    """

    system: AffineSystem
    coefficients: Coefficients
    stability: StabilityConstant
    separation_error: SeparationError | None = None

    def model(self, projection: Projection) -> CertifiedModel:
        """The reduced model on a projection of ``system``."""
        return CertifiedModel(projection.reduced, self.coefficients, self.stability, self.separation_error)


def unknowns_of(model: Any, space: ParameterSpace | None) -> Unknowns:
    """Those of a model with unknowns and an inner product, in its own space or a study's."""
    equations = Equations(model)
    return Unknowns(
        space or model.parameters,
        equations.field,
        equations.free,
        equations.inner_product(),
        equations.outputs(),
    )


def affine_problem(model: Any, space: ParameterSpace | None = None) -> AffineProblem:
    """Read a model's capabilities.

    Parameters
    ----------
    model
        A steady high-fidelity model with affine operators and an inner product.
    space
        A study's space, where it is not the model's own.

    Raises
    ------
    ModelError
        A capability is missing.
    """
    name = model.name
    if not isinstance(model, HasAffineOperators) or not isinstance(model, HasInnerProduct):
        raise ModelError(
            f"model {name!r} cannot be projected: it needs affine_operators, affine_coefficients, "
            "free_nodes, solution_field and inner_product"
        )
    if isinstance(model, HasTimeStepping):
        raise ModelError(f"model {name!r} evolves in time; evolution_problem reads it")
    unknowns = unknowns_of(model, space)
    system, coefficients = affine_system(model, unknowns)
    known = (
        KnownConstant(Equations(model).coercivity_bound) if isinstance(model, HasCoercivityBound) else None
    )
    stability = known or proved_constant(system, coefficients, unknowns.space)
    return AffineProblem(**vars(unknowns), system=system, coefficients=coefficients, stability=stability)


def affine_system(model: Any, unknowns: Unknowns) -> tuple[AffineSystem, Coefficients]:
    """A model's affine operators, and their coefficients: as text where the model has them as text."""
    equations = Equations(model)
    matrices, vectors = equations.affine
    system = AffineSystem(matrices, vectors, unknowns.inner)
    if not isinstance(model, HasCoefficientExpressions):
        return system, equations.coefficients
    return system, CoefficientExpressions(*equations.expressions(unknowns.space.names))


def proved_constant(
    system: AffineSystem, coefficients: Coefficients, space: ParameterSpace
) -> StabilityConstant:
    """Min-theta where the symmetric part of every matrix is semidefinite and its coefficient never negative;
    else constraints.

    That coefficients are not negative is checked at a few hundred points; where one is after all, the
    constant is not positive and the figure is infinite.

    Raises
    ------
    ModelError
        A coefficient that is not finite, no sparse inner product, or an eigenvalue that is not found.
    """
    values = np.concatenate(
        [
            space.unwarp(np.full((1, space.dimension), 0.5)),
            space.sample(_CANDIDATES, np.random.default_rng(0)),
        ]
    )
    theta = coefficients(values)[0]
    if not np.isfinite(theta).all():
        where = values[~np.isfinite(theta).all(axis=1)][0]
        raise ModelError(f"a coefficient theta is not finite at {np.array2string(where, precision=4)}")
    product = sparse_product(system.inner_product)
    found = _min_theta(system.matrices, theta, product)
    return found or successive_constraints(system, coefficients, values)


def _min_theta(matrices: Sequence[Any], theta: Array, product: Any) -> MinTheta | None:
    """That of the terms with which it says most at coefficients (m, Q), the first of them its reference; None
    where the operators are not of this kind.

    A term whose coefficient may come near to zero is better left out, as far as the others are definite.
    """
    symmetric = [0.5 * (matrix + matrix.T) for matrix in matrices]
    counted = [q for q, part in enumerate(symmetric) if abs(part).max() > _SKEW * abs(matrices[q]).max()]
    if (theta[:, counted] < 0).any() or not all(_semidefinite(symmetric[q], product) for q in counted):
        return None
    kept = sorted((q for q in counted if theta[0, q] > 0), key=lambda q: -theta[:, q].min() / theta[0, q])
    best, most = None, 0.0
    while kept and is_definite(reference := sum(theta[0, q] * symmetric[q] for q in kept)):
        constant = coercivity_constant(reference, product)
        helping = tuple(q for q in counted if q not in kept)
        parts = None if len(kept) == len(matrices) else tuple(sorted(kept))
        found = MinTheta(theta[0], constant, parts, helping)
        if (least := float(found(theta, theta).min())) > most:
            best, most = found, least
        kept = kept[:-1]
    return best


def projected_surrogate(
    problem: AffineProblem,
    description: Description,
    projection: Projection,
    training: Array,
    duals: Mapping[str, Projection] | None = None,
) -> ProjectedSurrogate:
    """Put a surrogate together.

    Parameters
    ----------
    problem
        The model.
    description
        Its field alone, and quantities that have functionals.
    projection
        Of ``problem.system``.
    training
        Parameter values of the simulations behind it, shape (s, p).
    duals
        Quantity to a projection of its dual system; without one the value is not corrected, and its figure is
        ||l||_{X^-1} times the field's.

    Raises
    ------
    ModelError
        A field or quantity that the equations do not give.
    """
    problem.check(description)
    outputs: dict[str, DualOutput] = {}
    for name in description.quantities:
        adjoint = Projection.start(problem.system.adjoint(problem.functionals[name]))
        outputs[name] = dual_output(projection, (duals or {}).get(name, adjoint))
    shape = description.fields[problem.field].shape
    vectors = problem.placed(projection.basis, int(np.prod(shape)))
    solutions = problem.model(projection)
    norms = solutions.solve(training).norms
    basis = SteadyBasis(
        shape, problem.product, np.empty(0), 0.0, float(norms.max(initial=0.0)), "greedy", vectors
    )
    return ProjectedSurrogate(description, basis, solutions, outputs, training)


def sparse_product(product: InnerProduct) -> Any:
    """The matrix (N, N) of an inner product.

    Raises
    ------
    ModelError
        Weights, or none at all.
    """
    if product.matrix is None or product.matrix.ndim == 1:
        raise ModelError(
            "a stability constant needs a sparse inner product, in which the operators are bounded"
        )
    return product.matrix


def _semidefinite(matrix: Any, product: Any) -> bool:
    """Symmetric, and definite once a trace of X is added."""
    share = _SEMIDEFINITE * abs(matrix).max() / abs(product).max()
    return is_symmetric(matrix) and is_definite(matrix + share * product)
