"""What the model's equations say of a field that a regression predicted.

A reduced basis of snapshots is a basis for projection too: the residual of *any* coordinates in it is found
online from small arrays, so that an interpolated surrogate gets an indicator of its error that sees
regression and truncation alike. A deviation of the regression sees neither a wrong model of smoothness nor
what lies outside the training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.reduction import FieldBasis, SteadyBasis
from locum.reduction.certified import CertifiedModel
from locum.reduction.certified_saved import certified_from_saved, certified_to_saved
from locum.reduction.projection import Projection

if TYPE_CHECKING:
    from locum.surrogates.projection_training import AffineProblem

_SAME = 1e-6  # how far the projection's basis may be from the surrogate's


@dataclass(frozen=True, eq=False)
class ResidualIndicator:
    """Residual over stability constant and norm: to be calibrated like any indicator.

    It is not made a bound of the relative error, ||u|| >= ||u_n|| - ||e||: that is infinite for coarse
    predictions, among which an indicator must still tell the better ones.

    Parameters
    ----------
    model
        The equations on the surrogate's own basis.
    """

    model: CertifiedModel

    def __call__(self, values: Array, coordinates: Array) -> Array:
        """Indicator (q,) of the relative error of predicted coordinates (q, m) at parameters (q, p)."""
        found = self.model.assess(values, coordinates)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(found.absolute / found.norms)

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """The saved form: arrays and plain values.

        Raises
        ------
        StorageError
            Coefficients or a stability constant that are code.
        """
        content, arrays = certified_to_saved(self.model)
        return arrays, content

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], content: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_arrays`."""
        return cls(certified_from_saved(content, arrays))


def residual_indicator(basis: FieldBasis, problem: AffineProblem) -> ResidualIndicator:
    """Project the equations on the basis of an interpolated surrogate.

    Parameters
    ----------
    basis
        Of the field of the unknowns, orthonormal in the model's inner product.
    problem
        The equations.

    Raises
    ------
    ModelError
        A field that changes in time, or a basis that is orthonormal in another inner product.
    """
    if not isinstance(basis, SteadyBasis):
        raise ModelError("residual indicator: the field changes in time, and only steady ones are projected")
    vectors = basis.vectors[:, problem.free]
    projection = Projection.start(problem.system).extended(vectors)
    gram = problem.system.inner_product.gram(projection.basis, vectors)
    if gram.shape[0] != gram.shape[1] or np.abs(gram - np.eye(len(gram))).max() > _SAME:
        raise ModelError(
            "residual indicator: the surrogate's basis is not orthonormal in the equations' inner product; "
            "train it in the model's own"
        )
    return ResidualIndicator(problem.model(projection))
