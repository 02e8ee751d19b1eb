"""Quantities of interest as linear functionals of a field's coordinates, where that predicts them better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from locum.arrays import Array
from locum.inference.folds import field_norms, make_folds, root_mean_square
from locum.regression import QuantityPredictor
from locum.surrogates.inferred import Functional


class FieldCoordinates(NamedTuple):
    """A field's coordinates at the simulations, and as predicted without each; both (s, n)."""

    simulated: Array
    predicted: Array


def linear_functionals(
    quantities: Mapping[str, Array],
    fields: Mapping[str, FieldCoordinates],
    regression: QuantityPredictor | None,
) -> dict[str, Functional]:
    """Fit the quantities that a field predicts better than their own Gaussian processes.

    Parameters
    ----------
    quantities
        Values (s,) by name, in the order of the regression's columns.
    fields
        By name.
    regression
        Of all quantities; None where there are none.

    Returns
    -------
    dict
        Of those quantities alone, each of the field with the least K-fold error.
    """
    if regression is None:
        return {}
    left, found = regression.leave_one_out()[0], {}
    for column, (name, values) in enumerate(quantities.items()):
        best = float(np.mean(left[:, column] ** 2))
        for field, coordinates in fields.items():
            functional, error = _functional(field, coordinates, values)
            if error < best:
                found[name], best = functional, error
    return found


def _functional(field: str, part: FieldCoordinates, values: Array) -> tuple[Functional, float]:
    """Least squares of a quantity on the coordinates, and the mean square K-fold error of its predictions."""
    misfits, errors = np.empty(len(values)), np.empty(len(values))
    for fold in make_folds(part.simulated):
        weights, constant = _linear(part.simulated[fold.training], values[fold.training])
        rows = fold.tested
        misfits[rows] = part.simulated[rows] @ weights + constant - values[rows]
        errors[rows] = part.predicted[rows] @ weights + constant - values[rows]
    weights, constant = _linear(part.simulated, values)
    misfit = root_mean_square(misfits)
    return Functional(field, weights, constant, misfit), float(np.mean(errors**2))


def _linear(coordinates: Array, values: Array) -> tuple[Array, float]:
    """Weights (n,) and constant of the least relative misfit; of the smallest ones where many fit."""
    rows = np.concatenate([coordinates, np.full((len(values), 1), np.median(np.abs(values)))], axis=1)
    scales = field_norms(coordinates)
    found = np.linalg.lstsq(rows / scales[:, None], values / scales, rcond=1e-12)[0]
    return np.asarray(found[:-1]), float(found[-1] * np.median(np.abs(values)))
