"""Interpolated, inferred or hybrid: the surrogate of a black box that predicts best what it has not seen.

What is compared are errors of training simulations, each predicted without it. No simulation is spent on it,
and none of the calibration set is looked at: that would break the exchangeability on which coverage rests.
The comparison leans towards the Gaussian processes: theirs are leave-one-out errors with basis and
hyper-parameters kept, those of inferred equations are K-fold errors with everything made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.inference.folds import root_mean_square
from locum.surrogates.inferred import InferredSurrogate
from locum.surrogates.inferred_training import (
    InferredOptions,
    InferredStatistics,
    fold_errors,
    train_inferred,
)
from locum.surrogates.interpolated import InterpolatedSurrogate
from locum.surrogates.training import (
    InterpolatedOptions,
    Trained,
    TrainingData,
    TrainingStatistics,
    train_interpolated,
)

_MARGIN = 0.95  # what another surrogate's error must stay below, as a share of the interpolated one's


@dataclass(frozen=True, eq=False)
class Contender:
    """One kind of surrogate in the comparison.

    Parameters
    ----------
    kind
        ``interpolated``, ``inferred`` or ``hybrid``.
    errors
        Field to the relative errors of the training simulations, each predicted without it, shape (s,).
    remark
        Why there is none, or how it was made, in words.
    """

    kind: str
    errors: Mapping[str, Array]
    remark: str = ""

    def root_mean_squares(self) -> dict[str, float]:
        """Of the errors, by field."""
        return {name: root_mean_square(errors) for name, errors in self.errors.items()}


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that were compared.

    Parameters
    ----------
    contenders
        In the order interpolated, inferred, hybrid; one that could not be made has no errors.
    chosen
        Kind of the best.
    """

    contenders: tuple[Contender, ...]
    chosen: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            "chosen": self.chosen,
            "contenders": [
                {
                    "kind": each.kind,
                    "errors": {
                        name: error if np.isfinite(error) else None
                        for name, error in each.root_mean_squares().items()
                    },
                    "remark": each.remark,
                }
                for each in self.contenders
            ],
        }


@dataclass(frozen=True, eq=False)
class Best:
    """The surrogate that was chosen, how the training of both kinds went, and the comparison.

    Parameters
    ----------
    surrogate
        Of the kind that was chosen.
    interpolated
        Statistics of the Gaussian processes.
    inferred
        Field to the statistics of its inferred equations; None where there are none.
    comparison
        What was compared.
    """

    surrogate: InterpolatedSurrogate | InferredSurrogate
    interpolated: TrainingStatistics
    inferred: Mapping[str, InferredStatistics] | None
    comparison: Comparison


def train_best(
    data: TrainingData,
    interpolated: InterpolatedOptions,
    inferred: InferredOptions,
    start: InterpolatedSurrogate | None = None,
) -> Best:
    """Train every kind that a black box allows, and take the one with the least cross-validated error.

    Parameters
    ----------
    data
        The simulations.
    interpolated, inferred
        How each is trained.
    start
        An earlier round's interpolated surrogate.

    Raises
    ------
    FitError
        The Gaussian processes cannot be fitted.
    """
    trained = train_interpolated(data, interpolated, start)
    contenders = [Contender("interpolated", _left_out(trained), "Gaussian processes on reduced coordinates")]
    try:
        other = train_inferred(data, inferred, trained.surrogate.regression)
    except FitError as error:
        contenders.append(Contender("inferred", {}, str(error)))
        return Best(
            trained.surrogate, trained.statistics, None, Comparison(tuple(contenders), "interpolated")
        )
    contenders += _inferred_contenders(other.statistics)
    tolerances = {name: field.tolerance for name, field in data.fields.items()}
    standard, *others = [_worst(each, tolerances) for each in contenders]
    best = others[-1]  # the hybrid where there is one: it is only made where it helps
    won = np.isfinite(best) and not best >= _MARGIN * standard
    chosen = other.surrogate if won else trained.surrogate
    comparison = Comparison(tuple(contenders), chosen.kind)
    return Best(chosen, trained.statistics, other.statistics, comparison)


def _left_out(trained: Trained) -> dict[str, Array]:
    """Errors of whole fields: of the coordinates, and of what the basis leaves."""
    return {
        name: np.hypot(field.leave_one_out, field.truncation_error)
        for name, field in trained.statistics.fields.items()
    }


def _inferred_contenders(statistics: Mapping[str, InferredStatistics]) -> list[Contender]:
    structures = "; ".join(f"{name}: {each.structure}" for name, each in statistics.items())
    plain = Contender("inferred", {name: each.errors for name, each in statistics.items()}, structures)
    if all(each.corrected is None for each in statistics.values()):
        return [plain]
    errors = {name: fold_errors(each) for name, each in statistics.items()}
    return [plain, Contender("hybrid", errors, "Gaussian processes on what the inferred equations leave")]


def _worst(contender: Contender, tolerances: Mapping[str, float]) -> float:
    """Largest error over the fields, relative to what is asked of each."""
    finite = {name: value if np.isfinite(value) else 1.0 for name, value in tolerances.items()}
    return max(error / finite[name] for name, error in contender.root_mean_squares().items())
