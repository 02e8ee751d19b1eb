"""Projected surrogates in a study: which models have them, and how one is made of stored simulations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locum.arrays import Array
from locum.highfidelity import (
    HasAffineOperators,
    HasCoefficientExpressions,
    HasCoercivityBound,
    HasInnerProduct,
    HasOperators,
    HasOutputFunctionals,
    HasTimeStepping,
    HighFidelityModel,
)
from locum.parameters import ParameterSpace
from locum.surrogates import Description, ProjectedSurrogate

if TYPE_CHECKING:
    from locum.surrogates.projection_training import AffineProblem


def lack_of(model: HighFidelityModel) -> str | None:
    """What a model lacks for a projected surrogate, as a sentence goes on after its name; nothing is run."""
    if isinstance(model, HasTimeStepping):
        return "evolves in time, and only steady models are projected"
    if not isinstance(model, HasAffineOperators | HasOperators):
        return "hands over no operators (affine_operators or operators)"
    if not isinstance(model, HasInnerProduct):
        return "has no inner_product, in which errors are bounded"
    if isinstance(model, HasAffineOperators) and not isinstance(model, HasCoefficientExpressions):
        return "has no coefficient_expressions, without which nothing can be saved"
    return None


def lacking_outputs(model: Any, fields: Iterable[str], quantities: Iterable[str]) -> str | None:
    """What of the outputs of a model with operators its equations do not give; as :func:`lack_of`."""
    declared = model.output_functionals() if isinstance(model, HasOutputFunctionals) else {}
    for name in quantities:
        if name not in declared:
            return f"gives quantity {name!r}, which is none of its output_functionals"
    for name in fields:
        if name != model.solution_field:
            return f"gives field {name!r}, and its equations only {model.solution_field!r}"
    return None


def problem_of(model: Any, space: ParameterSpace) -> AffineProblem:
    """A model's equations as projection sees them, with a stability constant that can be saved.

    Raises
    ------
    ModelError, FitError
        A system that is not stable somewhere, or coefficients that cannot be separated.
    """
    from locum.surrogates.projection_training import affine_problem, proved_constant, separated_problem

    if not isinstance(model, HasAffineOperators):
        return separated_problem(model, space)
    problem = affine_problem(model, space)
    if isinstance(model, HasCoercivityBound):  # a function of the model's: code is not saved
        stability = proved_constant(problem.system, problem.coefficients, space)
        problem = replace(problem, stability=stability)
    return problem


def project(
    problem: AffineProblem, description: Description, values: Array, snapshots: Array
) -> ProjectedSurrogate:
    """Project a model's equations onto simulations of it.

    Where the operators are symmetric the same simulations serve the dual systems: exactly if the quantity is
    a multiple of the load, and no worse than nothing otherwise.

    Parameters
    ----------
    values
        Parameter values of the simulations, shape (s, p).
    snapshots
        Their fields, shape (s, ...).

    Raises
    ------
    ModelError
        A field or quantity that the equations do not give.
    """
    from locum.reduction.projection import Projection
    from locum.surrogates.projection_training import projected_surrogate

    unknowns = problem.unknowns(snapshots)
    projection = Projection.start(problem.system).extended(unknowns)
    duals = {}
    if all(_symmetric(matrix) for matrix in problem.system.matrices):
        for name in description.quantities:
            if name in problem.functionals:
                adjoint = problem.system.adjoint(problem.functionals[name])
                duals[name] = Projection.start(adjoint).extended(unknowns)
    return projected_surrogate(problem, description, projection, values, duals)


def projection_statistics(surrogate: ProjectedSurrogate) -> dict[str, Any]:
    """What the report says of the basis; it has no spectrum."""
    return {
        name: {
            "rank": surrogate.rank,
            "method": "Gram-Schmidt on the simulations",
            "truncation_error": 0.0,
            "singular_values": [],
            "outcome": f"projected, with a proved {surrogate.figure_kind}"
            if surrogate.figure_kind == "bound"
            else "projected, with an estimate",
        }
        for name in surrogate.description.fields
    }


def _symmetric(matrix: Any) -> bool:
    return bool(abs(matrix - matrix.T).max() <= 1e-10 * abs(matrix).max())
