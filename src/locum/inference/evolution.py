"""Evolution equations inferred from trajectories: linear and quadratic in the state, with inputs in time.

    c' = sum_q theta_q(mu) A_q c + sum_s chi_s(mu) H_s (c x c) + sum_p phi_p(mu, t) b_p

has operators A_q (n, n), H_s (n, n (n + 1) / 2) and b_p (n); inputs are loads that know the time. Answers are
steps from t_{k-1} to t_k of a one-step scheme,

    c_k - c_{k-1} = dt_k (g F(c_k, t_k) + (1 - g) F(c_{k-1}, t_{k-1})),

g = 1 for implicit Euler, 1/2 for Crank-Nicolson, 0 for explicit Euler; :mod:`locum.inference.evolution_fit`
finds the operators.

Shapes: q queries, N trajectories, T times, n coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import ParameterError, StorageError
from locum.parameters.expressions import Expressions

TIME = "time"
_NEWTON_STEPS = 24
_FAST = 0.1  # times the step before: convergence with an inverse that is kept
_CONVERGED = 1e-12


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
        return integrate_all([self], [values], times)[0]

    def systems(self, values: Array, times: Array) -> Systems:
        """The equations of each of the parameter values (q, p)."""
        coefficients = self.terms.state(values)
        split = len(self.linear)
        return Systems(
            np.einsum("mq,qab->mab", coefficients[:, :split], self.linear),
            Products(coefficients[:, split:], self._slopes),
            self.terms.load_values(values, times) @ self.loads,
            self.terms.starts(values) @ self.initial,
        )

    @cached_property
    def _slopes(self) -> Array:
        """Derivatives of H_s (c x c) with respect to c are c times these, shape (S, n, n n)."""
        n = self.rank
        rows, columns = np.triu_indices(n)
        slopes = np.zeros((len(self.quadratic), n, n, n))
        for one, other in ((rows, columns), (columns, rows)):  # squares count twice
            slopes[:, one, :, other] += self.quadratic.transpose(2, 0, 1)
        return slopes.reshape(-1, n, n * n)

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


class Products(NamedTuple):
    """The quadratic terms of m parameter values."""

    coefficients: Array  # (m, S)
    slopes: Array  # (S, n, n n)


class _AllProducts:
    """Those of K evolutions, padded to as many parameter values each so that a term is one matrix product."""

    def __init__(self, products: Sequence[Products]) -> None:
        counts = [len(each.coefficients) for each in products]
        self._filled = np.arange(max(counts)) < np.array(counts)[:, None]  # (K, m)
        self._slopes = np.stack([each.slopes for each in products], axis=1)  # (S, K, n, n n)
        self._coefficients = np.concatenate([each.coefficients for each in products]).T
        self.present = bool(self._slopes.any())

    def derivative(self, state: Array) -> Array:
        """Of the quadratic terms H (c x c) at coordinates (q, n) of all, shape (q, n, n)."""
        padded = np.zeros((*self._filled.shape, state.shape[1]))
        padded[self._filled] = state
        found = np.zeros((len(state), self._slopes.shape[3]))
        for coefficients, slopes in zip(self._coefficients, self._slopes, strict=True):
            found += coefficients[:, None] * (padded @ slopes)[self._filled]
        return found.reshape(*state.shape, -1)


class Systems(NamedTuple):
    """Reduced equations of q parameter values."""

    matrices: Array  # (q, n, n)
    products: Products
    loads: Array  # (q, T, n)
    initial: Array  # (q, n)


def integrate_all(
    operators: Sequence[EvolutionOperators], values: Sequence[Array], times: Array
) -> list[Array]:
    """Trajectories of several evolutions at once, each (q, T, n) at its own parameter values (q, p).

    They must have the same number of coordinates and the same scheme.
    """
    parts = [each.systems(rows, times) for each, rows in zip(operators, values, strict=True)]
    matrices, loads, initial = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("matrices", "loads", "initial")
    )
    result = np.empty(loads.shape)
    result[:, 0] = initial
    stepper = _Stepper(matrices, [part.products for part in parts], operators[0].implicitness)
    with np.errstate(all="ignore"):
        for k in range(1, len(times)):
            step = float(times[k] - times[k - 1])
            result[:, k] = stepper.step(result[:, k - 1], step, loads[:, k - 1], loads[:, k])
    return np.split(result, np.cumsum([len(rows) for rows in values])[:-1])


_TERM_KEYS = ("names", "linear", "load", "quadratic", "initial")
_SHAPES = ("linear", "quadratic", "loads", "initial")


class _Stepper:
    """One step of many systems at once: linear ones by a factor that is kept, quadratic ones by Newton."""

    def __init__(self, matrices: Array, products: Sequence[Products], implicitness: float) -> None:
        self._matrices, self._products, self._implicitness = matrices, _AllProducts(products), implicitness
        self._inverse: tuple[float, Array] | None = None

    def step(self, before: Array, step: float, load_before: Array, load_after: Array) -> Array:
        """Coordinates (q, n) after a step."""
        g = self._implicitness
        known = before + step * ((1.0 - g) * (self._rate(before) + load_before) + g * load_after)
        if not g:
            return known
        if not self._products.present:
            return np.asarray(np.einsum("mab,mb->ma", self._linear_inverse(step), known))
        return self._newton(before, known, step * g)

    def _rate(self, state: Array) -> Array:
        rate = np.einsum("mab,mb->ma", self._matrices, state)
        if self._products.present:
            rate += 0.5 * np.einsum("mab,mb->ma", self._products.derivative(state), state)
        return np.asarray(rate)

    def _linear_inverse(self, step: float) -> Array:
        """(I - g dt A)^-1, kept while the step stays the same."""
        if self._inverse is None or abs(self._inverse[0] - step) > 1e-12 * step:
            systems = np.eye(self._matrices.shape[1]) - self._implicitness * step * self._matrices
            self._inverse = step, _inverted(systems)
        return self._inverse[1]

    def _newton(self, state: Array, known: Array, step: float) -> Array:
        """Newton's method, with an inverse that is kept while every query converges fast."""
        identity, state, inverse = np.eye(state.shape[1]), state.copy(), None
        size = np.abs(known).max(axis=1) + np.finfo(np.float64).tiny
        moved = np.full(len(state), np.inf)
        for _ in range(_NEWTON_STEPS):
            slopes = self._products.derivative(state)
            rate = np.einsum("mab,mb->ma", self._matrices + 0.5 * slopes, state)
            if inverse is None:
                inverse = _inverted(identity - step * (self._matrices + slopes))
            change = np.einsum("mab,mb->ma", inverse, state - step * rate - known)
            state -= change
            before, moved = moved, np.asarray(np.abs(change).max(axis=1) / size)
            if not np.any(moved > _CONVERGED):
                break
            if np.any((moved > _CONVERGED) & (moved > _FAST * before)):
                inverse = None
        state[np.logical_not(moved <= np.sqrt(_CONVERGED))] = np.nan
        return state


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
