"""Fitting Gaussian processes to many columns at once.

Columns are fitted in groups that share a correlation. One correlation for all modes of a basis is a trap,
since high modes vary faster than low ones, and one for each is slow; groups of 1, 1, 2, 4, 8, ... consecutive
modes are as accurate as independent fits at a fraction of their cost. Kernel and trend of a group are those
with the least leave-one-out error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Generic, Literal, TypeVar

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.regression.conditioning import Group
from locum.regression.kernels import KERNELS
from locum.regression.predictor import Predictor
from locum.regression.trend import DEGREES

_GROWTH_THAT_ASKS_AGAIN = 1.5

Fitted = TypeVar("Fitted")
Grouping = Literal["separate", "growing"]


class FitOutcome(StrEnum):
    """How a fit ended."""

    CONVERGED = "converged"
    STOPPED = "stopped at the iteration limit"

    @property
    def advice(self) -> str:
        """What to make of it, in words."""
        if self is FitOutcome.CONVERGED:
            return "the likelihood is at a maximum"
        return "usable; the likelihood was still rising, so look at the leave-one-out errors"


@dataclass(frozen=True, eq=False)
class FitStatistics:
    """What is known of a fit beside its result.

    Parameters
    ----------
    leave_one_out
        Root-mean-square leave-one-out error of each column, shape (m,), in the column's unit.
    standardised_variance
        Mean of squared leave-one-out errors over their variances, shape (m,): 1 where deviations are honest.
    kernels, degrees
        Of each group.
    evaluations
        Likelihood calls in all.
    """

    leave_one_out: Array
    standardised_variance: Array
    kernels: tuple[str, ...]
    degrees: tuple[int, ...]
    evaluations: int


@dataclass(frozen=True, eq=False)
class FitResult(Generic[Fitted]):
    """What was fitted, how the fit ended, and its figures."""

    value: Fitted
    outcome: FitOutcome
    statistics: FitStatistics


def fit_gaussian_processes(
    x: Array,
    y: Array,
    *,
    kernel: str = "auto",
    degree: int | Literal["auto"] = "auto",
    groups: Grouping | Sequence[int] = "separate",
    start: Predictor | None = None,
) -> FitResult[Predictor]:
    """Fit Gaussian processes to every column of ``y``.

    Parameters
    ----------
    x
        Inputs (n, p), warped to the unit cube.
    y
        Outputs (n, m).
    kernel
        A name of :data:`locum.regression.kernels.KERNELS`, or ``auto``: the least leave-one-out error.
    degree
        Degree of the polynomial trend, 0 to 2, or ``auto``: the least leave-one-out error.
    groups
        Sizes of the groups of consecutive columns that share a correlation; ``separate`` is one column each,
        for quantities of interest, and ``growing`` 1, 1, 2, 4, 8, ..., for modes of a basis.
    start
        An earlier round's predictor: its hyper-parameters are refined from one start. Its kernels and trends
        are kept as well, until the simulations have grown by half.

    Raises
    ------
    FitError
        Values that are not finite (naming row and column), shapes or options that do not fit, or correlations
        that stay singular whatever the nugget. Nothing has changed.
    """
    sizes = _checked(x, y, kernel, degree, groups)
    kernels = tuple(KERNELS) if kernel == "auto" else (kernel,)
    with _one_thread():
        from locum.regression.hyperparameters import HyperparameterSearch, allowed_degrees, conditioned

        degrees = allowed_degrees(*x.shape) if degree == "auto" else (degree,)
        keeps = start is not None and keeps_choices(start, len(x))
        found: list[Group] = []
        searches: list[HyperparameterSearch] = []
        for first, last in pairwise(np.cumsum([0, *sizes]).tolist()):
            search = HyperparameterSearch(x, y[:, first:last], kernels, degrees)
            earlier = start.group_of(min(first, start.y.shape[1] - 1)) if start is not None else None
            if earlier is not None and keeps:
                group = search.refined(earlier)
            else:
                group = search.chosen(earlier or (found[-1] if found else None))
            found.append(replace(group, columns=tuple(range(first, last))))
            searches.append(search)
        value = conditioned(x, y, found)
    outcome = FitOutcome.CONVERGED if all(s.converged for s in searches) else FitOutcome.STOPPED
    return FitResult(value, outcome, _statistics(value, sum(s.evaluations for s in searches)))


def keeps_choices(start: Predictor, n: int) -> bool:
    """Whether ``n`` simulations are few enough to keep the kernels and trends of an earlier round."""
    return n < _GROWTH_THAT_ASKS_AGAIN * start.n


def check_finite(x: Array, y: Array) -> None:
    """Refuse inputs (n, p) or outputs (n, m) that are not finite.

    Raises
    ------
    FitError
        Naming row and column of the first.
    """
    for name, array in (("inputs", x), ("outputs", y)):
        if not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0]
            raise FitError(
                f"{name}: row {row}, column {column} is {array[row, column]}; expected a finite number"
            )


def _statistics(value: Predictor, evaluations: int) -> FitStatistics:
    error, deviation = value.leave_one_out()
    scaled = np.divide(error, deviation, out=np.zeros_like(error), where=deviation > 0)
    return FitStatistics(
        leave_one_out=np.sqrt(np.mean(error**2, axis=0)),
        standardised_variance=np.mean(scaled**2, axis=0),
        kernels=tuple(group.kernel for group in value.groups),
        degrees=tuple(group.degree for group in value.groups),
        evaluations=evaluations,
    )


def _checked(
    x: Array, y: Array, kernel: str, degree: int | Literal["auto"], groups: Grouping | Sequence[int]
) -> list[int]:
    """Sizes of the groups, after everything has been looked at."""
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or 0 in x.shape or 0 in y.shape:
        raise FitError(
            f"expected inputs (n, p) and outputs (n, m) with as many rows, got {x.shape} and {y.shape}"
        )
    check_finite(x, y)
    if kernel not in ("auto", *KERNELS):
        raise FitError(f"kernel {kernel!r} is unknown; expected auto or one of {', '.join(KERNELS)}")
    if degree not in ("auto", *DEGREES):
        raise FitError(f"degree {degree!r} of the trend is unknown; expected auto or one of {DEGREES}")
    m = y.shape[1]
    if groups == "separate":
        return [1] * m
    if groups == "growing":
        return _growing(m)
    sizes = list(groups)
    if sum(sizes) != m or min(sizes) < 1:
        raise FitError(f"groups {sizes} should be positive and sum to the {m} columns")
    return [int(size) for size in sizes]


def _growing(m: int) -> list[int]:
    """Sizes 1, 1, 2, 4, 8, ... that sum to m."""
    sizes: list[int] = []
    while (done := sum(sizes)) < m:
        sizes.append(min(max(done, 1), m - done))
    return sizes


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch and BLAS: on matrices this small more of them only wait for each other."""
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
