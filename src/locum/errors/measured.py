"""True errors of a surrogate against high-fidelity answers, in bounded memory: for calibration and audits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from locum.arrays import Array
from locum.errors.tolerance import ErrorMeasure
from locum.surrogates import Surrogate


@dataclass(frozen=True, eq=False)
class Truth:
    """What the high-fidelity model answered at n points.

    Parameters
    ----------
    values
        Parameter values, shape (n, p).
    fields
        Field name to a function that starts a fresh pass over blocks of snapshots (rows, ...), in the order
        of ``values``.
    quantities
        Name to values, shape (n,).
    """

    values: Array
    fields: Mapping[str, Callable[[], Iterable[Array]]]
    quantities: Mapping[str, Array]


class MeasuredErrors(NamedTuple):
    """Errors by output, each of shape (n,); ``projection`` is what a field's basis leaves."""

    total: dict[str, Array]
    projection: dict[str, Array]


def measured_errors(
    surrogate: Surrogate, truth: Truth, measures: Mapping[str, ErrorMeasure] | None = None
) -> MeasuredErrors:
    """Errors of every output: of fields relative in the study's norm, of quantities as their measure says.

    Parameters
    ----------
    measures
        Quantity to measure; relative where it is left out.

    Raises
    ------
    ValueError
        When a field's blocks hold more or fewer snapshots than there are values.
    """
    total: dict[str, Array] = {}
    projection: dict[str, Array] = {}
    for name in surrogate.description.fields:
        total[name], projection[name] = _field_errors(surrogate, truth, name)
    predicted = surrogate.quantity_values(truth.values)
    for j, name in enumerate(surrogate.description.quantities):
        measure = (measures or {}).get(name, "relative")
        total[name] = quantity_errors(predicted[:, j], truth.quantities[name], measure)
    return MeasuredErrors(total, projection)


def _field_errors(surrogate: Surrogate, truth: Truth, name: str) -> tuple[Array, Array]:
    total, projection = np.full((2, len(truth.values)), np.nan)
    start = 0
    for snapshots in truth.fields[name]():
        rows = slice(start, start + len(snapshots))
        if rows.stop > len(total):
            break
        total[rows], projection[rows] = surrogate.field_errors(name, truth.values[rows], snapshots)
        start = rows.stop
    else:
        if start == len(total):
            return total, projection
    raise ValueError(f"field {name!r}: blocks do not hold {len(total)} snapshots, one for each point")


def quantity_errors(predicted: Array, true: Array, measure: ErrorMeasure) -> Array:
    """Errors of one quantity, shape (n,); infinite where a relative error divides by zero."""
    errors = np.abs(predicted - true)
    if measure == "relative":
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            errors = np.where(errors == 0, 0.0, errors / np.abs(true))
    return errors
