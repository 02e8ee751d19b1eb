"""Projected surrogates in a study: how one is made of a model's equations and stored simulations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.adaptivity import relative_to_tolerance
from locum.arrays import Array
from locum.errors.calibration import measured_indicator
from locum.errors.tolerance import Tolerance
from locum.execution.surrogate_choice import is_nonlinear
from locum.highfidelity import (
    HasAffineOperators,
    HasCoercivityBound,
    HasTimeStepping,
)
from locum.highfidelity.equations import Equations
from locum.reduction.definiteness import is_symmetric
from locum.study import Study
from locum.surrogates import (
    Description,
    EquationSurrogate,
    ProjectedEvolution,
    ProjectedNonlinear,
    ProjectedSurrogate,
)

_ROOM = 0.5  # of the tolerances that figures at the simulations may use up
_STRICTER = 0.25  # factor from one pass over the trajectories to the next
_LEAST_RTOL = 1e-10  # modes below this share of a trajectory are rounding

_METHODS: Mapping[type[EquationSurrogate], str] = {
    ProjectedSurrogate: "Gram-Schmidt on the simulations",
    ProjectedEvolution: "modes of each trajectory",
    ProjectedNonlinear: "modes of the simulations",
}

if TYPE_CHECKING:
    from locum.surrogates.evolution_training import EvolutionProblem
    from locum.surrogates.nonlinear_training import NonlinearProblem
    from locum.surrogates.projection_training import AffineProblem

    Problem = AffineProblem | EvolutionProblem | NonlinearProblem

_SEPARATION_SHARE = 0.01  # of the tolerance; figures magnify it by the conditioning of the system


def lacking_outputs(model: Any, fields: Iterable[str], quantities: Iterable[str]) -> str | None:
    """What of the outputs of a model its equations do not give, as a sentence goes on after its name."""
    declared = Equations(model).outputs()
    for name in quantities:
        if name not in declared:
            return f"gives quantity {name!r}, which is none of its output_functionals"
    for name in fields:
        if name != model.solution_field:
            return f"gives field {name!r}, and its equations only {model.solution_field!r}"
    return None


def problem_of(study: Study, model: Any) -> Problem:
    """A model's equations as projection sees them, with a stability constant that can be saved.

    What has to be separated first is kept in the study's folder.

    Raises
    ------
    ModelError, FitError
        A system that is not stable somewhere, or coefficients that cannot be separated.
    """
    from locum.surrogates.evolution_training import evolution_problem
    from locum.surrogates.nonlinear_training import nonlinear_problem
    from locum.surrogates.projection_training import affine_problem, proved_constant
    from locum.surrogates.separated_problem import separated_problem

    space = study.space(model)
    if isinstance(model, HasTimeStepping):
        return evolution_problem(model, space)
    if is_nonlinear(model):
        return nonlinear_problem(model, space)
    if not isinstance(model, HasAffineOperators):
        return separated_problem(model, space, rtol=_separation_rtol(study), folder=study.folder)
    problem = affine_problem(model, space)
    if isinstance(model, HasCoercivityBound):  # a function of the model's: code is not saved
        stability = proved_constant(problem.system, problem.coefficients, space)
        problem = replace(problem, stability=stability)
    return problem


def separation_is_kept(study: Study, model: Any) -> bool:
    """Whether the affine form of a model that only assembles its operators was found already."""
    from locum.surrogates.separated_problem import is_kept

    return is_kept(model, study.space(model), _separation_rtol(study), study.folder)


def project(
    problem: Problem,
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
        Of the outputs. They decide how many modes are kept of a trajectory, and of the fields of a nonlinear
        model; those of a linear one are kept whole.
    truncation_share
        Part of the field's tolerance that the modes may use up, at first.

    Raises
    ------
    ModelError
        A field or quantity that the equations do not give.
    """
    from locum.surrogates.nonlinear_training import NonlinearProblem, projected_nonlinear
    from locum.surrogates.projection_training import AffineProblem

    if isinstance(problem, AffineProblem):
        return _project_steady(problem, description, values, np.concatenate(list(blocks())))
    if isinstance(problem, NonlinearProblem):
        snapshots = np.concatenate(list(blocks()))
        allowed = _allowed_errors(problem, problem.unknowns(snapshots), tolerances)
        return projected_nonlinear(problem, description, values, snapshots, allowed)
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
            figures[name] = measured_indicator(
                found[:, j], errors[:, j], tolerances[name].error, surrogate.figure_kind
            )
    return float(relative_to_tolerance(figures, asked).max())


def _project_steady(
    problem: AffineProblem, description: Description, values: Array, snapshots: Array
) -> ProjectedSurrogate:
    """Where the operators are symmetric the same simulations serve the dual systems: exactly if the quantity
    is a multiple of the load, and no worse than nothing otherwise. Where they are not, the dual systems are
    solved here, at the parameters of the simulations: one sparse factorisation each, and no simulation.
    """
    from locum.reduction.projection import Projection
    from locum.surrogates.projection_training import projected_surrogate

    unknowns = problem.unknowns(snapshots)
    projection = Projection.start(problem.system).extended(unknowns)
    symmetric = all(is_symmetric(matrix) for matrix in problem.system.matrices)
    theta, _ = problem.coefficients(values)
    duals = {}
    for name in description.quantities:
        if name in problem.functionals:
            adjoint = problem.system.adjoint(problem.functionals[name])
            solutions = unknowns if symmetric else adjoint.solve(theta, np.ones((len(theta), 1)))
            duals[name] = Projection.start(adjoint).extended(solutions)
    return projected_surrogate(problem, description, projection, values, duals)


def _allowed_errors(problem: NonlinearProblem, states: Array, tolerances: Mapping[str, Tolerance]) -> Array:
    """By how much states (s, N) may be missed in the norm of X with all outputs within tolerance: (s,)."""
    allowed = tolerances[problem.field].value * problem.inner.norms(states)
    for name, size in problem.functional_norms().items():
        if name in tolerances and size > 0:
            scale = (
                np.abs(states @ problem.functionals[name]) if tolerances[name].error == "relative" else 1.0
            )
            allowed = np.minimum(allowed, tolerances[name].value * scale / size)
    return np.asarray(allowed)


def projection_statistics(surrogate: EquationSurrogate) -> dict[str, Any]:
    """What the report says of the basis; it has no spectrum."""
    return {
        name: {
            "rank": surrogate.rank,
            "method": _METHODS[type(surrogate)],
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
