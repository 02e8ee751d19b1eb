"""The gate between candidate and champion: how both do on the same calibration simulations decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from locum.arrays import Array


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """How one output of a checked surrogate does on the calibration simulations.

    Parameters
    ----------
    errors
        True errors, shape (n,).
    figures
        Error figures that the surrogate states for them, shape (n,).
    coverage
        Probability with which the figures claim to cover the errors.
    tolerance
        For the errors.
    """

    errors: Array
    figures: Array
    coverage: float
    tolerance: float = 0.0

    @property
    def level(self) -> float:
        """The error that a share of ``coverage`` of the simulations does not exceed."""
        return float(np.quantile(self.errors, self.coverage, method="higher")) if len(self.errors) else np.nan

    @property
    def covered(self) -> int:
        """Number of simulations whose error the figure covers."""
        return int(np.count_nonzero(self.errors <= self.figures))


@dataclass(frozen=True)
class Decision:
    """Whether a candidate becomes champion, and why.

    Parameters
    ----------
    promote
        The decision.
    reasons
        What speaks against it, output by output; where nothing does, what the decision rests on.
    """

    promote: bool
    reasons: tuple[str, ...]


def promotion_gate(
    candidate: Mapping[str, CalibrationResult],
    champion: Mapping[str, CalibrationResult] | None,
    *,
    lost_tolerance: bool = False,
    slack: float = 0.1,
    significance: float = 0.01,
) -> Decision:
    """Decide whether a candidate may become champion.

    It may unless, for some output, its errors are not finite, its observed coverage lies significantly below
    its claim (one-sided binomial test), its figures are not finite where the champion's are, or its error
    level exceeds the champion's by more than the slack. Two surrogates far below tolerance are equally good.

    Parameters
    ----------
    candidate, champion
        Field or quantity to its result, both on the same simulations; None where there is no champion yet.
    lost_tolerance
        Whether the champion is within tolerance over the parameter distribution, and the candidate is not.
    slack
        Difference of error levels that is taken for noise, over the champion's or, if larger, the tolerance.
    significance
        Probability of refusing a candidate whose claim of coverage is true.

    Returns
    -------
    Decision
        With reasons in words.
    """
    objections = [
        objection
        for name, result in candidate.items()
        for objection in _objections(name, result, (champion or {}).get(name), slack, significance)
    ]
    missing = [name for name in champion or {} if name not in candidate]
    objections += [f"{name}: the champion answers it, the candidate does not" for name in missing]
    if lost_tolerance:
        objections.append("the champion is within tolerance, the candidate is not")
    if not candidate:
        objections.append("the candidate answers nothing")
    if objections:
        return Decision(False, tuple(objections))
    if champion is None:
        return Decision(True, ("there is no champion to compare it with",))
    return Decision(True, tuple(_comparison(name, candidate[name], champion[name]) for name in champion))


def _objections(
    name: str, result: CalibrationResult, before: CalibrationResult | None, slack: float, significance: float
) -> list[str]:
    n = len(result.errors)
    if n == 0:
        return [f"{name}: there is no calibration simulation to judge it by"]
    lost = int(np.count_nonzero(~np.isfinite(result.errors)))
    if lost:
        return [f"{name}: the error of {lost} of {n} simulations is not finite"]
    found = []
    if scipy.special.bdtr(result.covered, n, result.coverage) < significance:
        found.append(
            f"{name}: the error figure covers {result.covered} of {n} simulations; "
            f"a share of {result.coverage:.4g} is claimed"
        )
    if before is not None:
        if np.isfinite(before.figures).all() and not np.isfinite(result.figures).all():
            found.append(f"{name}: the error figure is not finite, the champion's is")
        if result.level > before.level + slack * max(before.level, result.tolerance):
            found.append(_comparison(name, result, before))
    return found


def _comparison(name: str, result: CalibrationResult, before: CalibrationResult) -> str:
    return (
        f"{name}: {100 * result.coverage:.4g} % of the errors are at most {result.level:.3g}, "
        f"the champion's {before.level:.3g}"
    )
