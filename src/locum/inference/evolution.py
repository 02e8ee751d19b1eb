"""Evolution equations inferred from trajectories: linear and quadratic in the state, with inputs in time.

    c' = sum_q theta_q(mu) A_q c + sum_s chi_s(mu) H_s (c x c) + sum_p phi_p(mu, t) b_p

is linear in A_q (n, n), H_s (n, n (n + 1) / 2) and b_p (n); inputs are loads that know the time. Derivatives
of snapshots are never formed: equations are those of one step from t_{k-1} to t_k of a one-step scheme,

    c_k - c_{k-1} = dt_k (g F(c_k, t_k) + (1 - g) F(c_{k-1}, t_{k-1})),

g = 1 for implicit Euler, 1/2 for Crank-Nicolson, 0 for explicit Euler, and answers step by the same scheme.
Where the solver that made the data does so too, with the saved times, the fit is exact. Tikhonov terms of
linear and quadratic operators are separate. Peherstorfer and Willcox, CMAME 306 (2016), 196-215;
regularisation after McQuarrie, Huang and Willcox, J. R. Soc. N. Z. 51 (2021), 194-211.

Shapes: q queries, N trajectories, T times, n coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, ParameterError, StorageError
from locum.parameters.expressions import Expressions

TIME = "time"
_NEWTON_STEPS = 12
_CONVERGED = 1e-12
_SMALLEST_NORM = 1e-10


@dataclass(frozen=True)
class EvolutionTerms:
    """How parameters and time enter.

    Parameters
    ----------
    names
        Of the parameters, in column order.
    linear, quadratic, load, initial
        Expressions: of the parameters, those of the load also of ``time``. The initial coordinates are a
        combination of the last ones.

    Raises
    ------
    ParameterError
        A text that is no such expression.
    """

    names: tuple[str, ...]
    linear: tuple[str, ...]
    load: tuple[str, ...] = ()
    quadratic: tuple[str, ...] = ()
    initial: tuple[str, ...] = ("1",)

    def __post_init__(self) -> None:
        if not self.linear or not self.initial:
            raise ParameterError("structure: an evolution needs a linear term and an initial one")
        if TIME in self.names:
            raise ParameterError(
                f"structure: a parameter may not be called {TIME!r}; it is the time of loads"
            )
        _ = self.state, self.loads, self.starts

    @cached_property
    def state(self) -> Expressions:
        """Coefficients of the linear, then of the quadratic operators."""
        return Expressions(self.names, (*self.linear, *self.quadratic))

    @cached_property
    def loads(self) -> Expressions:
        """Coefficients of the loads, of parameters and time."""
        return Expressions((*self.names, TIME), self.load)

    @cached_property
    def starts(self) -> Expressions:
        """Coefficients of the initial coordinates."""
        return Expressions(self.names, self.initial)

    def __str__(self) -> str:
        parts = {"state": self.linear, "its products": self.quadratic, "load": self.load}
        return "; ".join(f"{name}: {', '.join(terms)}" for name, terms in parts.items() if terms)

    def load_values(self, values: Array, times: Array) -> Array:
        """Coefficients of the loads (q, T, P) for parameter values (q, p) at times (T,)."""
        rows = np.repeat(values, len(times), axis=0)
        asked = np.concatenate([rows, np.tile(times, len(values))[:, None]], axis=1)
        return self.loads(asked).reshape(len(values), len(times), len(self.load))


@dataclass(frozen=True, eq=False)
class EvolutionOperators:
    """A reduced evolution equation and its one-step scheme.

    Parameters
    ----------
    terms
        How parameters and time enter.
    implicitness
        g of the scheme.
    linear
        A_q, shape (Q, n, n).
    quadratic
        H_s on the products c_i c_j, i <= j, shape (S, n, n (n + 1) / 2).
    loads
        b_p, shape (P, n).
    initial
        Shape (I, n).
    """

    terms: EvolutionTerms
    implicitness: float
    linear: Array
    quadratic: Array
    loads: Array
    initial: Array

    @property
    def rank(self) -> int:
        """Number of coordinates, n."""
        return int(self.linear.shape[1])

    def integrate(self, values: Array, times: Array) -> Array:
        """Trajectories (q, T, n) for parameter values (q, p); not a number once a step has no solution."""
        coefficients = self.terms.state(values)
        split = len(self.linear)
        matrices = np.einsum("mq,qab->mab", coefficients[:, :split], self.linear)
        products = np.einsum("ms,sab->mab", coefficients[:, split:], self.quadratic)
        loads = self.terms.load_values(values, times) @ self.loads
        result = np.empty((len(values), len(times), self.rank))
        result[:, 0] = self.terms.starts(values) @ self.initial
        stepper = _Stepper(matrices, products, self.implicitness)
        with np.errstate(all="ignore"):
            for k in range(1, len(times)):
                step = float(times[k] - times[k - 1])
                result[:, k] = stepper.step(result[:, k - 1], step, loads[:, k - 1], loads[:, k])
        return result

    def growth_rates(self, values: Array) -> Array:
        """Largest real part of the linear operator's eigenvalues, shape (q,), for parameter values (q, p)."""
        coefficients = self.terms.state(values)[:, : len(self.linear)]
        matrices = np.einsum("mq,qab->mab", coefficients, self.linear)
        return np.asarray(np.linalg.eigvals(matrices).real.max(axis=1))

    def to_saved(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Arrays, and what JSON holds."""
        parts = ("linear", "quadratic", "loads", "initial")
        terms = {key: list(getattr(self.terms, key)) for key in _TERM_KEYS}
        arrays: dict[str, AnyArray] = {name: getattr(self, name) for name in parts}
        return arrays, {"terms": terms, "implicitness": self.implicitness}

    @classmethod
    def from_saved(cls, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_saved`.

        Raises
        ------
        StorageError
            Content that is missing or makes no sense.
        """
        try:
            terms = EvolutionTerms(**{key: tuple(meta["terms"][key]) for key in _TERM_KEYS})
            parts = {name: np.asarray(arrays[name], np.float64) for name in _SHAPES}
            found = cls(terms, float(meta["implicitness"]), **parts)
            n = found.rank
            expected = {
                "linear": (len(terms.linear), n, n),
                "quadratic": (len(terms.quadratic), n, n * (n + 1) // 2),
                "loads": (len(terms.load), n),
                "initial": (len(terms.initial), n),
            }
            fits = all(parts[name].shape == shape for name, shape in expected.items())
        except (KeyError, TypeError, ValueError, IndexError, ParameterError) as error:
            raise StorageError(f"the saved evolution cannot be read: {error!r}") from error
        if not fits or not all(np.isfinite(part).all() for part in parts.values()):
            raise StorageError("the saved evolution cannot be read: its arrays do not fit its terms")
        return found


_TERM_KEYS = ("names", "linear", "load", "quadratic", "initial")
_SHAPES = ("linear", "quadratic", "loads", "initial")


class _Stepper:
    """One step of many systems at once: linear ones by a factor that is kept, quadratic ones by Newton."""

    def __init__(self, matrices: Array, products: Array, implicitness: float) -> None:
        self._matrices, self._products, self._implicitness = matrices, products, implicitness
        self._quadratic = bool(products.any())
        self._pairs = np.triu_indices(matrices.shape[1])
        self._inverse: tuple[float, Array] | None = None

    def step(self, before: Array, step: float, load_before: Array, load_after: Array) -> Array:
        """Coordinates (q, n) after a step."""
        g = self._implicitness
        known = before + step * ((1.0 - g) * (self._rate(before) + load_before) + g * load_after)
        if not g:
            return known
        if not self._quadratic:
            return np.asarray(np.einsum("mab,mb->ma", self._linear_inverse(step), known))
        return self._newton(before, known, step * g)

    def _rate(self, state: Array) -> Array:
        rate = np.einsum("mab,mb->ma", self._matrices, state)
        if self._quadratic:
            rows, columns = self._pairs
            rate += np.einsum("mab,mb->ma", self._products, state[:, rows] * state[:, columns])
        return np.asarray(rate)

    def _linear_inverse(self, step: float) -> Array:
        """(I - g dt A)^-1, kept while the step stays the same."""
        if self._inverse is None or abs(self._inverse[0] - step) > 1e-12 * step:
            systems = np.eye(self._matrices.shape[1]) - self._implicitness * step * self._matrices
            self._inverse = step, _inverted(systems)
        return self._inverse[1]

    def _newton(self, state: Array, known: Array, step: float) -> Array:
        n = state.shape[1]
        state = state.copy()
        size = np.abs(known).max(axis=1) + np.finfo(np.float64).tiny
        for _ in range(_NEWTON_STEPS):
            residual = state - step * self._rate(state) - known
            jacobian = np.eye(n) - step * (self._matrices + self._derivative(state))
            change = np.einsum("mab,mb->ma", _inverted(jacobian), residual)
            state -= change
            moved = np.asarray(np.abs(change).max(axis=1) / size)
            if not np.any(moved > _CONVERGED):
                break
        state[np.logical_not(moved <= np.sqrt(_CONVERGED))] = np.nan
        return state

    def _derivative(self, state: Array) -> Array:
        """Of H (c x c) with respect to c, shape (q, n, n)."""
        rows, columns = self._pairs
        order = np.arange(len(rows))
        slopes = np.zeros((len(state), len(rows), state.shape[1]))
        slopes[:, order, rows] += state[:, columns]
        slopes[:, order, columns] += state[:, rows]
        return np.asarray(self._products @ slopes)


def quadratic_products(state: Array) -> Array:
    """Products c_i c_j, i <= j, of coordinates (..., n): shape (..., n (n + 1) / 2)."""
    rows, columns = np.triu_indices(state.shape[-1])
    return np.asarray(state[..., rows] * state[..., columns])


def _inverted(matrices: Array) -> Array:
    finite = np.isfinite(matrices.sum(axis=(1, 2)))[:, None, None]
    safe = np.where(finite, matrices, np.eye(matrices.shape[1]))
    try:
        inverse = np.linalg.inv(safe)
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(safe)
    return np.where(finite, inverse, np.nan)


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

    Raises
    ------
    FitError
        No trajectories, or values that are not finite.
    """
    if len(trajectories) == 0 or len(times) < 2 or not np.isfinite(trajectories).all():
        raise FitError("operator inference: needs trajectories of two times or more, with finite coordinates")
    norms = np.sqrt(np.mean(np.sum(trajectories**2, axis=2), axis=1))
    norms = np.maximum(norms, max(_SMALLEST_NORM * norms.max(), np.finfo(np.float64).tiny))
    system = _StepSystem(terms, values, trajectories, times, norms, implicitness)
    starts = terms.starts(values)
    initial = np.linalg.lstsq(starts / norms[:, None], trajectories[:, 0] / norms[:, None], rcond=1e-10)[0]
    return [system.operators(strength, initial) for strength in strengths]


class _StepSystem:
    """The least squares of all steps: columns are those of linear, quadratic and load unknowns."""

    def __init__(
        self,
        terms: EvolutionTerms,
        values: Array,
        trajectories: Array,
        times: Array,
        norms: Array,
        implicitness: float,
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
        parts = [
            np.einsum("mq,mtn->mtqn", linear, scaled),
            np.einsum("ms,mtn->mtsn", quadratic, quadratic_products(scaled)),
            (loads / self._scales[1])[..., None],
        ]
        columns = np.concatenate([part.reshape(*scaled.shape[:2], -1) for part in parts], axis=2)
        self._counts = [int(np.prod(part.shape[2:])) for part in parts]
        steps = np.diff(times)[None, :, None] / self._horizon
        averaged = implicitness * columns[:, 1:] + (1.0 - implicitness) * columns[:, :-1]
        weights = (self._size / norms)[:, None, None]
        rows = (weights * steps * averaged).reshape(-1, columns.shape[2])
        right = (weights * np.diff(scaled, axis=1)).reshape(-1, self._n)
        orthogonal, self._triangle = np.linalg.qr(rows)
        self._told = orthogonal.T @ right
        self._factors: dict[float, tuple[Array, Array, Array]] = {}

    def operators(self, strength: Strength, initial: Array) -> EvolutionOperators:
        """The regularised solution, in the units of the trajectories."""
        column_scales = np.ones(self._triangle.shape[1])
        first, second = self._counts[0], self._counts[0] + self._counts[1]
        column_scales[first:second] /= strength.quadratic
        if strength.quadratic not in self._factors:
            left, values, right = np.linalg.svd(self._triangle * column_scales, full_matrices=False)
            self._factors[strength.quadratic] = left.T @ self._told, values, right
        told, values, right = self._factors[strength.quadratic]
        kept = values > len(values) * np.finfo(np.float64).eps * values.max(initial=0.0)
        safe = np.where(kept, values, 1.0)
        inverse = np.where(kept, safe / (safe**2 + strength.linear**2), 0.0)
        unknowns = (right.T @ (inverse[:, None] * told)) * column_scales[:, None]
        return self._in_units(np.split(unknowns, [first, second]), initial)

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


def _term_scales(terms: Array) -> Array:
    """Root mean square of each term over all else, one where it vanishes."""
    scale = np.sqrt(np.mean(terms**2, axis=tuple(range(terms.ndim - 1))))
    return np.where(scale > 0.0, scale, 1.0)
