"""Numbers that a report derives from its data: observed coverage, its spread, influence of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import betaln

from locum.adaptivity import relative_to_tolerance
from locum.arrays import Array
from locum.errors.conformal import binomial_interval, coverage_distribution, expected_share, required_scores
from locum.reports.content import HeldOut, Output, Report


@dataclass(frozen=True)
class ObservedCoverage:
    """How often the error stayed below its figure on n held-out simulations.

    ``lower`` and ``upper`` are the exact (Clopper-Pearson) 95 % binomial interval.
    """

    output: str
    covered: int
    n: int
    lower: float
    upper: float

    @property
    def share(self) -> float:
        """Observed coverage."""
        return self.covered / self.n


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """Claimed levels, observed coverage, and the range that chance allows 95 % of the time, each (k,)."""

    levels: Array
    observed: Array
    lower: Array
    upper: Array


def expected_coverage(level: float, n: int) -> tuple[float, float] | None:
    """Range in which the true coverage of a figure calibrated on ``n`` simulations lies 95 % of the time.

    None where ``n`` is too small to claim the level at all.
    """
    if n < required_scores(level):
        return None
    law = coverage_distribution(n, level)
    return law.quantile(0.025), law.quantile(0.975)


def expected_audit(level: float, n: int, audited: int) -> tuple[float, float] | None:
    """Where an audit observes the coverage 95 % of the time if the claim is right; None as above."""
    return None if n < required_scores(level) else expected_share(n, audited, level)


def observed_coverage(held_out: HeldOut, output: Output) -> ObservedCoverage:
    """Count the held-out simulations of one output whose error stayed below the figure."""
    entry = held_out.outputs[output.name]
    covered, n = int(np.sum(entry.errors <= entry.figures)), len(entry.errors)
    return ObservedCoverage(output.name, covered, n, *binomial_interval(covered, n))


def coverage_curve(calibration: Array, audit: Array | None = None) -> CoverageCurve:
    """Observed coverage at many claimed levels.

    Parameters
    ----------
    calibration
        Scores (error over indicator) of the calibration simulations, shape (n,).
    audit
        Scores of independent simulations, shape (m,). Without them each half of the calibration simulations
        is judged by the other, which shows the spread that chance makes and is no new evidence.
    """
    pairs = (
        [(calibration, audit)]
        if audit is not None
        else [(calibration[0::2], calibration[1::2]), (calibration[1::2], calibration[0::2])]
    )
    n, m = min(len(pair[0]) for pair in pairs), sum(len(pair[1]) for pair in pairs)
    k = np.unique(np.linspace(1, n, min(n, 60)).astype(int))
    # the k-th smallest of n scores covers a new one with probability k / (n + 1)
    observed = np.zeros(len(k))
    for known, new in pairs:
        observed += (new[:, None] <= np.sort(known)[k - 1]).sum(axis=0) / m
    return CoverageCurve(k / (n + 1), observed, *_chance(n, m, tuple(k.tolist())))


@cache
def _chance(n: int, m: int, ranks: tuple[int, ...]) -> tuple[Array, Array]:
    """Range of the share of ``m`` new scores below the ranks of ``n`` known ones, 95 % of the time.

    Their number is beta-binomial. ``scipy.stats`` has that law, and takes longer to import than the report
    to write.
    """
    k, x = np.array(ranks), np.arange(m + 1)[:, None]
    logarithm = betaln(x + k, m - x + n + 1 - k) - betaln(k, n + 1 - k) - betaln(m - x + 1, x + 1)
    below = np.cumsum(np.exp(logarithm) / (m + 1), axis=0)
    low, high = (np.argmax(below >= part, axis=0) / m for part in (0.025, 0.975))
    return low, high


def silent_misses(held_out: HeldOut, outputs: Sequence[Output]) -> tuple[int, int]:
    """How many answers marked within tolerance had an error above one, and how many were marked so."""
    tolerances = {
        o.name: o.tolerance for o in outputs if o.tolerance is not None and o.name in held_out.outputs
    }
    within, missed = held_out.in_domain.copy(), np.zeros(held_out.simulations, dtype=bool)
    for name, tolerance in tolerances.items():
        within &= held_out.outputs[name].figures <= tolerance
        missed |= ~(held_out.outputs[name].errors <= tolerance)
    return int(np.sum(within & missed)), int(np.sum(within))


def ratio_to_tolerance(report: Report) -> Array | None:
    """Largest figure over tolerance at each sweep point, shape (n,); None without sweep or tolerances."""
    tolerances = {output.name: output.tolerance for output in report.outputs if output.tolerance is not None}
    if report.sweep is None or not tolerances:
        return None
    return relative_to_tolerance(report.sweep.figures, tolerances)


def influence(warped: Array, values: Array, bins: int = 16) -> Array:
    """Share of the variance of log values that each parameter alone explains, shape (p,).

    The correlation ratio Var(E[v | x_j]) / Var(v), a first-order sensitivity index, from ``bins`` equally
    filled bins; ``warped`` has shape (n, p), ``values`` (n,) are positive.
    """
    logs = np.log(np.maximum(values, 1e-300))
    variance = logs.var()
    if variance == 0:
        return np.zeros(warped.shape[1])
    indices = np.empty(warped.shape[1])
    for j, column in enumerate(warped.T):
        groups = np.array_split(logs[np.argsort(column, kind="stable")], bins)
        sizes = np.array([len(group) for group in groups if len(group)])
        means = np.array([group.mean() for group in groups if len(group)])
        indices[j] = float(sizes @ (means - logs.mean()) ** 2 / sizes.sum() / variance)
    return indices


def cell_quantiles(x: Array, y: Array, values: Array, cells: int, q: float = 0.95) -> Array:
    """Quantile of ``values`` (n,) in each cell of a grid over the unit square, shape (cells, cells), y first.

    Cells without points are NaN.
    """
    column = np.clip((x * cells).astype(int), 0, cells - 1)
    row = np.clip((y * cells).astype(int), 0, cells - 1)
    grid = np.full(cells * cells, np.nan)
    index = row * cells + column
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    for cell, group in zip(index[order][starts], np.split(values[order], starts[1:]), strict=True):
        grid[cell] = np.quantile(group, q)
    return grid.reshape(cells, cells)
