"""The search for hyper-parameters: lengthscales and nugget by likelihood, the rest by leave-one-out.

Starts, kernels and trends are compared on at most :data:`SEARCH_ROWS` rows that fill the space, where a
likelihood call costs about a millisecond; what wins is refined on all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from locum.arrays import Array
from locum.exceptions import FitError
from locum.regression.conditioning import Group
from locum.regression.kernels import ROUGHEST
from locum.regression.likelihood import ProfiledLikelihood
from locum.regression.predictor import Predictor, predictor
from locum.regression.trend import DEGREES, trend_features, trend_size

SEARCH_ROWS = 160
"""Rows on which starts, kernels and trends are compared."""

LENGTHSCALES = (0.02, 50.0)
"""Bounds of every lengthscale, in units of the unit cube."""

NUGGETS = (1e-10, 1.0)
"""Bounds of the nugget, relative to the amplitude squared."""

_STARTS = ((1.0, 1e-6), (0.3, 1e-3))  # lengthscale and nugget
_NOISE = 0.1  # a search that starts from a nugget above this finds nothing but noise
_RESOLVED = 0.7  # leave-one-out error, below which some of the rows show what all will show
_ITERATIONS = 60
_WELL_DETERMINED = 1e-5  # ratio of the trend's singular values
_RTOL, _TRIAL_RTOL = 1e-5, 1e-3  # of the log-likelihood per column: for what is kept, for what is compared


@dataclass(frozen=True, eq=False)
class _Tried:
    group: Group
    error: float  # leave-one-out, over what the best constant leaves: 1 explains nothing


def _least(tried: Iterable[_Tried]) -> _Tried:
    return min(tried, key=lambda one: one.error)


class HyperparameterSearch:
    """The search for one group's hyper-parameters; it counts what it spends.

    Parameters
    ----------
    x
        Inputs (n, p) in the unit cube.
    y
        Outputs (n, w) of the group.
    kernels, degrees
        Candidates, at least one of each.
    """

    def __init__(self, x: Array, y: Array, kernels: Sequence[str], degrees: Sequence[int]) -> None:
        self._x, self._y = x, y
        self._kernels, self._degrees = kernels, degrees
        self.evaluations = 0
        self.converged = True

    def refined(self, group: Group) -> Group:
        """The likelihood's maximum near a group's hyper-parameters, on all rows."""
        return self._maximised(self._x, self._y, self._allowed(group))

    def rough(self, hint: Group | None) -> Group:
        """A maximum of the first kernel with the richest trend, near the hint if there is one, unrefined."""
        starts = self._starts(None) if hint is None else (self._allowed(hint),)
        return _least(self._tried(self._x, self._y, start) for start in starts).group

    def chosen(self, hint: Group | None) -> Group:
        """The kernel and trend of least leave-one-out error, refined on all rows.

        Kernels are tried with the richest trend beside which the rows still tell the correlations from noise,
        the roughest only where the one before it is the best, then poorer trends as long as the error falls.
        What some of the rows cannot tell from noise may be plain with all of them, so such a group is refined
        from the hint too.
        """
        rows = filling_rows(self._x, SEARCH_ROWS)
        x, y = self._x[rows], self._y[rows]
        smooth, short = self._starts(hint)
        tried: list[_Tried] = []
        for degree in self._degrees[::-1]:
            tried += (self._tried(x, y, replace(start, degree=degree)) for start in (smooth, short))
            if _least(tried).error < _RESOLVED:
                break
        best = _least(tried)
        for before, kernel in pairwise(self._kernels):
            if kernel == ROUGHEST and best.group.kernel != before:
                continue
            start = best.group if best.group.nugget < _NOISE else smooth
            best = _least([best, self._tried(x, y, replace(start, kernel=kernel))])
        for degree in reversed([degree for degree in self._degrees if degree < best.group.degree]):
            other = self._tried(x, y, replace(best.group, degree=degree))
            if other.error >= best.error:
                break
            best = other
        if len(rows) < len(self._x) and best.error >= _RESOLVED:
            starts = (best.group, short if hint is None else self._allowed(hint))
            best = _least(self._tried(self._x, self._y, start) for start in starts)
        return self.refined(best.group)

    def _starts(self, hint: Group | None) -> tuple[Group, Group]:
        """One that is smooth, and one with short lengthscales, or the hint's unless that is noise."""
        smooth, short = (
            Group((), self._kernels[0], self._degrees[-1], np.full(self._x.shape[1], lengthscale), nugget)
            for lengthscale, nugget in _STARTS
        )
        if hint is not None and hint.nugget < _NOISE:
            short = replace(smooth, lengthscale=hint.lengthscale, nugget=hint.nugget)
        return smooth, short

    def _allowed(self, group: Group) -> Group:
        """The group, with the first kernel or the richest trend where its own are not candidates."""
        kernel = group.kernel if group.kernel in self._kernels else self._kernels[0]
        degree = group.degree if group.degree in self._degrees else self._degrees[-1]
        return replace(group, kernel=kernel, degree=degree)

    def _tried(self, x: Array, y: Array, start: Group) -> _Tried:
        group = self._maximised(x, y, start, _TRIAL_RTOL)
        error, _ = conditioned(x, y, [group]).leave_one_out()
        scale = np.abs(y).max() or 1.0  # so that squares neither overflow nor vanish
        variation = np.linalg.norm((y - y.mean(axis=0)) / scale) or 1.0
        norm = float(np.linalg.norm(error / scale) / variation)
        return _Tried(group, norm if np.isfinite(norm) else np.inf)

    def _maximised(self, x: Array, y: Array, start: Group, rtol: float = _RTOL) -> Group:
        start = replace(start, columns=tuple(range(y.shape[1])))
        likelihood = ProfiledLikelihood(x, y, start.kernel, start.degree)
        if not likelihood.informative:
            return start
        bounds = [tuple(np.log(LENGTHSCALES))] * x.shape[1] + [tuple(np.log(NUGGETS))]
        result = minimize(
            likelihood,
            np.log([*start.lengthscale, start.nugget]),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _ITERATIONS, "ftol": rtol},
        )
        found = np.exp(result.x)
        found[-1] = np.clip(found[-1], *NUGGETS)
        self.evaluations += likelihood.evaluations
        self.converged = self.converged and result.nit < _ITERATIONS
        return replace(start, lengthscale=found[:-1], nugget=float(found[-1]))


def conditioned(x: Array, y: Array, groups: Sequence[Group]) -> Predictor:
    """Predictor of found groups; nuggets too small for the rounding of a matrix are raised, tenfold a step.

    Raises
    ------
    FitError
        Singular even with a nugget of one.
    """
    while True:
        try:
            return predictor(x, y, groups)
        except FitError:
            if min(group.nugget for group in groups) >= NUGGETS[1]:
                raise
            groups = [replace(group, nugget=min(10 * group.nugget, NUGGETS[1])) for group in groups]


def bearable_degrees(x: Array) -> tuple[int, ...]:
    """Degrees of a trend that inputs (n, p) determine well, with at least two rows a coefficient."""
    return tuple(degree for degree in DEGREES if degree == 0 or _bears(x, degree))


def _bears(x: Array, degree: int) -> bool:
    if len(x) < 2 * trend_size(x.shape[1], degree):
        return False
    singular_values = np.linalg.svd(trend_features(x, degree), compute_uv=False)
    return bool(singular_values[-1] > _WELL_DETERMINED * singular_values[0])


def filling_rows(x: Array, count: int) -> NDArray[np.intp]:
    """At most ``count`` rows of (n, p), in order, each the farthest from those before (Gonzalez 1985)."""
    if len(x) <= count:
        return np.arange(len(x))
    rows = [int(np.argmin(np.linalg.norm(x - x.mean(axis=0), axis=1)))]
    distance = np.full(len(x), np.inf)
    while len(rows) < count:
        distance = np.minimum(distance, np.linalg.norm(x - x[rows[-1]], axis=1))
        rows.append(int(np.argmax(distance)))
    return np.unique(rows)
