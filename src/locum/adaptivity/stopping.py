"""Stopping: whether the loop goes on, and if not why, what is to blame, and what to do.

Pure functions of the rounds so far. The loop makes no progress when its *level* (the quantile of the error
figure that has to come below tolerance) falls by less than a tenth for each doubling of the training
simulations. Levels scatter from round to round, with the hyper-parameters and with the calibration, so a gain
of a tenth must be refuted at 95 % confidence, by least squares over rounds up to the last one that span a
doubling or more. In scripted studies a level that stands still is found out after 1.3 doublings where it does
not scatter, and after 2 where it scatters by 15 %; of studies that gain 30 % in a doubling and scatter by 20
%, one in twenty-five is stopped wrongly within four doublings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from locum.adaptivity.power_law import fitted_power_law
from locum.adaptivity.rounds import Round

LEAST_GAIN = 0.1  # of the level, for each doubling of the training simulations
LEAST_ROUNDS = 4
SPAN = 2.0  # the last round has at least so many times the training simulations of the first one looked at
CERTAINTY = 0.95
BASIS_SHARE = (
    0.5  # of the tolerance: beyond this the basis is to blame, as in the greedy criteria of reduced bases
)
CALIBRATION_EXCESS = 2.0  # figures so many times the errors that were measured
FARTHEST_FORECAST = 20.0
_TELLING = 3  # rounds that show how fast a measure falls


class Outcome(StrEnum):
    """How a round ends."""

    CONTINUE = "continue"
    WITHIN_TOLERANCE = "within tolerance"
    BUDGET_SPENT = "budget spent"
    TIME_SPENT = "time spent"
    NO_PROGRESS = "no progress"


class Blame(StrEnum):
    """What keeps the error figures up."""

    BASIS = "basis"
    REGRESSION = "regression"
    DOMAIN = "domain"
    CALIBRATION = "calibration"
    PROJECTION = "projection"
    ZERO = "zero"


_LEARNING = (Blame.REGRESSION, Blame.PROJECTION, Blame.BASIS, Blame.CALIBRATION)
"""What more simulations make smaller, as long as the figures fall."""

REMEDIES = {
    Blame.BASIS: (
        "the reduced basis leaves {basis:.0%} of the tolerance in simulations it has not seen: "
        "raise methods.reduction.max_rank if it is set, lower methods.reduction.truncation_share, or allow "
        "a larger tolerance; fields that travel through the mesh need many modes"
    ),
    Blame.REGRESSION: (
        "the regression does not learn the fields from more samples: look for jumps, noise or an unconverged "
        "solver in the model, narrow the ranges of the parameters, or split the study in two"
    ),
    Blame.PROJECTION: (
        "the {kind} needs a larger reduced basis, or the tolerance lies below what the solver resolves: "
        "allow more simulations, narrow the ranges of the parameters, or relax the tolerance"
    ),
    Blame.DOMAIN: (
        "{outside:.1%} of the parameter distribution lies outside the domain of validity: look at the failed "
        "simulations, and narrow the ranges to where the model runs"
    ),
    Blame.ZERO: (
        "relative errors have no limit where a quantity passes through zero: ask for error: absolute of "
        "{crossing}, with a tolerance in its unit"
    ),
    Blame.CALIBRATION: (
        "the calibration is coarse: {calibration} simulations put the error figures well above the errors "
        "that were measured; raise methods.calibration.simulations"
    ),
}


@dataclass(frozen=True)
class Decision:
    """What the loop does next.

    Parameters
    ----------
    outcome
        Go on, or why not.
    blame
        What keeps the error figures up; None within tolerance, and while the loop goes on.
    advice
        What was found and what to do, in words.
    """

    outcome: Outcome
    blame: Blame | None
    advice: str

    @property
    def goes_on(self) -> bool:
        """Whether another round follows."""
        return self.outcome is Outcome.CONTINUE


def decide(
    history: Sequence[Round],
    *,
    answering: Round | None = None,
    simulations: int | None = None,
    wall_time: float | None = None,
    elapsed: float = 0.0,
) -> Decision:
    """Decide after a round.

    Parameters
    ----------
    history
        All rounds so far, at least one, the newest last.
    answering
        The round whose surrogate answers; the newest where it is left out. A newer one that nobody may ask
        says how the loop goes, and not whether the study is within tolerance.
    simulations, wall_time
        The budget: simulations in all, and seconds; None for no limit.
    elapsed
        Seconds since the study was started.
    """
    last = history[-1]
    answering = answering or last
    verdict = answering.verdict
    found = (
        f"{verdict.share_lower:.2%} of the parameter distribution is within tolerance "
        f"at {verdict.confidence:.0%} confidence, and {verdict.share_required:.0%} are asked"
    )
    if verdict.within:
        return Decision(Outcome.WITHIN_TOLERANCE, None, found)
    if simulations is not None and last.simulations >= simulations:
        outcome, why = Outcome.BUDGET_SPENT, f"the budget of {simulations} simulations is spent"
    elif wall_time is not None and elapsed >= wall_time:
        outcome, why = Outcome.TIME_SPENT, f"the budget of {wall_time:.0f} s is spent"
    elif stagnates(history):
        outcome, why = Outcome.NO_PROGRESS, "more simulations no longer help"
    else:
        return Decision(Outcome.CONTINUE, None, found)
    blame = blamed(answering)
    return Decision(outcome, blame, f"{why}: {found}; {_remedy(history, answering, blame, outcome)}")


def stagnates(history: Sequence[Round]) -> bool:
    """Whether nothing comes down any more that still has to.

    That is the share outside the domain where it is too large, otherwise the measured errors, and the level.
    Where measured errors fall the surrogate learns, even if it learns how rough the model is and its figures
    rise.
    """
    last = history[-1].verdict
    if math.isinf(last.ratio.q50) and history[-1].figure_kind == "indicator":
        return True  # nothing can be claimed: more training cannot change that
    measures: list[Callable[[Round], float]] = []
    if last.outside > 1 - last.share_required:
        measures.append(lambda each: each.verdict.outside)
    elif all(each.measured > 0 for each in history):
        measures.append(lambda each: each.measured)
    if last.level > 1 or not measures:
        measures.append(lambda each: each.verdict.level)
    windows = _windows(history)
    return all(
        any(gain_per_doubling(window, measure, CERTAINTY) < LEAST_GAIN for window in windows)
        for measure in measures
    )


def gain_per_doubling(
    history: Sequence[Round], measure: Callable[[Round], float], certainty: float = 0.5
) -> float:
    """Part of a measure that goes with each doubling of the training simulations, from three rounds or more.

    Above one half, ``certainty`` gives the one-sided upper limit.
    """
    law = fitted_power_law([each.training for each in history], [measure(each) for each in history])
    return 1 - math.exp2(-law.limit(certainty))


def blamed(last: Round) -> Blame:
    """What keeps the error figures of a round up."""
    verdict = last.verdict
    if _worst_output(last) in last.crossing:
        return Blame.ZERO
    if last.figure_kind != "indicator":
        return Blame.PROJECTION
    if math.isinf(verdict.ratio.q50):
        return Blame.CALIBRATION
    if verdict.outside > (1 - verdict.share) / 2:
        return Blame.DOMAIN
    if last.basis > BASIS_SHARE:
        return Blame.BASIS
    if last.measured <= 1 and verdict.ratio.q95 > CALIBRATION_EXCESS * last.measured:
        return Blame.CALIBRATION
    return Blame.REGRESSION


def _worst_output(last: Round) -> str | None:
    """The output that is within tolerance least often, if one is alone in that."""
    shares = sorted((output.share, name) for name, output in last.verdict.outputs.items())
    alone = len(shares) < 2 or shares[0][0] < shares[1][0]
    return shares[0][1] if shares and alone else None


def forecast(history: Sequence[Round]) -> int | None:
    """Simulations in all that the rate so far needs to reach tolerance; None where it says nothing.

    The level is taken to fall with a power of the number of training simulations.
    """
    last = history[-1]
    if len(history) < _TELLING or not 1 < last.verdict.level < math.inf:
        return None
    gain = gain_per_doubling((_windows(history) or [history])[-1], lambda each: each.verdict.level)
    if gain < LEAST_GAIN:
        return None
    factor = math.exp2(math.log(last.verdict.level) / -math.log(1 - gain))
    if factor > FARTHEST_FORECAST:
        return None
    return last.simulations + math.ceil(last.training * (float(factor) - 1))


def _windows(history: Sequence[Round]) -> list[Sequence[Round]]:
    """Rounds up to the last one that at least double the training simulations, the longest first."""
    last = history[-1].training
    starts = range(len(history) - LEAST_ROUNDS + 1)
    return [history[start:] for start in starts if SPAN * history[start].training <= last]


def _remedy(history: Sequence[Round], answering: Round, blame: Blame, outcome: Outcome) -> str:
    verdict, advice = answering.verdict, []
    if outcome is not Outcome.NO_PROGRESS and blame in _LEARNING:
        where = "budget.simulations" if outcome is Outcome.BUDGET_SPENT else "budget.wall_time"
        if (needed := forecast(history)) is not None:
            advice.append(f"at the rate so far about {needed} simulations are needed: raise {where}")
        elif len(history) < _TELLING:
            advice.append(f"after so few rounds nobody knows how fast the figures fall: raise {where}")
    if not advice or blame in (Blame.BASIS, Blame.CALIBRATION):
        remedy = REMEDIES[blame].format(
            basis=answering.basis,
            outside=verdict.outside,
            calibration=answering.calibration,
            kind=answering.figure_kind,
            crossing=" and ".join(answering.crossing),
        )
        advice.append(remedy)
    if 1 < verdict.level < math.inf and verdict.outside < 1 - verdict.share_required:
        advice.append(f"tolerances {_rounded_up(verdict.level)} times as large would be met now")
    return "; ".join(advice)


def _rounded_up(level: float) -> str:
    """Two digits that are not less; as many more as tell it from one."""
    unit = 10.0 ** (math.floor(math.log10(level)) - 1) if level >= 1.1 else 0.01
    rounded = math.ceil(level / unit - 1e-9) * unit
    return f"{rounded:.3g}" if rounded < 1000 else f"{rounded:.0f}"
