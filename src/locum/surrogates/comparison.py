"""Interpolated, inferred or hybrid: the surrogate of a black box that predicts best what it has not seen.

What is compared are errors of training simulations, each predicted without it. No simulation is spent on it,
and none of the calibration set is looked at: that would break the exchangeability on which coverage rests.
The comparison leans towards the Gaussian processes: theirs are leave-one-out errors with basis and
hyper-parameters kept, those of inferred equations are K-fold errors with everything made anew. And it looks
beyond the simulations: equations may be right at all of them and part wildly in a corner that none has
seen. So every surrogate's raw indicator is swept over the parameter space. Where that of equations is many
times the largest of their errors, these stand for little, and it takes their place: equations whose largest
is above that of the Gaussian processes are not taken, however small they are in the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from locum.arrays import Array
from locum.exceptions import LocumError
from locum.inference.folds import root_mean_square
from locum.surrogates.inferred import InferredSurrogate
from locum.surrogates.inferred_training import (
    InferredOptions,
    InferredStatistics,
    InferredTraining,
    fold_errors,
    train_inferred,
    wide_ensemble,
)
from locum.surrogates.interpolated import InterpolatedSurrogate
from locum.surrogates.training import (
    Ensembles,
    InterpolatedOptions,
    Trained,
    TrainingData,
    TrainingStatistics,
    train_interpolated,
)

MARGIN = 0.8  # what another's typical error must stay below, as a share of the interpolated surrogate's
LARGEST = 1.25  # the same of the largest, which a single simulation decides
_WILD = 5.0  # times the largest error of equations: an indicator that the errors do not prepare for
_SWEPT = 500
_SWEEP_SEED = 0
FAILURES = (LocumError, ArithmeticError, ValueError, MemoryError)  # numpy's LinAlgError is a ValueError


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
    swept
        Field to the largest raw indicator in a sweep over the parameter space, where there was one.
    """

    kind: str
    errors: Mapping[str, Array]
    remark: str = ""
    swept: Mapping[str, float] = field(default_factory=dict)

    def root_mean_squares(self) -> dict[str, float]:
        """Of the errors, by field."""
        return {name: root_mean_square(errors) for name, errors in self.errors.items()}

    def largest(self) -> dict[str, float]:
        """Of the errors or, of equations only where it is of another size, of what is indicated anywhere."""
        found = {name: float(np.max(errors)) for name, errors in self.errors.items()}
        bearable = 1.0 if self.kind == "interpolated" else _WILD
        for name, swept in self.swept.items():
            if not swept <= bearable * found[name]:
                found[name] = swept
        return found


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that were compared.

    Parameters
    ----------
    contenders
        In the order interpolated, inferred, hybrid; one that could not be made has no errors.
    chosen
        Kind of the best.
    simulations
        Number of training simulations.
    """

    contenders: tuple[Contender, ...]
    chosen: str
    simulations: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            "chosen": self.chosen,
            "simulations": self.simulations,
            "contenders": [
                {
                    "kind": each.kind,
                    "errors": _finite(each.root_mean_squares()),
                    "largest": _finite(each.largest()),
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
    ensembles = _read(data)
    trained = train_interpolated(data, interpolated, start, ensembles)
    contenders = [
        Contender(
            "interpolated",
            _left_out(trained),
            "Gaussian processes on reduced coordinates",
            _swept(trained.surrogate),
        )
    ]
    other = None
    try:
        other = train_inferred(
            data,
            inferred,
            regression=trained.surrogate.regression,
            to_beat=contenders[0].root_mean_squares(),
            ensembles=ensembles,
        )
        contenders += _inferred_contenders(other)
    except FAILURES as error:  # the Gaussian processes answer, and the report says why
        contenders.append(Contender("inferred", {}, _sentence(error)))
    # the last is the hybrid where there is one: it is only made where it helps
    ratios = _ratios(
        contenders[-1], contenders[0], {name: each.tolerance for name, each in data.fields.items()}
    )
    won = other is not None and ratios.typical < MARGIN and ratios.largest <= LARGEST
    chosen = other.surrogate if other is not None and won else trained.surrogate
    comparison = Comparison(tuple(contenders), chosen.kind, len(data.values))
    return Best(chosen, trained.statistics, other.statistics if other is not None else None, comparison)


def _read(data: TrainingData) -> Ensembles:
    """Every field's snapshots in a form that serves all kinds; nothing where one cannot be made."""
    try:
        return {name: wide_ensemble(data, name) for name in data.description.fields}
    except FAILURES:  # whoever reads for itself can do with less, or says why not
        return {}


def _left_out(trained: Trained) -> dict[str, Array]:
    """Errors of whole fields: of the coordinates, and of what the basis leaves."""
    return {
        name: np.hypot(field.leave_one_out, field.truncation_error)
        for name, field in trained.statistics.fields.items()
    }


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, LocumError) else f"operator inference failed: {error!r}"


def _swept(surrogate: InterpolatedSurrogate | InferredSurrogate) -> dict[str, float]:
    """Largest raw indicator of every field over the parameter space."""
    space = surrogate.description.space
    values = space.sample(_SWEPT, np.random.default_rng(_SWEEP_SEED))
    return {
        name: float(surrogate.field_indicator(name, values).max()) for name in surrogate.description.fields
    }


def _inferred_contenders(found: InferredTraining) -> list[Contender]:
    statistics, swept = found.statistics, _swept(found.surrogate)
    structures = "; ".join(f"{name}: {each.structure}" for name, each in statistics.items())
    plain = {name: each.errors for name, each in statistics.items()}
    if found.surrogate.kind == "inferred":
        return [Contender("inferred", plain, structures, swept)]
    corrected = {name: fold_errors(each) for name, each in statistics.items()}
    how = "Gaussian processes on what the inferred equations leave"
    return [Contender("inferred", plain, structures), Contender("hybrid", corrected, how, swept)]


class _Ratios(NamedTuple):
    typical: float
    largest: float


def _ratios(other: Contender, standard: Contender, tolerances: Mapping[str, float]) -> _Ratios:
    """Of one surrogate's errors to the other's; infinite where there are none or they are no numbers."""
    if not other.errors:
        return _Ratios(np.inf, np.inf)
    typical = [_worst(each.root_mean_squares(), tolerances) for each in (other, standard)]
    largest = [_worst(each.largest(), tolerances) for each in (other, standard)]
    return _Ratios(_ratio(*typical), _ratio(*largest))


def _ratio(mine: float, its: float) -> float:
    if mine == its:  # zero, perhaps
        return 1.0
    return mine / its if its > 0.0 and np.isfinite(mine) else float("inf")


def _worst(errors: Mapping[str, float], tolerances: Mapping[str, float]) -> float:
    """Largest error over the fields, relative to what is asked of each."""
    asked = {name: value if np.isfinite(value) else 1.0 for name, value in tolerances.items()}
    return float(np.max([error / asked[name] for name, error in errors.items()]))


def _finite(errors: Mapping[str, float]) -> dict[str, float | None]:
    return {name: error if np.isfinite(error) else None for name, error in errors.items()}
