"""Fitting Gaussian processes to many columns at once.

Columns are fitted in groups that share a correlation. One correlation for all modes of a basis is a trap,
since high modes vary faster than low ones, and one for each is slow; groups of 1, 1, 2, 4, 8, ... consecutive
modes are as accurate as independent fits at a fraction of their cost. Kernel and trend of a group are those
with the least leave-one-out error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from locum.arrays import Array
from locum.exceptions import FitError
from locum.regression.conditioning import Group
from locum.regression.kernels import KERNELS
from locum.regression.predictor import Predictor
from locum.regression.threads import one_thread
from locum.regression.trend import DEGREES

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
        An earlier predictor. Its hyper-parameters are where the search starts from as well; of as many
        simulations, its kernels and trends are kept, and only refined.

    Raises
    ------
    FitError
        Values that are not finite (naming row and column), shapes or options that do not fit, or correlations
        that stay singular whatever the nugget. Nothing has changed.
    """
    _check(x, y, kernel, degree, start)
    sizes = _sizes(groups, y.shape[1])
    kernels = tuple(KERNELS) if kernel == "auto" else (kernel,)
    with one_thread():
        from locum.regression.hyperparameters import HyperparameterSearch, conditioned

        degrees = _degrees(x, degree)
        found: list[Group] = []
        searches: list[HyperparameterSearch] = []
        for first, last in pairwise(np.cumsum([0, *sizes]).tolist()):
            search = HyperparameterSearch(x, y[:, first:last], kernels, degrees)
            earlier = start.group_of(min(first, start.y.shape[1] - 1)) if start is not None else None
            if start is not None and earlier is not None and keeps_choices(start, len(x)):
                group = search.refined(earlier)
            else:
                group = search.chosen(earlier or (found[-1] if found else None))
            found.append(replace(group, columns=tuple(range(first, last))))
            searches.append(search)
        value = conditioned(x, y, found)
    outcome = FitOutcome.CONVERGED if all(s.converged for s in searches) else FitOutcome.STOPPED
    return FitResult(value, outcome, _statistics(value, sum(s.evaluations for s in searches)))


def keeps_choices(start: Predictor, n: int) -> bool:
    """Whether an earlier fit's kernels and trends still stand: only where it knew as many simulations.

    Choices of a few simulations are poor ones for some more: a function that 10 simulations call rough, 14
    may show to be a parabola. Keeping them made errors of a smooth model grow while simulations were added.
    """
    return n == start.n


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
    scale = np.abs(error).max(axis=0)
    scaled = np.divide(error, deviation, out=np.zeros_like(error), where=deviation > 0)
    return FitStatistics(
        leave_one_out=scale * np.sqrt(np.mean((error / np.where(scale > 0, scale, 1.0)) ** 2, axis=0)),
        standardised_variance=np.mean(scaled**2, axis=0),
        kernels=tuple(group.kernel for group in value.groups),
        degrees=tuple(group.degree for group in value.groups),
        evaluations=evaluations,
    )


def _check(x: Array, y: Array, kernel: str, degree: int | Literal["auto"], start: Predictor | None) -> None:
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or 0 in x.shape or 0 in y.shape:
        raise FitError(
            f"expected inputs (n, p) and outputs (n, m) with as many rows, got {x.shape} and {y.shape}"
        )
    check_finite(x, y)
    if kernel not in ("auto", *KERNELS):
        raise FitError(f"kernel {kernel!r} is unknown; expected auto or one of {', '.join(KERNELS)}")
    if degree not in ("auto", *DEGREES):
        raise FitError(f"degree {degree!r} of the trend is unknown; expected auto or one of {DEGREES}")
    if start is not None and start.x.shape[1] != x.shape[1]:
        raise FitError(f"start has {start.x.shape[1]} inputs but the data have {x.shape[1]}; leave start out")


def _degrees(x: Array, degree: int | Literal["auto"]) -> tuple[int, ...]:
    """Degrees of the trend to try."""
    from locum.regression.hyperparameters import bearable_degrees

    bearable = bearable_degrees(x)
    if degree == "auto":
        return bearable
    if degree not in bearable:
        raise FitError(
            f"{len(x)} simulations do not determine a trend of degree {degree} in {x.shape[1]} parameters; "
            f"use degree {bearable[-1]} or add simulations"
        )
    return (degree,)


def _sizes(groups: Grouping | Sequence[int], m: int) -> list[int]:
    if groups == "separate":
        return [1] * m
    if groups == "growing":
        return _growing(m)
    sizes = [int(size) for size in groups]
    if sum(sizes) != m or min(sizes) < 1:
        raise FitError(f"groups {sizes} should be positive and sum to the {m} columns")
    return sizes


def _growing(m: int) -> list[int]:
    """Sizes 1, 1, 2, 4, 8, ... that sum to m."""
    sizes: list[int] = []
    while (done := sum(sizes)) < m:
        sizes.append(min(max(done, 1), m - done))
    return sizes


class GaussianProcessRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The same regression as a scikit-learn estimator.

    Parameters
    ----------
    kernel, degree, groups
        As in :func:`fit_gaussian_processes`.
    bounds
        Range of the inputs (p, 2), mapped to the unit cube; what the training data span where it is left out.

    Attributes
    ----------
    predictor_
        The fitted :class:`locum.regression.predictor.Predictor`, on the unit cube.
    result_
        How the fit ended, and its figures.
    bounds_
        Range (p, 2) in use.
    n_features_in_
        Number of inputs, p.
    """

    def __init__(
        self,
        kernel: str = "auto",
        degree: int | Literal["auto"] = "auto",
        groups: Grouping | Sequence[int] = "separate",
        bounds: Any = None,
    ) -> None:
        self.kernel = kernel
        self.degree = degree
        self.groups = groups
        self.bounds = bounds

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to inputs (n, p) and outputs (n,) or (n, m).

        Raises
        ------
        ValueError
            Inputs that scikit-learn's own validation refuses, or bounds that are not ranges.
        FitError
            As in :func:`fit_gaussian_processes`.
        """
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        y = np.asarray(y, dtype=np.float64)
        if self.bounds is None:
            self.bounds_ = np.stack([X.min(axis=0), X.max(axis=0)], axis=1)
        else:
            self.bounds_ = np.asarray(self.bounds, dtype=np.float64)
            if self.bounds_.shape != (X.shape[1], 2) or not (self.bounds_[:, 0] < self.bounds_[:, 1]).all():
                raise ValueError(f"bounds must be {X.shape[1]} pairs of lower < upper, got {self.bounds!r}")
        self._single_output = y.ndim == 1
        self.result_ = fit_gaussian_processes(
            self._warped(X), y.reshape(len(y), -1), kernel=self.kernel, degree=self.degree, groups=self.groups
        )
        self.predictor_ = self.result_.value
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Expected outputs (q,) or (q, m) at inputs (q, p), with ``return_std`` also standard deviations."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if not return_std:
            return self._shaped(self.predictor_.mean(self._warped(X)))
        mean, deviation = self.predictor_.mean_and_deviation(self._warped(X))
        return self._shaped(mean), self._shaped(deviation)

    def _warped(self, values: Array) -> Array:
        lower, upper = self.bounds_.T
        return np.asarray((values - lower) / np.where(upper > lower, upper - lower, 1.0))

    def _shaped(self, outputs: Array) -> Array:
        return outputs[:, 0] if self._single_output else outputs
