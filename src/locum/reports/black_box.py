"""What the simulations behind a projected surrogate give a black box: measured, and extrapolated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from locum.adaptivity import extrapolated_samples
from locum.arrays import Array
from locum.errors import measured_errors
from locum.exceptions import FitError
from locum.execution.candidate import Candidate
from locum.execution.sampling import calibration_samples, training_samples
from locum.execution.surrogate_choice import BEST
from locum.execution.training import training_data, truth_of
from locum.execution.workspace import Workspace
from locum.reports.way import BlackBox, BlackBoxOutput, Compared, Way
from locum.surrogates import EquationSurrogate, InterpolatedSurrogate, train_interpolated

_SIZES = 4  # surrogates that are trained: the trend needs three or more
_SPAN = 3  # the largest training set over the smallest


def way_of(work: Workspace, candidate: Candidate) -> Way:
    """The kind of a version's surrogate and why; where the equations are used, what they saved."""
    surrogate, choice = candidate.checked.surrogate, work.choice
    if isinstance(surrogate, EquationSurrogate):
        used = Way("projected", choice.reason, black_box(work, candidate))
    else:
        comparison = candidate.version.manifest.get("comparison") or {}
        compared = _compared(comparison)
        reason = f"{BEST}, {choice.reason}" if choice.kind == "best" else choice.reason
        used = Way(surrogate.kind, reason, compared=compared, compared_on=comparison.get("simulations"))
    asked = {"best": ("interpolated", "inferred", "hybrid"), "hybrid": ("inferred", "hybrid")}
    if used.kind in asked.get(choice.kind, (choice.kind,)):
        return used
    return replace(used, reason="as the study asked when it was made")


def _compared(comparison: Mapping[str, Any]) -> tuple[Compared, ...]:
    """What a manifest says of the kinds that were compared."""
    return tuple(
        Compared(
            each["kind"],
            each["errors"],
            each.get("largest", {}),
            each["remark"],
            each["kind"] == comparison["chosen"],
        )
        for each in comparison.get("contenders", ())
    )


def black_box(work: Workspace, candidate: Candidate) -> BlackBox | None:
    """Train interpolated surrogates on the version's training simulations, nested; none is simulated.

    Returns
    -------
    BlackBox or None
        None where there are too few simulations to train on, or none to compare with.
    """
    training = training_samples(work)[: candidate.version.manifest["training"]]
    held_out = calibration_samples(work)
    sizes = _nested(len(training), work.space.dimension + 2)
    if not sizes or not held_out:
        return None
    truth = truth_of(work, held_out)
    outputs = candidate.checked.calibration.outputs
    measures = {name: output.measure for name, output in outputs.items()}
    found: list[dict[str, Array]] = []
    surrogate: InterpolatedSurrogate | None = None
    try:
        for size in sizes:
            data = training_data(work, training[:size])
            surrogate = train_interpolated(data, work.study.interpolated_options(), surrogate).surrogate
            found.append(measured_errors(surrogate, truth, measures).total)
    except FitError:
        return None
    ours = measured_errors(candidate.checked.surrogate, truth, measures).total
    asked = candidate.checked.decisive
    return BlackBox(
        sizes=sizes,
        held_out=len(held_out),
        outputs=tuple(
            BlackBoxOutput(
                name=name,
                median=float(np.median(ours[name])),
                largest=float(ours[name].max()),
                black_box_median=float(np.median(found[-1][name])),
                black_box_largest=float(found[-1][name].max()),
                needed=extrapolated_samples([_mean(errors[name]) for errors in found], sizes, asked[name])
                if name in asked
                else None,
            )
            for name in ours
        ),
    )


def _nested(largest: int, smallest: int) -> tuple[int, ...]:
    """Sizes of nested training sets, in equal ratios; the first simulations lie all over the space."""
    if largest < smallest:
        return ()
    spread = np.geomspace(max(smallest, largest / _SPAN), largest, _SIZES)
    return tuple(np.unique(np.round(spread).astype(int)).tolist())


def _mean(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors**2)))
