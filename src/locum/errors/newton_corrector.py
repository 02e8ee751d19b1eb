"""The error of a predicted state from one Newton step of the model's own equations.

With R(u; mu) = 0 at the truth, the correction -J(u~)^-1 R(u~) is the error up to its square times the
curvature: for linear equations exactly, for mildly nonlinear ones with an effectivity that tends to one as
the error falls (Deuflhard, *Newton Methods for Nonlinear Problems*, 2004, section 2.1). An *estimate*, never
a bound.
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
from locum.reduction import InnerProduct


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
    try:
        factor = splu(sp.csc_matrix(model.jacobian(state, parameters)))
    except RuntimeError as error:
        raise ModelError(f"the Jacobian is singular at the predicted state ({error})") from error
    corrected = state - factor.solve(model.residual(state, parameters))
    absolute, size = inner_product.norms(np.stack([corrected - state, corrected]))
    return Corrected(corrected, float(absolute), float(absolute / size) if size else np.inf)
