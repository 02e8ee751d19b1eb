"""Evolution equations by least squares from trajectories, in one of two gauges.

For trajectories c_k of a one-step scheme with implicitness g, weighted means m(x) = g x_k + (1 - g) x_{k-1},

    E (c_k - c_{k-1}) / dt_k = sum_q theta_q A_q m(c) + sum_s chi_s H_s m(c x c) + sum_p m(phi_p) b_p

is linear in all operators, and derivatives of snapshots are never formed. Only the product of the operators
with any invertible matrix from the left is determined, so one of them is set. With E = I these are the
equations as they are stepped. Where A has fast modes, as that of every diffusion, what the basis leaves out
is then magnified by them; with sum_q w_q A_q = -I, where w is theta at the centre of the parameter space, it
is not: an equation's residual is of the size of an error of the state. E^-1 comes from the left in the end.
Both are tried, as no gauge suits all: where A is singular there is only the first.

Where the solver that made the data steps by the same scheme, with the saved times, the fit is exact. Tikhonov
terms of linear and quadratic operators are separate. Peherstorfer and Willcox, CMAME 306 (2016), 196-215;
regularisation after McQuarrie, Huang and Willcox, J. R. Soc. N. Z. 51 (2021), 194-211; the second gauge is
locum's own, that of :mod:`locum.inference.least_squares`.

Shapes: N trajectories, T times, n coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError
from locum.inference.evolution import EvolutionOperators, EvolutionTerms, quadratic_products

_SMALLEST_NORM = 1e-10


class Strength(NamedTuple):
    """Of the Tikhonov terms: of linear operators and loads, and how much stronger of quadratic ones."""

    linear: float
    quadratic: float = 1.0


def fit_evolution(
    terms: EvolutionTerms,
    values: Array,
    trajectories: Array,
    times: Array,
    *,
    implicitness: float,
    strengths: Sequence[Strength],
    gauge: Array | None = None,
) -> list[EvolutionOperators]:
    """Fit an evolution to trajectories, once for each pair of strengths.

    Parameters
    ----------
    terms
        How parameters and time enter.
    values
        Parameter values, shape (N, p).
    trajectories
        Coordinates, shape (N, T, n).
    times
        Increasing, shape (T,).
    implicitness
        g of the scheme, from 0 to 1.
    strengths
        Relative to equations over the norm of their trajectory, with states of the order of one and the
        horizon as the unit of time.
    gauge
        Weights w of the linear operators whose combination is minus the identity, shape (Q,); without them
        E is the identity.

    Returns
    -------
    list
        One for each pair; not a number where E is singular.

    Raises
    ------
    FitError
        No trajectories, values that are not finite, or a gauge of zeros.
    """
    if len(trajectories) == 0 or len(times) < 2 or not np.isfinite(trajectories).all():
        raise FitError("operator inference: needs trajectories of two times or more, with finite coordinates")
    norms = np.sqrt(np.mean(np.sum(trajectories**2, axis=2), axis=1))
    norms = np.maximum(norms, max(_SMALLEST_NORM * norms.max(), np.finfo(np.float64).tiny))
    system = _StepSystem(terms, values, trajectories, times, norms, implicitness, gauge)
    starts = terms.starts(values)
    initial = np.linalg.lstsq(starts / norms[:, None], trajectories[:, 0] / norms[:, None], rcond=1e-10)[0]
    return [system.operators(strength, initial) for strength in strengths]


class _Gauge(NamedTuple):
    """sum_q w_q A_q = -I: A_q = -particular_q I + sum_k free_kq B_k."""

    particular: Array  # (Q,)
    free: Array  # (Q - 1, Q)


class _StepSystem:
    """The least squares of all steps: columns are those of linear, quadratic, load unknowns, and of E."""

    def __init__(
        self,
        terms: EvolutionTerms,
        values: Array,
        trajectories: Array,
        times: Array,
        norms: Array,
        implicitness: float,
        gauge: Array | None,
    ) -> None:
        self._terms, self._implicitness = terms, implicitness
        self._n = trajectories.shape[2]
        self._size, self._horizon = float(np.median(norms)), float(times[-1] - times[0])
        scaled = trajectories / self._size
        coefficients = terms.state(values)
        loads = terms.load_values(values, times)
        if not np.isfinite(coefficients).all() or not np.isfinite(loads).all():
            raise FitError(f"structure: a term is not finite at some simulation ({terms})")
        self._scales = _term_scales(coefficients), _term_scales(loads)
        linear, quadratic = np.split(coefficients / self._scales[0], [len(terms.linear)], axis=1)
        self._gauge = None if gauge is None else _gauge(gauge / self._scales[0][: len(terms.linear)])
        free = linear if self._gauge is None else linear @ self._gauge.free.T
        parts = [
            np.einsum("mq,mtn->mtqn", free, scaled),
            np.einsum("ms,mtn->mtsn", quadratic, quadratic_products(scaled)),
            (loads / self._scales[1])[..., None],
        ]
        self._counts = np.cumsum([int(np.prod(part.shape[2:])) for part in parts])
        columns = np.concatenate([part.reshape(*scaled.shape[:2], -1) for part in parts], axis=2)
        steps = np.diff(times)[None, :, None] / self._horizon
        rows, right = self._mean(columns), np.diff(scaled, axis=1) / steps
        if self._gauge is not None:
            rows = np.concatenate([rows, -right], axis=2)
            right = (linear @ self._gauge.particular)[:, None, None] * self._mean(scaled)
        weights = steps * (self._size / norms)[:, None, None]
        both = (weights * np.concatenate([rows, right], axis=2)).reshape(-1, rows.shape[2] + self._n)
        triangle = np.linalg.qr(both, mode="r")[: rows.shape[2]]
        self._triangle, self._told = np.split(triangle, [rows.shape[2]], axis=1)
        self._factors: dict[float, tuple[Array, Array, Array]] = {}

    def operators(self, strength: Strength, initial: Array) -> EvolutionOperators:
        """The regularised solution, in the units of the trajectories."""
        column_scales = np.ones(self._triangle.shape[1])
        column_scales[self._counts[0] : self._counts[1]] /= strength.quadratic
        if strength.quadratic not in self._factors:
            left, values, right = np.linalg.svd(self._triangle * column_scales, full_matrices=False)
            self._factors[strength.quadratic] = left.T @ self._told, values, right
        told, values, right = self._factors[strength.quadratic]
        kept = values > len(values) * np.finfo(np.float64).eps * values.max(initial=0.0)
        safe = np.where(kept, values, 1.0)
        inverse = np.where(kept, safe / (safe**2 + strength.linear**2), 0.0)
        unknowns = (right.T @ (inverse[:, None] * told)) * column_scales[:, None]
        return self._in_units(self._stepped(np.split(unknowns, self._counts)), initial)

    def _mean(self, columns: Array) -> Array:
        """Of the ends of each step (N, T - 1, ...)."""
        g = self._implicitness
        return np.asarray(g * columns[:, 1:] + (1.0 - g) * columns[:, :-1])

    def _stepped(self, unknowns: list[Array]) -> list[Array]:
        """Linear, quadratic and load operators with E = I; each transposed, as rows."""
        linear, quadratic, loads, derivative = unknowns
        if self._gauge is None:
            return [linear, quadratic, loads]
        particular, free = self._gauge
        identity = np.eye(self._n)
        linear = np.einsum("kq,kab->qab", free, linear.reshape(-1, self._n, self._n))
        linear = (linear - particular[:, None, None] * identity).reshape(-1, self._n)
        try:
            inverse = np.linalg.inv(derivative)
        except np.linalg.LinAlgError:
            inverse = np.full_like(identity, np.nan)
        return [part @ inverse for part in (linear, quadratic, loads)]

    def _in_units(self, parts: list[Array], initial: Array) -> EvolutionOperators:
        n, horizon, size = self._n, self._horizon, self._size
        state, load = self._scales
        linear_scale, quadratic_scale = np.split(state, [len(self._terms.linear)])
        linear = parts[0].reshape(-1, n, n).transpose(0, 2, 1) / horizon
        quadratic = parts[1].reshape(-1, n * (n + 1) // 2, n).transpose(0, 2, 1) / (horizon * size)
        return EvolutionOperators(
            self._terms,
            self._implicitness,
            linear / linear_scale[:, None, None],
            quadratic / quadratic_scale[:, None, None],
            parts[2] * (size / horizon) / load[:, None],
            np.asarray(initial),
        )


def _gauge(weights: Array) -> _Gauge:
    if not np.isfinite(weights).all() or not weights.any():
        raise FitError("operator inference: the gauge must have finite weights, not all of them zero")
    return _Gauge(weights / (weights @ weights), np.linalg.svd(weights[None])[2][1:])


def _term_scales(terms: Array) -> Array:
    """Root mean square of each term over all else, one where it vanishes."""
    scale = np.sqrt(np.mean(terms**2, axis=tuple(range(terms.ndim - 1))))
    return np.where(scale > 0.0, scale, 1.0)
