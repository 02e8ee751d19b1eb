"""When queries start a retraining: a pure function of what waits, what was started before, and the budget.

A single query over tolerance starts nothing at once: others are collected for a while first (debouncing). A
figure a hair above the tolerance starts nothing at all, it waits for one that is well above (hysteresis: the
loop that is started brings figures below the tolerance itself). One retraining runs at a time, and one
version on one training set is retrained once: where that did not help, doing it again would not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locum.queries.outbox import Exceedance, Retraining

MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Triggers:
    """How eager retraining is.

    Parameters
    ----------
    window
        Seconds in which exceedances are collected after the first.
    margin
        So much above its tolerance a figure must be to start a retraining: 0.1 is a tenth.
    rest
        Seconds from the end of one retraining to the start of the next.
    patience
        Seconds after which an announced retraining that nobody has begun is announced again.
    """

    window: float = 30.0
    margin: float = 0.1
    rest: float = 300.0
    patience: float = 600.0


@dataclass(frozen=True)
class TriggerState:
    """All that the decision looks at.

    Parameters
    ----------
    waiting
        Exceedances that nothing has come of yet, the oldest first.
    retrainings
        All that were asked for so far.
    version, training_set
        The champion.
    budget_left
        Simulations; None for no limit.
    running
        Whether somebody works on the study already.
    """

    waiting: Sequence[Exceedance]
    retrainings: Sequence[Retraining]
    version: int
    training_set: str
    budget_left: int | None = None
    running: bool = False

    @property
    def known(self) -> Retraining | None:
        """The retraining of this version on this training set, where there was one."""
        key = (self.version, self.training_set)
        return next((each for each in self.retrainings if (each.version, each.training_set) == key), None)


def why_not_now(state: TriggerState, now: float, triggers: Triggers) -> str:
    """Why no retraining is started now, in words; empty where one is due."""
    helped = [each for each in state.waiting if each.kind != "outside the ranges"]
    if not helped:
        return "nothing waits that a simulation would help"
    if not any(_is_well_over(each, triggers.margin) for each in helped):
        return f"no figure that waits is {triggers.margin:.0%} above its tolerance"
    if now - helped[0].asked < triggers.window:
        return "exceedances are still being collected"
    if state.running:
        return "somebody works on the study already"
    if state.budget_left is not None and state.budget_left <= 0:
        return "the budget of simulations is spent; raise budget.simulations"
    known = state.known
    if known is not None:
        return _why_not_again(known, now, triggers)
    ended = [each.ended for each in state.retrainings if each.ended is not None]
    if ended and now - max(ended) < triggers.rest:
        return "the last retraining has only just ended"
    return ""


def _why_not_again(known: Retraining, now: float, triggers: Triggers) -> str:
    if known.ended is not None and known.outcome and not known.outcome.startswith("failed"):
        return f"version {known.version} was retrained on these simulations already: {known.outcome}"
    if known.attempts >= MOST_ATTEMPTS:
        return f"{known.attempts} attempts to retrain version {known.version} have failed; see the logs"
    if known.started is not None and known.ended is None:
        return "" if now - known.started > triggers.patience else "a retraining has begun"
    since = known.ended if known.ended is not None else known.announced
    return "" if now - since > triggers.patience else "a retraining is announced, and not begun yet"


def _is_well_over(exceedance: Exceedance, margin: float) -> bool:
    if exceedance.kind != "over tolerance" or exceedance.ratio is None:
        return True
    return exceedance.ratio >= 1 + margin
