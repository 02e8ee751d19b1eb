"""The error of a predicted state from one Newton step of the model's own equations.

With R(u; mu) = 0 at the truth, the correction -J(u~)^-1 R(u~) is the error up to its square times the
curvature: for linear equations exactly, for mildly nonlinear ones with an effectivity that tends to one as
the error falls (Deuflhard, *Newton Methods for Nonlinear Problems*, 2004, section 2.1). An *estimate*, never
a bound.

It takes the model and a linear solve: too much for every query, and code that no saved surrogate holds. So it
is asked at a few hundred parameters, without a simulation, and what it says there of an interpolated field is
learnt as a scale of the regression's own deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.highfidelity import HasResidual
from locum.highfidelity.equations import Equations
from locum.parameters import sobol_design
from locum.reduction import InnerProduct, SteadyBasis
from locum.surrogates import InterpolatedSurrogate
from locum.surrogates.deviation_scale import learnt_scale

CORRECTIONS = 256  # points at which an interpolated surrogate is corrected


@dataclass(frozen=True, eq=False)
class Corrected:
    """A corrected state and the estimated error of the one it started from.

    Parameters
    ----------
    state
        u~ plus the correction, shape (n,).
    absolute
        Estimate of ||u - u~||.
    relative
        The same over ||u||, estimated by the corrected state; infinite where that vanishes.
    """

    state: Array
    absolute: float
    relative: float


def newton_corrected(
    model: HasResidual, parameters: Mapping[str, float], state: Array, inner_product: InnerProduct
) -> Corrected:
    """Correct a predicted state by one linear solve.

    Parameters
    ----------
    model
        Gives residual and Jacobian.
    parameters
        By name.
    state
        Unknowns u~, shape (n,).
    inner_product
        Of the unknowns, in which the error is measured.

    Raises
    ------
    ModelError
        The Jacobian is singular at the state, so that nothing can be said.
    """
    correction = newton_correction(model, parameters, state)
    corrected = state + correction
    absolute, size = inner_product.norms(np.stack([correction, corrected]))
    return Corrected(corrected, float(absolute), float(absolute / size) if size else np.inf)


def newton_correction(model: HasResidual, parameters: Mapping[str, float], state: Array) -> Array:
    """-J^-1 R at a state, shape (n,); otherwise as :func:`newton_corrected`."""
    equations = Equations(model)
    try:
        factor = splu(sp.csc_matrix(equations.jacobian(state, parameters)))
    except RuntimeError as error:
        raise ModelError(f"the Jacobian is singular at the predicted state ({error})") from error
    return np.asarray(-factor.solve(equations.residual(state, parameters)))


def newton_scaled(
    surrogate: InterpolatedSurrogate,
    model: HasResidual,
    generator: np.random.Generator,
    count: int = CORRECTIONS,
) -> InterpolatedSurrogate:
    """Scale the deviation of the field of the unknowns by what Newton corrections say of its errors.

    Parameters
    ----------
    surrogate
        Of a steady model.
    model
        Gives residual and Jacobian.
    generator
        Of the points, a Sobol design of the surrogate's space.
    count
        How many points: one linear solve each.

    Raises
    ------
    ModelError
        A field that changes in time.
    FitError
        The model gives no finite correction at most points.
    """
    space, field = surrogate.description.space, model.solution_field
    values = sobol_design(space, count, generator)
    errors = estimated_errors(surrogate, model, values)
    deviations = surrogate.field_indicator(field, values)
    return surrogate.with_scale(field, learnt_scale(space.warp(values), errors, deviations))


def estimated_errors(surrogate: InterpolatedSurrogate, model: HasResidual, values: Array) -> Array:
    """Estimated relative errors of the field of the unknowns at parameters (q, p), in its own norm: (q,).

    Not a number where the Jacobian is singular.
    """
    field, free = model.solution_field, Equations(model).free
    basis, names = surrogate.fields[field].basis, surrogate.description.space.names
    if not isinstance(basis, SteadyBasis):
        raise ModelError("Newton corrector: the field changes in time, and only steady ones are corrected")
    errors = np.full(len(values), np.nan)
    for number, value in enumerate(values):
        predicted = surrogate.expand(field, surrogate.coordinates(field, value[None]))[0].ravel()
        correction = np.zeros_like(predicted)
        try:
            parameters = dict(zip(names, value.tolist(), strict=True))
            correction[free] = newton_correction(model, parameters, predicted[free])
        except ModelError:
            continue
        absolute, size = basis.norms(np.stack([correction, predicted + correction]))
        errors[number] = absolute / size if size else np.nan
    return errors
