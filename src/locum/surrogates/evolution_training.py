"""From a model's time steps and some trajectories to a projected surrogate.

The basis comes in two stages: a proper orthogonal decomposition over time of what each trajectory has that
those before it have not, as POD-greedy adds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.highfidelity import HasInnerProduct, HasTimeStepping
from locum.highfidelity.equations import Equations
from locum.parameters import ParameterSpace
from locum.reduction import StepwiseBasis
from locum.reduction.certified import Coefficients
from locum.reduction.evolution import Evolution, evolution, evolution_model, trajectory_modes
from locum.reduction.projection import Projection
from locum.reduction.stability import StabilityConstant
from locum.surrogates.projected_evolution import ProjectedEvolution
from locum.surrogates.projection_training import Unknowns, affine_system, proved_constant, unknowns_of
from locum.surrogates.surrogate import Description


@dataclass(frozen=True, eq=False)
class EvolutionProblem(Unknowns):
    """A model that evolves in time, as projection sees it.

    Parameters
    ----------
    space, field, free, product, functionals
        As for :class:`Unknowns`; functionals are of the unknowns at the last time.
    evolved
        Its time steps on the unknowns; its output functionals in their order.
    coefficients
        theta and phi of the parameters.
    stability
        Lower bound on the coercivity constant.
    """

    evolved: Evolution
    coefficients: Coefficients
    stability: StabilityConstant

    def unknowns(self, snapshots: Array) -> Array:
        """The unknowns (s, K + 1, N) in trajectories (s, K + 1, ...)."""
        rows = snapshots.reshape(-1, int(np.prod(snapshots.shape[2:])))
        return super().unknowns(rows).reshape(*snapshots.shape[:2], -1)


def evolution_problem(model: Any, space: ParameterSpace | None = None) -> EvolutionProblem:
    """Read a model's capabilities.

    Parameters
    ----------
    model
        A high-fidelity model with time stepping and an inner product.
    space
        A study's space, where it is not the model's own.

    Raises
    ------
    ModelError
        A capability is missing, operators that are not coercive, or a scheme without a bound.
    """
    name = model.name
    if not isinstance(model, HasTimeStepping) or not isinstance(model, HasInnerProduct):
        raise ModelError(
            f"model {name!r} has no time steps to project: it needs affine_operators, "
            "affine_coefficients, free_nodes, solution_field, inner_product, mass_matrix, initial_value, "
            "time_grid and implicitness"
        )
    unknowns, equations = unknowns_of(model, space), Equations(model)
    system, coefficients = affine_system(model, unknowns)
    functionals = np.array(list(unknowns.functionals.values())).reshape(-1, system.size)
    evolved = evolution(
        system.matrices,
        system.vectors,
        equations.mass_matrix(),
        system.inner_product,
        equations.initial_value(),
        equations.time_grid(),
        equations.implicitness(),
        functionals,
        equations.load_factors(),
    )
    # a model's own bound may be of the inf-sup constant, and time steps need coercivity
    stability = proved_constant(system, coefficients, unknowns.space)
    return EvolutionProblem(**vars(unknowns), evolved=evolved, coefficients=coefficients, stability=stability)


def with_modes(
    problem: EvolutionProblem,
    projection: Projection,
    blocks: Callable[[], Iterable[Array]],
    rtol: float,
) -> Projection:
    """Extend a projection by the modes of trajectories, one block of fields (s, K + 1, ...) at a time.

    Parameters
    ----------
    projection
        ``problem.evolved.start()``, or what an earlier pass made of the same trajectories.
    rtol
        What the basis may leave of each trajectory, relative in the study's norm.
    """
    for block in blocks():
        for trajectory in problem.unknowns(block):
            modes = trajectory_modes(projection, trajectory, problem.evolved.times, rtol=rtol)
            projection = projection.extended(modes)
    return projection


def projected_evolution(
    problem: EvolutionProblem, description: Description, projection: Projection, training: Array
) -> ProjectedEvolution:
    """Put a surrogate together.

    Parameters
    ----------
    problem
        The model.
    description
        Its field alone, and quantities that have functionals.
    projection
        Of ``problem.evolved.system``, with the initial value in its basis.
    training
        Parameter values of the simulations behind it, shape (s, p).

    Raises
    ------
    ModelError
        A field or quantity that the equations do not give.
    """
    problem.check(description)
    given = list(problem.functionals)
    model = evolution_model(
        problem.evolved, projection, problem.coefficients, problem.stability
    ).with_outputs([given.index(name) for name in description.quantities])
    shape = description.fields[problem.field].shape
    basis = StepwiseBasis(
        shape=shape,
        inner_product=problem.product,
        singular_values=np.empty(0),
        truncation_error=0.0,
        largest_norm=float(model.solve(training).norms.max(initial=0.0)),
        method="greedy",
        times=problem.evolved.times,
        vectors=problem.placed(projection.basis, int(np.prod(shape[1:]))),
    )
    return ProjectedEvolution(description, basis, model, training)
