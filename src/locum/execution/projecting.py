"""Projected surrogates in a study: which models have them, and how one is made of stored simulations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError, StudyError
from locum.highfidelity import (
    HasAffineOperators,
    HasCoefficientExpressions,
    HasCoercivityBound,
    HasInnerProduct,
    HasOperators,
    HasOutputFunctionals,
    HasTimeStepping,
    HighFidelityModel,
    check_capabilities,
    field_names,
    quantity_names,
)
from locum.study import Study
from locum.surrogates import Description, ProjectedSurrogate

if TYPE_CHECKING:
    from locum.surrogates.projection_training import AffineProblem

_SEPARATION_SHARE = 0.01  # of the tolerance; figures magnify it by the conditioning of the system


def refuse_unsuitable(study: Study, model: HighFidelityModel) -> None:
    """Refuse a study that asks for a model's equations without what they need; nothing is run.

    Raises
    ------
    StudyError
        What the model lacks, in one sentence.
    """
    lack = _lack(model)
    if lack is not None and study.surrogate_kind == "projected":
        raise _refusal(study, model, lack)
    if lack is not None and study.methods.indicator == "residual":
        raise StudyError(
            f"{study.path}: methods.indicator: there is no residual: model {model.name} {lack}; "
            "ask for deviation"
        )


def solves_equations(study: Study, model: HighFidelityModel) -> bool:
    """Whether the surrogate, or its indicator, rests on the model's own equations."""
    return study.surrogate_kind == "projected" or indicates_by_residual(study, model)


def indicates_by_residual(study: Study, model: HighFidelityModel) -> bool:
    """Whether the error of an interpolated field is indicated by the residual of the model's equations."""
    return (
        study.surrogate_kind == "interpolated"
        and study.methods.indicator != "deviation"
        and _lack(model) is None
    )


def _lack(model: HighFidelityModel) -> str | None:
    """What of its equations a model does not hand over; None where they can be projected."""
    if isinstance(model, HasTimeStepping):
        return "evolves in time, and only steady models are projected"
    if not isinstance(model, HasInnerProduct):
        return "has no inner_product, in which errors are bounded"
    if isinstance(model, HasAffineOperators):
        if not isinstance(model, HasCoefficientExpressions):
            return "has no coefficient_expressions, without which nothing can be saved"
    elif not isinstance(model, HasOperators):
        return "hands over no operators (affine_operators or operators)"
    return None


def check_promises(study: Study, model: HighFidelityModel) -> None:
    """Check that a model is what it says, by a few simulations of it.

    Raises
    ------
    StudyError
        A field or a quantity of interest that the equations do not give.
    ModelError
        A promise that is not kept, or a simulation that fails.
    """
    try:
        check_capabilities(model)
        values = model.parameters.unwarp(np.full((1, model.parameters.dimension), 0.5))[0]
        given = model.simulate(dict(zip(model.parameters.names, values.tolist(), strict=True)))
    except ModelError as error:
        raise ModelError(f"{study.path}: model: {error}") from error
    except Exception as error:  # whatever a model of the user's raises
        raise ModelError(f"{study.path}: model: {model.name}: the simulation failed: {error!r}") from error
    if study.surrogate_kind != "projected":
        return
    declared = model.output_functionals() if isinstance(model, HasOutputFunctionals) else {}
    for name in quantity_names(given):
        if name not in declared:
            raise _refusal(study, model, f"gives quantity {name!r}, which is none of its output_functionals")
    solution: str = model.solution_field  # type: ignore[attr-defined]
    for name in field_names(given):
        if name != solution:
            raise _refusal(study, model, f"gives field {name!r}, and its equations only {solution!r}")


def problem_of(study: Study, model: Any) -> AffineProblem:
    """A model's equations as projection sees them, with a stability constant that can be saved.

    What has to be separated first is kept in the study's folder.

    Raises
    ------
    ModelError, FitError
        A system that is not stable somewhere, or coefficients that cannot be separated.
    """
    from locum.surrogates.projection_training import affine_problem, proved_constant
    from locum.surrogates.separated_problem import separated_problem

    space = study.space(model)
    if not isinstance(model, HasAffineOperators):
        return separated_problem(model, space, rtol=_separation_rtol(study), folder=study.folder)
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
    a multiple of the load, and no worse than nothing otherwise. Where they are not, the dual systems are
    solved here, at the parameters of the simulations: one sparse factorisation each, and no simulation.

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
    symmetric = all(_symmetric(matrix) for matrix in problem.system.matrices)
    theta, _ = problem.coefficients(values)
    duals = {}
    for name in description.quantities:
        if name in problem.functionals:
            adjoint = problem.system.adjoint(problem.functionals[name])
            solutions = unknowns if symmetric else adjoint.solve(theta, np.ones((len(theta), 1)))
            duals[name] = Projection.start(adjoint).extended(solutions)
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
            "indicator": "residual",
        }
        for name in surrogate.description.fields
    }


def _separation_rtol(study: Study) -> float:
    """A small share of the smallest relative tolerance: the separation's error enters every figure."""
    accuracy = study.accuracy
    asked = [accuracy.tolerance, *(field.tolerance for field in accuracy.fields.values())]
    asked += [each.tolerance for each in accuracy.quantities.values() if each.error == "relative"]
    return _SEPARATION_SHARE * min(asked)


def _symmetric(matrix: Any) -> bool:
    return bool(abs(matrix - matrix.T).max() <= 1e-10 * abs(matrix).max())


def _refusal(study: Study, model: HighFidelityModel, lack: str) -> StudyError:
    return StudyError(
        f"{study.path}: methods.surrogate: no projected surrogate can be made: model {model.name} {lack}; "
        "ask for interpolated"
    )
