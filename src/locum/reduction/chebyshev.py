"""Sums of products of Chebyshev polynomials in [-1, 1]^d, fitted to a function by least squares.

At points that are distributed as Chebyshev's the products are orthogonal, and with two points or more for
each the fit is stable (Cohen and Migliorati, *Optimal weighted least-squares methods*, SMAI J. Comput. Math.
3, 2017). Where only few products count among many variables, they are found one generation after the other:
large factors have children, and the set of products stays downward closed (Migliorati, *Adaptive polynomial
approximation by means of random discrete least squares*, ENUMATH 2013).

Shapes: m points, d variables, l products, k values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from locum.arrays import AnyArray, Array

POINTS_PER_TERM = 2
_GROWTH = 0.5  # of the number of products at most, from one generation to the next
_SHARE = 0.02  # of the largest factor whose children are taken, that others need for theirs
_GRANDPARENT = 0.3  # of a factor that counts for the children of its children
_CHECKED_POINTS = 128
_Row = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ChebyshevSum:
    """sum over l of a_l T_i(x_1) T_j(x_2) ...

    Parameters
    ----------
    degrees
        One product a row: integers, shape (l, d).
    factors
        a: shape (l, k).
    """

    degrees: AnyArray
    factors: Array

    def __call__(self, points: Array) -> Array:
        """Values (m, k) at points (m, d)."""
        return products(points, self.degrees) @ self.factors

    def with_derivatives(self, points: Array, first: int) -> tuple[Array, Array]:
        """Values (m, k) at points (m, d); and derivatives (m, k, d - first), without the first variables."""
        tables = _tables(points, self.degrees)
        slopes = _slopes(points, tables)
        values = _product(tables, self.degrees).T @ self.factors
        derivatives = np.zeros((*values.shape, points.shape[1] - first))
        for column in range(first, points.shape[1]):
            rows = np.flatnonzero(self.degrees[:, column])
            degrees, orders = self.degrees[rows].copy(), self.degrees[rows, column]
            degrees[:, column] = 0
            part = _product(tables, degrees) * slopes[column, orders]
            derivatives[:, :, column - first] = part.T @ self.factors[rows]
        return values, derivatives


def sparse_sum(
    function: Callable[[Array], Array], dimension: int, *, atol: float, max_terms: int
) -> ChebyshevSum:
    """Fit a function by as many products as it takes.

    Parameters
    ----------
    function
        Values (m, k) at points (m, d); its values count the same, by their Euclidean norm.
    dimension
        d.
    atol
        Largest error at random points.
    max_terms
        Largest number of products; each takes three points.

    Returns
    -------
    ChebyshevSum
        Of ``max_terms`` products where ``atol`` is not reached.
    """
    checked = np.random.default_rng(0).uniform(-1.0, 1.0, (_CHECKED_POINTS, dimension))
    truth = function(checked)
    degrees = total_degree(dimension, 1)
    ahead = math.ceil(POINTS_PER_TERM * (1.0 + _GROWTH))
    points = chebyshev_points(dimension, ahead * max(max_terms, len(degrees)))
    known = np.empty((0, truth.shape[1]))
    while True:
        inside = points[: ahead * len(degrees)]
        known = np.concatenate([known, function(inside[len(known) :])])
        matrix = products(inside, degrees)
        # nearly orthogonal columns: normal equations lose nothing
        factors = np.asarray(np.linalg.solve(matrix.T @ matrix, matrix.T @ known))
        found = ChebyshevSum(degrees, factors)
        error = np.linalg.norm(found(checked) - truth, axis=1).max()
        room = min(math.ceil(_GROWTH * len(degrees)), max_terms - len(degrees))
        if error <= atol or room <= 0:
            return found
        sizes = dict(zip(map(tuple, degrees.tolist()), np.linalg.norm(factors, axis=1), strict=True))
        degrees = np.concatenate([degrees, np.array(_children(sizes)[:room], dtype=np.int64)])


def _children(sizes: Mapping[_Row, float]) -> list[_Row]:
    """Products of one degree more, those of the largest factors first, all of whose smaller ones are there.

    An even function has no odd products, and still the way to its even ones leads through them: grandparents
    count too.
    """
    found: dict[_Row, float] = {}
    for row in sizes:
        for axis in range(len(row)):
            child = _moved(row, axis, 1)
            if child in sizes or child in found:
                continue
            parents = [_moved(child, other, -1) for other, degree in enumerate(child) if degree]
            if all(parent in sizes for parent in parents):
                before = [_moved(child, other, -2) for other, degree in enumerate(child) if degree > 1]
                found[child] = max(
                    max(sizes[parent] for parent in parents),
                    _GRANDPARENT * max((sizes[each] for each in before), default=0.0),
                )
    largest = max(found.values())
    ordered = sorted(found, key=lambda row: (-found[row], row))
    return [row for row in ordered if found[row] >= _SHARE * largest]


def _moved(row: _Row, axis: int, step: int) -> _Row:
    return (*row[:axis], row[axis] + step, *row[axis + 1 :])


def chebyshev_points(dimension: int, count: int) -> Array:
    """A Sobol sequence in [-1, 1]^d, distributed as Chebyshev points are."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(0))
    return np.asarray(np.cos(np.pi * sequence.random_base2(math.ceil(math.log2(count)))[:count]))


def total_degree(dimension: int, degree: int) -> AnyArray:
    """Rows of exponents (l, d) that sum to at most ``degree``."""
    rows = [
        np.bincount(chosen, minlength=dimension + 1)[:dimension]
        for chosen in combinations_with_replacement(range(dimension + 1), degree)
    ]
    return np.array(rows, dtype=np.int64)


def products(points: Array, degrees: AnyArray) -> Array:
    """Products of Chebyshev polynomials (m, l) at points (m, d)."""
    return _product(_tables(points, degrees), degrees).T


def _tables(points: Array, degrees: AnyArray) -> Array:
    """T_0, T_1 ... of every variable, shape (d, largest degree + 1, m): what is chosen lies in one piece."""
    highest = max(int(degrees.max(initial=0)), 1)
    return np.ascontiguousarray(np.polynomial.chebyshev.chebvander(points, highest).transpose(1, 2, 0))


def _slopes(points: Array, tables: Array) -> Array:
    """Their derivatives, by T_{n+1}' = 2 T_n + 2 x T_n' - T_{n-1}'."""
    slopes = np.zeros_like(tables)
    slopes[:, 1] = 1.0
    for order in range(1, tables.shape[1] - 1):
        slopes[:, order + 1] = (
            2.0 * tables[:, order] + 2.0 * points.T * slopes[:, order] - slopes[:, order - 1]
        )
    return slopes


def _product(tables: Array, degrees: AnyArray) -> Array:
    """The factors (d, degree + 1, m) that rows of degrees (l, d) choose, multiplied: shape (l, m)."""
    found = np.ones((len(degrees), tables.shape[2]))
    for table, column in zip(tables, degrees.T, strict=True):
        rows = np.flatnonzero(column)
        found[rows] *= table[column[rows]]
    return found
