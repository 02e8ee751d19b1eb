"""Surrogates of a black box in a study: Gaussian processes, inferred equations, and the best of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from locum.execution.candidate import Candidate
from locum.parameters import ParameterSpace
from locum.study import Study
from locum.surrogates import (
    FAILURES,
    InferredOptions,
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
    return _inferred(data, study.inferred_options(space), None)


def best(study: Study, space: ParameterSpace, data: TrainingData, earlier: Candidate | None) -> Made:
    """Whichever surrogate of a black box predicts its training simulations best without having seen them.

    They are compared anew whenever there are enough more simulations for it. In the rounds between, the kind
    that was chosen is trained, with the structure that was found.

    Parameters
    ----------
    earlier
        The version trained last, where there is one.

    Raises
    ------
    FitError
        Data that cannot be fitted.
    """
    start = earlier.checked.surrogate if earlier is not None else None
    compared = (earlier.version.manifest.get("comparison") if earlier is not None else None) or {}
    if len(data.values) < compared.get("again", 0):
        kept = _kept(study, space, data, start)
        if kept is not None:
            return kept._replace(comparison=compared)
    warm = start if isinstance(start, InterpolatedSurrogate) else None
    found = train_best(data, study.interpolated_options(), study.inferred_options(space), warm)
    if isinstance(found.surrogate, InferredSurrogate) and found.inferred is not None:
        statistics = inferred_statistics(found.surrogate, found.inferred)
    else:
        statistics = interpolated_statistics(found.interpolated)
    return Made(found.surrogate, statistics, found.comparison.to_dict())


def _kept(study: Study, space: ParameterSpace, data: TrainingData, start: Surrogate | None) -> Made | None:
    """A surrogate of the kind that was chosen before; None where the equations do not hold any more."""
    if isinstance(start, InterpolatedSurrogate):
        return interpolate(study, data, start)
    assert isinstance(start, InferredSurrogate)
    options = study.inferred_options(space)
    if start.kind == "inferred":
        options = replace(options, correction="never")
    try:
        return _inferred(data, options, start)
    except FAILURES:
        return None


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


def _inferred(data: TrainingData, options: InferredOptions, start: InferredSurrogate | None) -> Made:
    surrogate, statistics = train_inferred(data, options, start=start)
    return Made(surrogate, inferred_statistics(surrogate, statistics))


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
