"""Empirical interpolation: a function of parameters and places, from few of its values.

From samples g(mu, x), one row a parameter and one column a place, a greedy search picks d parameters and d
places (Barrault, Maday, Nguyen and Patera, C. R. Math. 339, 2004). The interpolant that agrees with g at all
chosen places for every parameter, and at all chosen parameters for every place, is symmetric in the two:

    g(mu, x) ~ g(mu, x_sel) G^-1 g(mu_sel, x),    G[m, l] = g(mu_m, x_l)

(Casenave, Ern and Lelievre, *Variants of the empirical interpolation method*, ACHA 2016, arXiv 1508.05330).
With more parameters than places, or fewer, the inverse becomes a pseudo-inverse: the rectangular form, in
which a place whose value is no longer to be had is dropped while its function stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError


@dataclass(frozen=True, eq=False)
class EmpiricalInterpolation:
    """Chosen parameters and places, and the values where they cross.

    Parameters
    ----------
    parameters
        Rows that were chosen, in order, shape (d,).
    places
        Columns that were chosen, in order, shape (e,); e = d but in the rectangular form.
    cross
        G = g(mu_sel, x_sel), shape (d, e).
    errors
        Largest norm of a sample's remainder before each choice and after the last, shape (d + 1,).
    cutoff
        Singular values of a rectangular cross below this share of the first are dropped.
    """

    parameters: AnyArray
    places: AnyArray
    cross: Array
    errors: Array
    cutoff: float = 1e-12

    @property
    def rank(self) -> int:
        """Number of chosen parameters, d."""
        return len(self.parameters)

    @cached_property
    def inverse(self) -> Array:
        """G^-1, or the truncated pseudo-inverse of a rectangular G: shape (e, d)."""
        if self.cross.shape[0] == self.cross.shape[1]:
            return np.asarray(np.linalg.inv(self.cross))
        return np.asarray(np.linalg.pinv(self.cross, rcond=self.cutoff))

    def coefficients(self, values: Array) -> Array:
        """Weights (m, d) of the chosen parameters' functions, from values (m, e) at the chosen places."""
        return np.asarray(values @ self.inverse)

    def interpolate(self, values: Array, functions: Array) -> Array:
        """G (m, ...) everywhere, from values (m, e) and the chosen parameters' functions (d, ...)."""
        return np.asarray(np.tensordot(self.coefficients(values), functions, axes=1))

    def with_places(self, places: Sequence[int] | AnyArray, samples: Array) -> EmpiricalInterpolation:
        """The rectangular form on other columns of the samples (M, X) that were searched."""
        chosen = np.asarray(places)
        return replace(self, places=chosen, cross=samples[self.parameters][:, chosen])

    def without_place(self, number: int) -> EmpiricalInterpolation:
        """The rectangular form without one chosen place (a broken sensor), which keeps all functions."""
        keep = np.delete(np.arange(len(self.places)), number)
        return replace(self, places=self.places[keep], cross=self.cross[:, keep])

    def orthonormalised(self, functions: Array) -> tuple[EmpiricalInterpolation, Array]:
        """The same interpolant on orthonormal rows that span the chosen functions (d, X), with those rows."""
        rows = np.linalg.svd(functions, full_matrices=False)[2]
        return replace(self, cross=rows[:, self.places]), rows

    def lebesgue_constant(self, functions: Array) -> float:
        """Largest sum over the chosen places of |h_l(x)|, for functions (d, X); at most 2^d - 1 (classic)."""
        return float(np.abs(self.inverse @ functions).sum(axis=0).max())


def empirical_interpolation(
    samples: Array,
    *,
    rtol: float = 1e-12,
    max_rank: int | None = None,
    norm: Literal["max", "euclidean"] = "max",
) -> EmpiricalInterpolation:
    """Choose parameters and places by the greedy search.

    Parameters
    ----------
    samples
        g, shape (M, X): M parameters, X places.
    rtol
        Stop when no remainder is larger than this share of the largest sample.
    max_rank
        Largest number of choices.
    norm
        Of remainders, when the next parameter is chosen.

    Returns
    -------
    EmpiricalInterpolation
        Square form.

    Raises
    ------
    FitError
        Samples that are not a finite array, or are all zero.
    """
    if samples.ndim != 2 or not samples.size or not np.isfinite(samples).all():
        raise FitError(f"empirical interpolation: expected finite samples (M, X), got shape {samples.shape}")
    remainder = samples.copy()
    parameters: list[int] = []
    places: list[int] = []
    errors: list[float] = []
    limit = min(samples.shape) if max_rank is None else min(max_rank, *samples.shape)
    while True:
        sizes = np.abs(remainder).max(axis=1) if norm == "max" else np.linalg.norm(remainder, axis=1)
        parameter = int(sizes.argmax())
        errors.append(float(sizes[parameter]))
        if not errors[0]:
            raise FitError(
                "empirical interpolation: all samples are zero, so that there is nothing to separate"
            )
        if len(parameters) >= limit or errors[-1] <= rtol * errors[0]:
            break
        place = int(np.abs(remainder[parameter]).argmax())
        column = remainder[:, place] / remainder[parameter, place]
        remainder -= np.outer(column, remainder[parameter])
        remainder[:, place] = 0.0  # what is interpolated is so exactly
        remainder[parameter] = 0.0
        parameters.append(parameter)
        places.append(place)
    chosen, kept = np.array(parameters, dtype=np.intp), np.array(places, dtype=np.intp)
    return EmpiricalInterpolation(chosen, kept, samples[chosen][:, kept], np.array(errors))
