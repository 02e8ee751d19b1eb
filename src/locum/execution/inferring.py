"""Surrogates of a black box in a study: Gaussian processes, inferred equations, and the best of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from locum.parameters import ParameterSpace
from locum.study import Study
from locum.surrogates import (
    InferredStatistics,
    InferredSurrogate,
    InterpolatedSurrogate,
    Surrogate,
    TrainingData,
    TrainingStatistics,
    train_best,
    train_inferred,
    train_interpolated,
)


class Made(NamedTuple):
    """A surrogate, statistics of its training by field, and what it was compared with, as plain values."""

    surrogate: Surrogate
    statistics: Mapping[str, Any]
    comparison: Mapping[str, Any] | None = None


def infer(study: Study, space: ParameterSpace, data: TrainingData) -> Made:
    """The inferred surrogate that a study asks for; with a correction where it asks for a hybrid one.

    Raises
    ------
    FitError
        A structure that is wrong, or no fit that is safe.
    """
    surrogate, statistics = train_inferred(data, study.inferred_options(space))
    return Made(surrogate, inferred_statistics(surrogate, statistics))


def best(
    study: Study, space: ParameterSpace, data: TrainingData, start: InterpolatedSurrogate | None
) -> Made:
    """Whichever surrogate of a black box predicts its training simulations best without having seen them.

    Parameters
    ----------
    start
        The version trained last, if it is interpolated.

    Raises
    ------
    FitError
        Data that cannot be fitted.
    """
    found = train_best(data, study.interpolated_options(), study.inferred_options(space), start)
    if isinstance(found.surrogate, InferredSurrogate) and found.inferred is not None:
        statistics = inferred_statistics(found.surrogate, found.inferred)
    else:
        statistics = interpolated_statistics(found.interpolated)
    return Made(found.surrogate, statistics, found.comparison.to_dict())


def interpolate(study: Study, data: TrainingData, start: InterpolatedSurrogate | None) -> Made:
    """The interpolated surrogate, with the deviation of the regression as its indicator.

    Parameters
    ----------
    start
        An earlier round's.

    Raises
    ------
    FitError
        Data that cannot be fitted.
    """
    trained = train_interpolated(data, study.interpolated_options(), start)
    return Made(trained.surrogate, interpolated_statistics(trained.statistics))


def interpolated_statistics(training: TrainingStatistics) -> dict[str, Any]:
    """What the report says of the bases of Gaussian processes."""
    return {
        name: {
            "rank": field.rank,
            "method": field.method,
            "truncation_error": field.truncation_error,
            "singular_values": field.singular_values.tolist(),
            "outcome": field.outcome,
            "indicator": "deviation",
        }
        for name, field in training.fields.items()
    }


def inferred_statistics(
    surrogate: InferredSurrogate, statistics: Mapping[str, InferredStatistics]
) -> dict[str, Any]:
    """What the report says of the bases of inferred equations."""
    return {
        name: {
            "rank": field.rank,
            "method": surrogate.fields[name].basis.method,
            "truncation_error": field.truncation_error,
            "singular_values": surrogate.fields[name].basis.singular_values.tolist(),
            "outcome": f"inferred equations ({field.structure}"
            f"{'; symmetric' if field.symmetric else ''}; strength {field.strength:.0e})",
        }
        for name, field in statistics.items()
    }
