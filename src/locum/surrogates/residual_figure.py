"""What the model's equations say of a field that a regression predicted.

A reduced basis of snapshots is a basis for projection too: the residual of *any* coordinates in it is found
online from small arrays, so that an interpolated surrogate gets a figure of its error that sees regression
and truncation alike. A deviation of the regression sees neither a wrong model of smoothness nor what lies
outside the training data. Calibrated like any indicator it is an indicator; with a proved stability constant
and the model's own affine form it is a bound as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.reduction import SteadyBasis
from locum.reduction.affine_system import AffineSystem
from locum.reduction.certified import CertifiedModel, Coefficients
from locum.reduction.projection import Projection
from locum.reduction.separation import SeparationError
from locum.reduction.stability import StabilityConstant
from locum.surrogates.surrogate import FigureKind, Surrogate

_SAME = 1e-6  # how far the projection's basis may be from the surrogate's


@dataclass(frozen=True, eq=False)
class ResidualFigure:
    """The equations' view of one field of a surrogate.

    Parameters
    ----------
    model
        On the surrogate's own basis.
    """

    model: CertifiedModel

    @property
    def kind(self) -> FigureKind:
        """Of the figure before any calibration."""
        return self.model.kind

    def __call__(self, surrogate: Surrogate, field: str, values: Array) -> Array:
        """Figure (q,) of the relative error of a predicted field; infinite where nothing can be claimed."""
        return self.model.assess(values, surrogate.coordinates(field, values)).relative


def residual_figure(
    basis: SteadyBasis,
    free: AnyArray,
    system: AffineSystem,
    coefficients: Coefficients,
    stability: StabilityConstant,
    separation_error: SeparationError | None = None,
) -> ResidualFigure:
    """Project the equations on the basis of an interpolated surrogate.

    Parameters
    ----------
    basis
        Of the field, orthonormal in the model's inner product.
    free
        Places of the unknowns among the field's values, shape (N,).
    system, coefficients, stability, separation_error
        The affine system on the unknowns, its coefficients, and what the error figure rests on.

    Raises
    ------
    ModelError
        A basis whose vectors do not vanish outside the unknowns, or are orthonormal in another inner product.
    """
    vectors = basis.vectors[:, free]
    projection = Projection.start(system).extended(vectors)
    gram = system.inner_product.gram(projection.basis, vectors)
    if gram.shape[0] != gram.shape[1] or np.abs(gram - np.eye(len(gram))).max() > _SAME:
        raise ModelError(
            "residual figure: the surrogate's basis is not orthonormal in the equations' inner product; "
            "train it in the model's own"
        )
    return ResidualFigure(CertifiedModel(projection.reduced, coefficients, stability, separation_error))
