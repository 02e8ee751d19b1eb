"""The sweep: a surrogate's error figure over the whole parameter distribution, and what it means."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locum.adaptivity import BoolArray, Round, Spread, Verdict, assess, sweep_points
from locum.arrays import Array
from locum.errors import Calibration, CheckedSurrogate
from locum.execution.candidate import Candidate
from locum.execution.sampling import calibration_samples
from locum.execution.workspace import Workspace
from locum.snapshots import SampleRecord
from locum.surrogates import FigureKind


@dataclass(frozen=True, eq=False)
class Sweep:
    """Error figures at independent draws from the parameter distribution.

    Parameters
    ----------
    values
        The draws, shape (q, p).
    figures
        Output to error figures, shape (q,).
    in_domain
        Whether each draw lies in the domain of validity, shape (q,).
    verdict
        What they say together.
    version
        Number of the version that was swept.
    figure_kind
        What the figures are.
    seconds
        Wall time of the sweep.
    """

    values: Array
    figures: Mapping[str, Array]
    in_domain: BoolArray
    verdict: Verdict
    version: int
    seconds: float
    figure_kind: FigureKind = "indicator"


def sweep(work: Workspace, checked: CheckedSurrogate, number: int) -> Sweep:
    """Ask the error figure of every output at fresh draws, of which each training set has its own.

    Parameters
    ----------
    number
        Number of the version.
    """
    started = time.perf_counter()
    values = sweep_points(work.space, work.generator(f"sweep {checked.manifest['training_set_hash']}"))
    prediction = checked.predict(values)
    figures = {name: prediction.figure(name) for name in checked.description.outputs}
    accuracy = work.study.accuracy
    # as the study asks today: a champion may have been trained for other tolerances
    asked = work.study.tolerances(checked.description.fields, checked.description.quantities)
    verdict = assess(
        figures,
        {name: tolerance.value for name, tolerance in asked.items()},
        prediction.in_domain,
        confidence=accuracy.confidence,
        share=accuracy.share,
    )
    seconds, kind = time.perf_counter() - started, checked.surrogate.figure_kind
    return Sweep(values, figures, prediction.in_domain, verdict, number, seconds, kind)


def check(work: Workspace, candidate: Candidate, held_back: Collection[str] = ()) -> Sweep:
    """Sweep a candidate and keep what was found as a round of the study's history.

    Parameters
    ----------
    held_back
        Identities of samples that did not train the candidate because they still ran.
    """
    found = sweep(work, candidate.checked, candidate.version.number)
    manifest, calibration = candidate.version.manifest, candidate.checked.calibration
    entry = Round(
        number=len([each for each in work.rounds() if each.version != candidate.version.number]),
        training=manifest["training"],
        calibration=manifest["calibration"],
        simulations=spent(work, held_back),
        verdict=found.verdict,
        held_out={name: Spread.of(output.errors) for name, output in calibration.outputs.items()},
        basis=_basis_share(calibration, candidate.checked.decisive),
        factors={name: output.factor for name, output in calibration.outputs.items()},
        seconds={**manifest["seconds"], "sweep": found.seconds},
        version=candidate.version.number,
        figure_kind=candidate.checked.surrogate.figure_kind,
        crossing=crossing(candidate.checked, calibration_samples(work)),
    )
    work.save_round(entry, candidate.version.number)
    verdict = found.verdict
    work.progress.assessed(
        entry.number,
        f"95 % quantile {verdict.ratio.q95:.2f}, largest {verdict.ratio.max:.2f} times the tolerance "
        f"({entry.figure_kind}); {verdict.share:.1%} within, {verdict.share_required:.0%} asked",
    )
    return found


def spent(work: Workspace, held_back: Collection[str] = ()) -> int:
    """Simulations that count against the budget: all that ran, failed ones too, but for audits."""
    return sum(
        record.outcome != "planned" and record.purpose != "audit" and record.identity not in held_back
        for record in work.samples()
    )


def crossing(checked: CheckedSurrogate, records: Sequence[SampleRecord]) -> tuple[str, ...]:
    """Quantities with a relative tolerance that are zero, or of both signs, in these simulations."""
    found = []
    for name in checked.description.quantities:
        if name in checked.decisive and checked.calibration.outputs[name].measure == "relative":
            values = [record.quantities[name] for record in records]
            if values and min(values) <= 0 <= max(values):
                found.append(name)
    return tuple(found)


def _basis_share(calibration: Calibration, tolerances: Mapping[str, float]) -> float:
    """95 % quantile of what the bases leave in simulations they have not seen, relative to tolerance."""
    shares = [
        float(np.quantile(output.projection, 0.95)) / tolerances[name]
        for name, output in calibration.outputs.items()
        if output.projection is not None and output.n and name in tolerances
    ]
    return max(shares, default=0.0)
