"""Gaussian processes on what inferred equations leave of a field, where they are found to help."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.inference.folds import root_mean_square
from locum.regression import CoordinatePredictor, fit_coordinates

_HELPS = 0.8  # a correction must take the K-fold error below this part of it
_BEYOND_HELP = 3.0  # times the error to beat: no correction is tried
_LEADING = 3  # coordinates, those that miss most, on which a quick regression is tried first
_PROMISING = 0.9  # part of their error that it may leave


@dataclass(frozen=True, eq=False)
class Missed:
    """What each simulation's field has beyond its prediction without it.

    Residuals of the fit itself would be too small: an over-fitted model has none.

    Parameters
    ----------
    coordinates
        Of what is missed, shape (s, n).
    errors
        Relative errors of the predictions, shape (s,).
    left
        Relative projection errors, shape (s,): no correction reaches them.
    norms
        Of the fields, shape (s,).
    """

    coordinates: Array
    errors: Array
    left: Array
    norms: Array

    def remaining(self, correction: CoordinatePredictor) -> Array:
        """Relative errors (s,) that a correction leaves, each simulation's predicted without it."""
        missed = np.linalg.norm(correction.leave_one_out()[0], axis=1) / self.norms
        return np.asarray(np.hypot(missed, self.left))


def fit_correction(warped: Array, missed: Missed, *, to_beat: float = np.inf) -> CoordinatePredictor | None:
    """Fit a correction; None where there is none that helps.

    Parameters
    ----------
    warped
        Inputs (s, p) in the unit cube.
    missed
        What is to be foreseen.
    to_beat
        Typical error of another surrogate: nothing is tried on equations that are far from it.
    """
    typical = root_mean_square(missed.errors)
    if not np.isfinite(missed.coordinates).all() or typical > _BEYOND_HELP * to_beat:
        return None
    try:
        if not _promising(warped, missed.coordinates / missed.norms[:, None]):
            return None
        found = fit_coordinates(warped, missed.coordinates).value
    except FitError:
        return None
    return found if root_mean_square(missed.remaining(found)) < _HELPS * typical else None


def _promising(warped: Array, missed: Array) -> bool:
    """Whether one quick regression of the coordinates (s, n) that miss most foresees any of it."""
    from locum.regression.gaussian_process import fit_gaussian_processes

    most = missed[:, np.argsort(-np.linalg.norm(missed, axis=0))[:_LEADING]]
    quick = fit_gaussian_processes(warped, most, kernel="rational-quadratic", groups=[most.shape[1]]).value
    return bool(np.linalg.norm(quick.leave_one_out()[0]) < _PROMISING * np.linalg.norm(most))
