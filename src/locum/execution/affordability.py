"""Whether what a model's equations are asked for is worth its time: a study that leaves the choice to locum
should not wait for it as long as for its simulations.

The count of what is asked is known beforehand, and what one takes is measured. Who names a method has chosen,
and is not held back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from locum.errors.newton_corrector import CORRECTIONS, newton_correction
from locum.execution.projecting import separation_is_kept
from locum.execution.surrogate_choice import corrected_by_newton, is_nonlinear
from locum.execution.workspace import Workspace
from locum.highfidelity import HasAffineOperators, HasOperators
from locum.highfidelity.equations import Equations
from locum.snapshots import SampleRecord

SHARE = 0.5  # of the time that the study's simulations take
PATIENCE = 60.0  # seconds that are not worth a thought
_ROUNDS = 10  # of a usual study; each takes corrections of its own surrogate


def too_dear(work: Workspace, records: Sequence[SampleRecord], *, projecting: bool) -> str | None:
    """What takes too long, as a sentence goes on after the model's name; None where nothing does.

    Parameters
    ----------
    records
        Simulations that there are, at least one: their seconds are those of the others.
    projecting
        Whether the equations are to be projected, or else to indicate the errors of interpolated fields.
    """
    model: Any = work.model
    equations = Equations(model)
    parameters = dict(records[0].parameters)
    if corrected_by_newton(model):
        fields = work.store.dataset(records[:1])[equations.field].values
        state = fields[0].ravel()[equations.free]
        if projecting and is_nonlinear(model):
            from locum.surrogates.nonlinear_training import MOST_RESIDUALS

            count = _ROUNDS * MOST_RESIDUALS
            return _judged(work, records, count, "residuals", lambda: equations.residual(state, parameters))
        count, what = _ROUNDS * CORRECTIONS, "residuals with their Jacobians solved for"
        return _judged(work, records, count, what, lambda: newton_correction(model, parameters, state))
    separated = isinstance(model, HasOperators) and not isinstance(model, HasAffineOperators)
    if not separated or separation_is_kept(work.study, model):
        return None
    from locum.surrogates.separated_problem import MOST_ASSEMBLIES

    return _judged(
        work, records, MOST_ASSEMBLIES, "assembled systems", lambda: equations.operators(parameters)
    )


def _judged(
    work: Workspace, records: Sequence[SampleRecord], count: int, what: str, once: Callable[[], object]
) -> str | None:
    allowed = max(PATIENCE, SHARE * _simulation_seconds(work, records))
    price = count * min(_seconds(once), _seconds(once))  # the first call may fill the model's caches
    if price <= allowed:
        return None
    return (
        f"needs up to {count} {what}, about {price:.0f} s, where {allowed:.0f} s are half of what the "
        "study's simulations take, or a minute"
    )


def _seconds(once: Callable[[], object]) -> float:
    started = time.perf_counter()
    once()
    return time.perf_counter() - started


def _simulation_seconds(work: Workspace, records: Sequence[SampleRecord]) -> float:
    """What all simulations take that the study may make; without a budget, those that it begins with."""
    count = work.study.budget.simulations
    if count is None:
        begun = work.study.resolved(work.space.dimension, kind="interpolated")
        count = begun.initial + begun.calibration
    return count * float(np.mean([record.seconds for record in records]))
