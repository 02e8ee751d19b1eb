"""What a fitted Gaussian process is asked, saved and loaded as: plain arrays, NumPy only.

See :mod:`locum.regression.conditioning` for the formulas. Nothing here needs what training needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import StorageError
from locum.regression.conditioning import Group, Prepared, extended, factorised, prepare
from locum.regression.kernels import KERNELS
from locum.regression.trend import DEGREES, trend_features

# Numbers held at once: few enough for the second-level cache, enough to hide the cost of the calls.
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Predictor:
    """Gaussian processes of m outputs, conditioned on n simulations.

    Build one with :func:`predictor` or :func:`locum.regression.gaussian_process.fit_gaussian_processes`.

    Parameters
    ----------
    x
        Training inputs (n + r, p) warped to the unit cube; the last r are points still running.
    y
        Training outputs (n, m).
    groups
        Every column is in exactly one.
    factors
        Inverse Cholesky factors W (G, n + r, n + r), lower triangular.
    """

    x: Array
    y: Array
    groups: tuple[Group, ...]
    factors: Array
    _prepared: Prepared = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prepared", prepare(self.x, self.y, self.groups, self.factors))

    @property
    def n(self) -> int:
        """Number of training simulations."""
        return len(self.y)

    @property
    def amplitude(self) -> Array:
        """Standard deviation sigma of each column's process, shape (m,)."""
        return self._prepared.amplitude

    def group_of(self, column: int) -> Group:
        """The group that a column belongs to."""
        return next(group for group in self.groups if column in group.columns)

    def mean(self, x: Array) -> Array:
        """Expected outputs (q, m) at inputs (q, p) warped to the unit cube."""
        if len(x) == 1:
            return self._mean(x, self._correlation(x))
        result = np.empty((len(x), self.y.shape[1]))
        for rows in self._chunks(len(x)):
            result[rows] = self._mean(x[rows], self._correlation(x[rows]))
        return result

    def mean_and_deviation(self, x: Array) -> tuple[Array, Array]:
        """Expected outputs and their standard deviations, both (q, m), at inputs (q, p)."""
        if len(x) == 1:
            correlation = self._correlation(x)
            return self._mean(x, correlation), self._deviation(x, correlation)
        mean = np.empty((len(x), self.y.shape[1]))
        deviation = np.empty_like(mean)
        for rows in self._chunks(len(x)):
            correlation = self._correlation(x[rows])
            mean[rows] = self._mean(x[rows], correlation)
            deviation[rows] = self._deviation(x[rows], correlation)
        return mean, deviation

    def deviation(self, x: Array) -> Array:
        """Standard deviations alone, (q, m), at inputs (q, p)."""
        result = np.empty((len(x), self.y.shape[1]))
        for rows in self._chunks(len(x)):
            result[rows] = self._deviation(x[rows], self._correlation(x[rows]))
        return result

    @property
    def inverse_lengthscales(self) -> Array:
        """What inputs are multiplied by before distances are measured, shape (p,).

        Root of the mean of the groups' squared inverse lengthscales, weighted by their variance.
        """
        return self._prepared.metric

    def distance(self, x: Array) -> Array:
        """Distance (q,) of inputs (q, p) to the nearest training input, in lengthscales."""
        metric = self.inverse_lengthscales
        known = (self.x[: self.n] - 0.5) * metric
        squares = np.einsum("np,np->n", known, known)
        result = np.empty(len(x))
        for rows in self._chunks(len(x)):
            query = (x[rows] - 0.5) * metric
            squared = squares - 2.0 * (query @ known.T)
            squared += np.einsum("qp,qp->q", query, query)[:, None]
            result[rows] = np.sqrt(np.maximum(squared.min(axis=1), 0.0))
        return result

    def leave_one_out(self) -> tuple[Array, Array]:
        """Errors ``y_i - prediction without i`` and their standard deviations, both (n, m).

        In closed form, with the hyper-parameters kept and the trend estimated anew (Dubrule 1983).
        """
        return self._prepared.loo_error, self._prepared.loo_deviation

    def appended(self, x: Array, y: Array) -> Predictor:
        """A predictor that also knows simulations ``y`` (a, m) at ``x`` (a, p); hyper-parameters are kept.

        Points that were running are forgotten: condition anew on those that still are.
        """
        n = self.n
        inputs, factors = extended(self.x[:n], self.groups, self.factors[:, :n, :n], x)
        return Predictor(inputs, np.concatenate([self.y, y]), self.groups, factors)

    def conditioned_on(self, x: Array) -> Predictor:
        """A predictor whose deviation knows that ``x`` (a, p) are being simulated; its mean is unchanged."""
        if not len(x):
            return self
        inputs, factors = extended(self.x, self.groups, self.factors, x)
        return replace(self, x=inputs, factors=factors)

    def select(self, columns: Sequence[int]) -> Predictor:
        """A predictor of some columns only, in the order given; groups without any are left out."""
        kept, indices = [], []
        for index, group in enumerate(self.groups):
            members = tuple(new for new, old in enumerate(columns) if old in group.columns)
            if members:
                kept.append(replace(group, columns=members))
                indices.append(index)
        return Predictor(self.x, self.y[:, list(columns)], tuple(kept), self.factors[indices])

    def to_arrays(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Arrays and JSON-ready description; :func:`predictor_from_arrays` reads back the same bits."""
        group_of = np.empty(self.y.shape[1], dtype=np.int64)
        for index, group in enumerate(self.groups):
            group_of[list(group.columns)] = index
        lower = np.tril_indices(len(self.x))
        arrays = {
            "inputs": self.x,
            "outputs": self.y,
            "group_of_column": group_of,
            "lengthscale": np.array([group.lengthscale for group in self.groups]),
            "nugget": np.array([group.nugget for group in self.groups]),
            "factors": self.factors[:, lower[0], lower[1]],
        }
        meta = {
            "kind": "gaussian-processes",
            "kernels": [group.kernel for group in self.groups],
            "degrees": [group.degree for group in self.groups],
        }
        return arrays, meta

    def _chunks(self, q: int) -> Iterator[slice]:
        size = max(1, _CHUNK // (len(self.groups) * len(self.x)))
        return (slice(start, start + size) for start in range(0, q, size))

    def _correlation(self, x: Array) -> Array:
        """Correlations (G, q, N) of inputs (q, p) with the training inputs."""
        prepared = self._prepared
        scaled = (x - 0.5) * prepared.scale
        squared = scaled @ prepared.inputs
        squared += prepared.squares
        squared += np.einsum("gqp,gqp->gq", scaled, scaled)[:, :, None]
        np.maximum(squared, 0.0, out=squared)
        for kernel, groups in prepared.kernels:
            if groups is None:
                return KERNELS[kernel](squared)
            squared[groups] = KERNELS[kernel](squared[groups])
        return squared

    def _mean(self, x: Array, correlation: Array) -> Array:
        prepared = self._prepared
        padded = (correlation @ prepared.weights).transpose(1, 0, 2).reshape(len(x), -1)
        result = padded[:, prepared.position]
        result += trend_features(x, prepared.degree) @ prepared.beta
        return result

    def _deviation(self, x: Array, correlation: Array) -> Array:
        prepared = self._prepared
        explained = correlation @ prepared.upper_factors
        trend = trend_features(x, prepared.degree) @ prepared.trend_root
        trend -= explained @ prepared.trend_basis
        variance = 1.0 - np.einsum("gqn,gqn->gq", explained, explained)
        np.maximum(variance, 0.0, out=variance)
        variance += np.einsum("gqf,gqf->gq", trend, trend)
        variance += prepared.nugget
        return np.asarray(np.sqrt(variance).T[:, prepared.group_of] * prepared.amplitude)


def predictor(x: Array, y: Array, groups: Sequence[Group]) -> Predictor:
    """Condition groups of known hyper-parameters on simulations ``y`` (n, m) at ``x`` (n, p).

    Raises
    ------
    FitError
        A correlation matrix that is not positive definite in floating point.
    """
    return Predictor(x, y, tuple(groups), factorised(x, groups))


def predictor_from_arrays(arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> Predictor:
    """Inverse of :meth:`Predictor.to_arrays`.

    Raises
    ------
    StorageError
        An array that is missing, of the wrong shape or not finite; an unknown kernel or trend.
    """
    missing = {"inputs", "outputs", "group_of_column", "lengthscale", "nugget", "factors"} - set(arrays)
    if missing or meta.get("kind") != "gaussian-processes":
        raise StorageError(
            f"saved Gaussian processes: kind {meta.get('kind')!r} should be 'gaussian-processes', and arrays "
            f"missing: {', '.join(sorted(missing)) or 'none'}; the folder is damaged or from another program"
        )
    inputs, outputs = np.asarray(arrays["inputs"]), np.asarray(arrays["outputs"])
    kernels, degrees = list(meta.get("kernels", [])), list(meta.get("degrees", []))
    group_of = np.asarray(arrays["group_of_column"])
    count = len(kernels)
    rows, p = inputs.shape if inputs.ndim == 2 else (0, 0)
    expected = {
        "inputs": (rows, p),
        "outputs": (min(len(outputs), rows), outputs.shape[-1]) if outputs.ndim == 2 else (rows, 1),
        "group_of_column": outputs.shape[1:],
        "lengthscale": (count, p),
        "nugget": (count,),
        "factors": (count, rows * (rows + 1) // 2),
    }
    for name, shape in expected.items():
        array = np.asarray(arrays[name])
        if array.shape != shape or 0 in shape or not np.isfinite(array).all():
            raise StorageError(
                f"saved Gaussian processes: array {name!r} of shape {array.shape} should be finite and "
                f"of shape {shape}; the folder is damaged"
            )
    if (
        len(degrees) != count
        or not set(kernels) <= set(KERNELS)
        or not set(degrees) <= set(DEGREES)
        or set(group_of.tolist()) != set(range(count))
    ):
        raise StorageError(
            f"saved Gaussian processes: kernels {kernels} with trends of degree {degrees} are not known; "
            f"expected kernels of {', '.join(KERNELS)} and degrees of {DEGREES}, a column at least for each"
        )
    factors = np.zeros((count, rows, rows))
    lower = np.tril_indices(rows)
    factors[:, lower[0], lower[1]] = arrays["factors"]
    groups = tuple(
        Group(
            tuple(np.flatnonzero(group_of == index).tolist()),
            kernels[index],
            degrees[index],
            np.asarray(arrays["lengthscale"][index], dtype=np.float64),
            float(arrays["nugget"][index]),
        )
        for index in range(count)
    )
    return Predictor(inputs, outputs, groups, factors)
