"""Projected surrogates in a study: which models have them, and how one is made of stored simulations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.adaptivity import relative_to_tolerance
from locum.arrays import Array
from locum.errors.calibration import measured_indicator
from locum.errors.tolerance import Tolerance
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
from locum.parameters import ParameterSpace
from locum.reduction.definiteness import is_symmetric
from locum.study import Study
from locum.surrogates import Description, EquationSurrogate, ProjectedEvolution, ProjectedSurrogate

_ROOM = 0.5  # of the tolerances that figures at the simulations may use up
_STRICTER = 0.25  # factor from one pass over the trajectories to the next
_LEAST_RTOL = 1e-10  # modes below this share of a trajectory are rounding

if TYPE_CHECKING:
    from locum.surrogates.evolution_training import EvolutionProblem
    from locum.surrogates.projection_training import AffineProblem


def refuse_unsuitable(study: Study, model: HighFidelityModel) -> None:
    """Refuse a study that asks a projected surrogate of a model without what that needs; nothing is run.

    Raises
    ------
    StudyError
        What the model lacks, in one sentence.
    """
    if study.surrogate_kind != "projected":
        return
    if not isinstance(model, HasInnerProduct):
        raise _refusal(study, model, "has no inner_product, in which errors are bounded")
    if isinstance(model, HasAffineOperators):
        if not isinstance(model, HasCoefficientExpressions):
            raise _refusal(study, model, "has no coefficient_expressions, without which nothing can be saved")
    elif not isinstance(model, HasOperators):
        raise _refusal(study, model, "hands over no operators (affine_operators or operators)")


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
    declared = model.output_functionals() if isinstance(model, HasOutputFunctionals) else {}
    for name in quantity_names(given):
        if name not in declared:
            raise _refusal(study, model, f"gives quantity {name!r}, which is none of its output_functionals")
    solution: str = model.solution_field  # type: ignore[attr-defined]
    for name in field_names(given):
        if name != solution:
            raise _refusal(study, model, f"gives field {name!r}, and its equations only {solution!r}")


def problem_of(model: Any, space: ParameterSpace) -> AffineProblem | EvolutionProblem:
    """A model's equations as projection sees them, with a stability constant that can be saved.

    Raises
    ------
    ModelError, FitError
        A system that is not stable somewhere, or coefficients that cannot be separated.
    """
    from locum.surrogates.evolution_training import evolution_problem
    from locum.surrogates.projection_training import affine_problem, proved_constant, separated_problem

    if isinstance(model, HasTimeStepping):
        return evolution_problem(model, space)
    if not isinstance(model, HasAffineOperators):
        return separated_problem(model, space)
    problem = affine_problem(model, space)
    if isinstance(model, HasCoercivityBound):  # a function of the model's: code is not saved
        stability = proved_constant(problem.system, problem.coefficients, space)
        problem = replace(problem, stability=stability)
    return problem


def project(
    problem: AffineProblem | EvolutionProblem,
    description: Description,
    values: Array,
    blocks: Callable[[], Iterable[Array]],
    tolerances: Mapping[str, Tolerance],
    truncation_share: float,
) -> EquationSurrogate:
    """Project a model's equations onto simulations of it.

    Parameters
    ----------
    values
        Parameter values of the simulations, shape (s, p).
    blocks
        Starts a pass over blocks of their fields, shape (k, ...) each.
    tolerances
        Of the outputs. They decide how many modes of a trajectory are kept; steady fields are kept whole.
    truncation_share
        Part of the field's tolerance that the modes may use up, at first.

    Raises
    ------
    ModelError
        A field or quantity that the equations do not give.
    """
    from locum.surrogates.projection_training import AffineProblem

    if isinstance(problem, AffineProblem):
        return _project_steady(problem, description, values, np.concatenate(list(blocks())))
    rtol = truncation_share * tolerances[problem.field].value
    return _project_evolution(problem, description, values, blocks, tolerances, rtol)


def _project_evolution(
    problem: EvolutionProblem,
    description: Description,
    values: Array,
    blocks: Callable[[], Iterable[Array]],
    tolerances: Mapping[str, Tolerance],
    rtol: float,
) -> ProjectedEvolution:
    """Keep modes until the figures at the simulations themselves leave room for those between them."""
    from locum.surrogates.evolution_training import projected_evolution, with_modes

    projection = problem.evolved.start()
    while True:
        projection = with_modes(problem, projection, blocks, rtol)
        surrogate = projected_evolution(problem, description, projection, values)
        rtol *= _STRICTER
        if rtol < _LEAST_RTOL or _largest_ratio(surrogate, values, tolerances) <= _ROOM:
            return surrogate


def _largest_ratio(surrogate: EquationSurrogate, values: Array, tolerances: Mapping[str, Tolerance]) -> float:
    """The largest error figure over its tolerance at parameter values (s, p)."""
    asked = {name: tolerance.value for name, tolerance in tolerances.items()}
    figures = {name: surrogate.field_indicator(name, values) for name in surrogate.description.fields}
    found, errors = surrogate.quantity_values(values), surrogate.quantity_indicators(values)
    for j, name in enumerate(surrogate.description.quantities):
        if name in asked:
            figures[name] = measured_indicator(found[:, j], errors[:, j], tolerances[name].error)
    return float(relative_to_tolerance(figures, asked).max())


def _project_steady(
    problem: AffineProblem, description: Description, values: Array, snapshots: Array
) -> ProjectedSurrogate:
    """Where the operators are symmetric the same simulations serve the dual systems: exactly if the quantity
    is a multiple of the load, and no worse than nothing otherwise.
    """
    from locum.reduction.projection import Projection
    from locum.surrogates.projection_training import projected_surrogate

    unknowns = problem.unknowns(snapshots)
    projection = Projection.start(problem.system).extended(unknowns)
    duals = {}
    if all(is_symmetric(matrix) for matrix in problem.system.matrices):
        for name in description.quantities:
            if name in problem.functionals:
                adjoint = problem.system.adjoint(problem.functionals[name])
                duals[name] = Projection.start(adjoint).extended(unknowns)
    return projected_surrogate(problem, description, projection, values, duals)


def projection_statistics(surrogate: EquationSurrogate) -> dict[str, Any]:
    """What the report says of the basis; it has no spectrum."""
    return {
        name: {
            "rank": surrogate.rank,
            "method": "modes of each trajectory"
            if isinstance(surrogate, ProjectedEvolution)
            else "Gram-Schmidt on the simulations",
            "truncation_error": 0.0,
            "singular_values": [],
            "outcome": f"projected, with a proved {surrogate.figure_kind}"
            if surrogate.figure_kind == "bound"
            else "projected, with an estimate",
        }
        for name in surrogate.description.fields
    }


def _refusal(study: Study, model: HighFidelityModel, lack: str) -> StudyError:
    return StudyError(
        f"{study.path}: methods.surrogate: no projected surrogate can be made: model {model.name} {lack}; "
        "ask for interpolated"
    )
