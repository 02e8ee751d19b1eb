"""How the parameters enter the equations: declared by the user, or found by cross-validation.

A structure is two lists of expressions of the parameters, theta of the matrices and phi of the right-hand
sides. Where nobody declares it, a small library is searched: the parameters, their inverses, squares,
logarithms and products, cosine and sine of angles. A few families in which all parameters enter alike are
tried first; then single terms are dropped, added or exchanged as long as the K-fold error of predicted fields
falls, up to some hundred structures. The search fits general matrices in few coordinates, which costs
milliseconds a structure: there a missing term leaves ten times the error of the right structure, and a
needless one costs simulations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import ParameterError
from locum.inference.folds import field_norms, make_folds, ranks_to_try, root_mean_square
from locum.inference.least_squares import AffineData, Gauge, fit_parts
from locum.inference.operators import solved
from locum.parameters import Parameter, ParameterSpace
from locum.parameters.expressions import Expressions
from locum.reduction.coefficients import CoefficientExpressions

ANGLES = {"rad": "{}", "deg": "pi / 180 * {}", "degree": "pi / 180 * {}", "degrees": "pi / 180 * {}"}
MOST_SEARCHED = 100  # simulations that a search looks at
_FOLDS = 5
_TAIL = 0.01  # projection error of the coordinates that a search looks at
_STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-5)
_MOST_PRODUCTS = 6  # parameters up to which products are in the library
_DROP, _ADD = 1.03, 0.85  # how far a score may rise for a term less, and must fall for a term more
_GOOD = 1.5  # times what the coordinates leave anyway: no term more can help
_STEPS = 12
_MOST_TRIED = 200  # structures, after which the best of them is taken


@dataclass(frozen=True)
class Structure:
    """Terms of the matrices and of the right-hand sides, as texts.

    Parameters
    ----------
    theta, phi
        Expressions of the parameters, at least one each.
    """

    theta: tuple[str, ...]
    phi: tuple[str, ...]

    def coefficients(self, space: ParameterSpace) -> CoefficientExpressions:
        """As functions of parameter values.

        Raises
        ------
        ParameterError
            A text that is no expression of the parameters, or a list that is empty.
        """
        if not self.theta or not self.phi:
            raise ParameterError("structure: needs at least one term for the matrix and one for the load")
        return CoefficientExpressions(*(Expressions(space.names, terms) for terms in (self.theta, self.phi)))

    def __str__(self) -> str:
        return f"matrix: {', '.join(self.theta)}; load: {', '.join(self.phi)}"


@dataclass(frozen=True, eq=False)
class Discovery:
    """What a search found.

    Parameters
    ----------
    structure
        With the least K-fold error, within a few per cent.
    score
        Root mean square of that error with all simulations, in as few coordinates as the search looked at.
    floor
        What these coordinates leave of the fields in any case.
    tried
        Every structure that was tried, with its score in the search.
    """

    structure: Structure
    score: float
    floor: float
    tried: tuple[tuple[Structure, float], ...]


def discover(
    space: ParameterSpace, values: Array, coordinates: Array, terms: Sequence[str] = ()
) -> Discovery:
    """Search the library for the structure with the least K-fold error of predicted fields.

    Parameters
    ----------
    space
        The parameters.
    values
        Of the simulations, shape (N, p).
    coordinates
        Of their snapshots in a basis wide enough for all, shape (N, r).
    terms
        More expressions to search among.
    """
    judge = Judge(space, values[:MOST_SEARCHED], coordinates[:MOST_SEARCHED])
    library = (*terms, *library_of(space))
    best = min(families(space), key=judge.score)
    for _ in range(_STEPS):
        best = _without_needless(best, judge)
        if judge.score(best) <= _GOOD * judge.floor:
            break
        untried = islice(_additions(best, library), max(0, _MOST_TRIED - len(judge.known)))
        better = min(untried, key=judge.score, default=best)
        if not judge.score(better) < _ADD * judge.score(best):
            break
        best = better
    # with all simulations it may do far better, and what it is compared with saw them all
    whole = judge if len(values) <= MOST_SEARCHED else Judge(space, values, coordinates)
    return Discovery(best, whole.score(best), whole.floor, tuple(judge.known.items()))


class Judge:
    """K-fold errors of structures on the same simulations, each found once, all its folds together."""

    def __init__(self, space: ParameterSpace, values: Array, coordinates: Array) -> None:
        self._space, self._columns = space, dict[str, Array]()
        centre = space.unwarp(np.full((1, space.dimension), 0.5))
        self._values = np.concatenate([values, centre])
        self._folds = make_folds(coordinates, _FOLDS)
        limit = min(len(fold.basis) for fold in self._folds)
        rank = ranks_to_try(coordinates, min(limit, max(1, len(values) // 2)), (_TAIL,))[0]
        bases = np.stack([fold.basis[:rank] for fold in self._folds])
        self._seen = coordinates @ bases.transpose(0, 2, 1)
        self._training = np.ones(self._seen.shape[:2])
        left = np.empty(len(values))  # of the squares, what the coordinates leave of each field in any case
        for part, rows in enumerate(fold.tested for fold in self._folds):
            self._training[part, rows] = 0.0
            left[rows] = np.sum((coordinates[rows] - self._seen[part, rows] @ bases[part]) ** 2, axis=1)
        self._left, self._norms = left, field_norms(coordinates)
        self.floor = root_mean_square(np.sqrt(left) / self._norms)
        self.known: dict[Structure, float] = {}

    def score(self, structure: Structure) -> float:
        """Root-mean-square relative K-fold error; infinite for terms that are not finite or not distinct."""
        if structure not in self.known:
            self.known[structure] = self._score(structure)
        return self.known[structure]

    def _score(self, structure: Structure) -> float:
        if not structure.theta or not structure.phi:
            return float("inf")
        theta, phi = self._terms(structure.theta), self._terms(structure.phi)[:-1]
        theta, centre = theta[:-1], theta[-1]
        if not (_distinct(theta) and _distinct(phi) and np.isfinite(centre).all() and centre.any()):
            return float("inf")
        matrices, vectors = fit_parts(
            AffineData(theta, phi, self._seen), self._training, Gauge(centre), _STRENGTHS
        )
        squares = np.empty((len(_STRENGTHS), len(theta)))
        for part, rows in enumerate(fold.tested for fold in self._folds):
            assembled = np.tensordot(theta[rows], matrices[part], axes=(1, 1)).swapaxes(0, 1)
            squares[:, rows] = self._missed(part, rows, assembled, phi[rows] @ vectors[part])
        errors = np.sqrt(squares + self._left) / self._norms
        typical = np.sqrt(np.mean(errors**2, axis=1))
        return float(np.min(np.where(np.isfinite(typical), typical, np.inf)))

    def _terms(self, terms: tuple[str, ...]) -> Array:
        """Values (N + 1, k) at the simulations and, last, at the centre of the parameter space."""
        for term in terms:
            if term not in self._columns:
                self._columns[term] = Expressions(self._space.names, (term,))(self._values)[:, 0]
        return np.stack([self._columns[term] for term in terms], axis=1)

    def _missed(self, part: int, rows: AnyArray, matrices: Array, right: Array) -> Array:
        """Squared errors (S, m) of a fold's answers, with matrices (S, m, n, n) and right-hand sides."""
        answers = solved(matrices.reshape(-1, *matrices.shape[2:]), right.reshape(-1, right.shape[-1]))
        return np.asarray(np.sum((answers.reshape(right.shape) - self._seen[part, rows]) ** 2, axis=2))


def centre_of(structure: Structure, space: ParameterSpace) -> Array:
    """Theta at the centre of the parameter space, shape (Q,)."""
    centre = space.unwarp(np.full((1, space.dimension), 0.5))
    return np.asarray(structure.coefficients(space)(centre)[0][0])


def families(space: ParameterSpace) -> Iterator[Structure]:
    """Structures in which all parameters enter alike."""
    plain = tuple(term for parameter in space.parameters for term in _natural(parameter))
    yield Structure(plain, ("1",))
    yield Structure(("1", *plain), ("1",))
    yield Structure(("1", *plain), ("1", *plain))
    yield Structure(("1",), ("1", *plain))
    if all(parameter.lower > 0 for parameter in space.parameters):
        inverse = tuple(f"1 / {name}" for name in space.names)
        yield Structure(inverse, ("1",))
        yield Structure(("1", *inverse), ("1",))
    squares = tuple(term for parameter in space.parameters for term in _squares(parameter))
    yield Structure(("1", *plain, *squares), ("1", *plain, *squares))
    yield Structure(("1", *plain, *squares), ("1",))
    if space.dimension <= _MOST_PRODUCTS:
        polynomial = ("1", *plain, *squares, *_products(space))
        yield Structure(("1",), polynomial)
        yield Structure(("1", *plain), polynomial)


def library_of(space: ParameterSpace) -> tuple[str, ...]:
    """Terms that a search may add."""
    terms = ["1"]
    for parameter in space.parameters:
        terms += [*_natural(parameter), *_squares(parameter)]
        if parameter.unit in ANGLES:
            continue
        if parameter.lower > 0 or parameter.upper < 0:
            terms.append(f"1 / {parameter.name}")
        if parameter.lower > 0:
            terms.append(f"log({parameter.name})")
    if space.dimension <= _MOST_PRODUCTS:
        terms += _products(space)
    return tuple(terms)


def _natural(parameter: Parameter) -> tuple[str, ...]:
    if parameter.unit not in ANGLES:
        return (parameter.name,)
    angle = ANGLES[parameter.unit].format(parameter.name)
    return f"cos({angle})", f"sin({angle})"


def _squares(parameter: Parameter) -> tuple[str, ...]:
    if parameter.unit not in ANGLES:
        return (f"{parameter.name} ** 2",)
    angle = ANGLES[parameter.unit].format(f"2 * {parameter.name}")
    return f"cos({angle})", f"sin({angle})"


def _products(space: ParameterSpace) -> tuple[str, ...]:
    pairs = combinations(space.parameters, 2)
    return tuple(f"{a} * {b}" for one, other in pairs for a in _natural(one) for b in _natural(other))


def _without_needless(structure: Structure, judge: Judge) -> Structure:
    """Drop terms, the most needless first, as long as the error hardly rises."""
    limit = judge.score(structure)
    while True:
        best = min(_removals(structure), key=judge.score, default=structure)
        if best == structure or not judge.score(best) <= _DROP * limit:
            return structure
        structure, limit = best, min(limit, judge.score(best))


def _removals(structure: Structure) -> Iterator[Structure]:
    for place in range(len(structure.theta)) if len(structure.theta) > 1 else ():
        yield Structure(_without(structure.theta, place), structure.phi)
    for place in range(len(structure.phi)) if len(structure.phi) > 1 else ():
        yield Structure(structure.theta, _without(structure.phi, place))


def _additions(structure: Structure, library: Sequence[str]) -> Iterator[Structure]:
    """One term more, or one exchanged for another."""
    for theta in _changed(structure.theta, library):
        yield Structure(theta, structure.phi)
    for phi in _changed(structure.phi, library):
        yield Structure(structure.theta, phi)


def _changed(terms: tuple[str, ...], library: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for term in library:
        if term not in terms:
            yield (*terms, term)
            for place in range(len(terms)):
                yield (*_without(terms, place), term)


def _without(terms: tuple[str, ...], place: int) -> tuple[str, ...]:
    return terms[:place] + terms[place + 1 :]


def _distinct(columns: Array) -> bool:
    """Whether terms (N, k) are finite and none is a combination of the others."""
    if not np.isfinite(columns).all():
        return False
    scale = np.sqrt(np.mean(columns**2, axis=0))
    if not scale.all() or len(columns) < columns.shape[1]:
        return False
    return bool(np.linalg.svd(columns / scale, compute_uv=False)[-1] > 1e-8 * np.sqrt(len(columns)))
