"""What the deviation of a regression is multiplied by to be as large as the errors are.

A Gaussian process is as sure where the response is steep as where it is flat, if it was fitted to both. Where
errors can be estimated at many parameters without simulating there, their ratio to the deviation is learnt,
as a Gaussian process of its logarithm (in the spirit of Drohmann and Carlberg, *The ROMES method for
statistical modeling of reduced-order-model error*, SIAM/ASA J. Uncertainty Quantification 3, 2015). What
comes out is an indicator, to be calibrated as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, StorageError
from locum.regression import Predictor, predictor_from_arrays


@dataclass(frozen=True, eq=False)
class DeviationScale:
    """A positive factor as a function of warped parameters.

    Parameters
    ----------
    logarithm
        Of the factor: one output.
    lowest, highest
        Of the logarithms that were seen; it is held between them.
    """

    logarithm: Predictor
    lowest: float
    highest: float

    def __call__(self, warped: Array) -> Array:
        """Factors (q,) at parameters (q, p) warped to the unit cube."""
        found = self.logarithm.mean(warped)[:, 0]
        return np.asarray(np.exp(np.minimum(np.maximum(found, self.lowest), self.highest)))

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """The saved form: arrays and plain values."""
        arrays, logarithm = self.logarithm.to_arrays()
        return arrays, {"logarithm": logarithm, "lowest": self.lowest, "highest": self.highest}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], content: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_arrays`.

        Raises
        ------
        StorageError
            Content or arrays that are missing or do not fit each other.
        """
        try:
            logarithm = predictor_from_arrays(arrays, content["logarithm"])
            found = cls(logarithm, float(content["lowest"]), float(content["highest"]))
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"the saved scale of a deviation cannot be read: {error!r}") from error
        if logarithm.y.shape[1] != 1 or not -np.inf < found.lowest <= found.highest < np.inf:
            raise StorageError("the saved scale of a deviation cannot be read: its parts make no sense")
        return found


def learnt_scale(warped: Array, errors: Array, deviations: Array) -> DeviationScale:
    """Learn how errors compare with deviations.

    Parameters
    ----------
    warped
        Parameters warped to the unit cube, shape (n, p).
    errors, deviations
        Errors there, perhaps estimated, and what the regression expected of them, shape (n,). Where one of
        the two is no positive number nothing is learnt.

    Raises
    ------
    FitError
        Less than half of the pairs can be learnt from, or no Gaussian process can be fitted to them.
    """
    from locum.regression.gaussian_process import fit_gaussian_processes

    usable = (errors > 0) & (deviations > 0) & np.isfinite(errors) & np.isfinite(deviations)
    if 2 * usable.sum() < len(usable):
        raise FitError(
            f"scale of the deviation: {usable.sum()} of {len(usable)} estimated errors can be learnt from"
        )
    logarithms = np.log(errors[usable] / deviations[usable])
    fit = fit_gaussian_processes(warped[usable], logarithms[:, None])
    return DeviationScale(fit.value, float(logarithms.min()), float(logarithms.max()))
