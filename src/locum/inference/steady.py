"""The inferred model of a steady field: one small solve an answer, and the spread of K folds beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError, ParameterError, StorageError
from locum.inference.folds import Folded, normalised, refuse_far
from locum.inference.least_squares import Gauge
from locum.inference.operators import InferredOperators
from locum.inference.selection import Sampled, Selected, select
from locum.inference.structure import Judge, Structure, centre_of, discover
from locum.parameters import ParameterSpace
from locum.parameters.expressions import Expressions
from locum.reduction.coefficients import CoefficientExpressions

SPREAD_FOLDS = 5  # at most so many folds are kept for the spread
FEWEST = 8  # simulations that can be divided into folds
_SWEPT = 1000
_SWEEP_SEED = 0
_WRONG = 5.0  # times the error of the best structure: what is declared is wrong


@dataclass(frozen=True, eq=False)
class FoldModel:
    """What one fold's model says of the field, seen from the basis of all simulations.

    Parameters
    ----------
    operators
        In the fold's own basis, m coordinates.
    within
        Turns its coordinates into those of the basis of all, shape (n, m).
    beyond
        Turns them into what that basis does not hold, shape (m, m).
    """

    operators: InferredOperators
    within: Array
    beyond: Array


@dataclass(frozen=True, eq=False)
class SteadyModel:
    """Coordinates (q, n) of a steady field from parameter values (q, p).

    Parameters
    ----------
    coefficients
        How the parameters enter.
    operators
        Fitted to all simulations.
    folds
        Fitted without a part of them each.
    symmetric
        Whether the operators are.
    """

    kind: ClassVar[str] = "steady"

    coefficients: CoefficientExpressions
    operators: InferredOperators
    folds: tuple[FoldModel, ...]
    symmetric: bool

    @property
    def rank(self) -> int:
        """Number of coordinates, n."""
        return self.operators.rank

    @property
    def structure(self) -> Structure:
        """The terms, as texts."""
        return Structure(self.coefficients.theta.texts, self.coefficients.phi.texts)

    def coordinates(self, values: Array) -> Array:
        """Coordinates (q, n) for parameter values (q, p)."""
        return self.operators.solve(*self.coefficients(values))

    def folded(self, values: Array) -> Folded:
        """The answer for parameter values (q, p), and what the folds say beside it."""
        theta, phi = self.coefficients(values)
        centre = self.operators.solve(theta, phi)
        apart, squares = np.empty((len(self.folds), *centre.shape)), np.zeros(len(values))
        for k, fold in enumerate(self.folds):
            found = fold.operators.solve(theta, phi)
            apart[k], beyond = found @ fold.within.T - centre, found @ fold.beyond.T
            squares += np.einsum("qn,qn->q", apart[k], apart[k]) + np.einsum("qm,qm->q", beyond, beyond)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt(squares / len(self.folds)) / np.linalg.norm(centre, axis=1)
        return Folded(centre, apart, np.asarray(spread))

    def to_saved(self) -> tuple[dict[str, AnyArray], dict[str, Any]]:
        """Arrays, and what JSON holds; :meth:`from_saved` is the inverse."""
        arrays = dict(self.operators.to_arrays())
        for index, fold in enumerate(self.folds):
            parts = fold.operators.to_arrays() | {"within": fold.within, "beyond": fold.beyond}
            arrays |= {f"fold.{index}.{name}": array for name, array in parts.items()}
        theta, phi = self.coefficients.theta, self.coefficients.phi
        texts = {"names": list(theta.names), "theta": list(theta.texts), "phi": list(phi.texts)}
        return arrays, {"kind": self.kind, **texts, "folds": len(self.folds), "symmetric": self.symmetric}

    @classmethod
    def from_saved(cls, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_saved`.

        Raises
        ------
        StorageError
            Content that is missing or makes no sense.
        """
        try:
            names = tuple(meta["names"])
            terms = [Expressions(names, tuple(meta[key])) for key in ("theta", "phi")]
            folds = []
            for index in range(int(meta["folds"])):
                prefix = f"fold.{index}."
                parts = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
                operators = InferredOperators.from_arrays(parts)
                folds.append(FoldModel(operators, parts["within"], parts["beyond"]))
            operators = InferredOperators.from_arrays(arrays)
            fits = [len(each.texts) for each in terms] == [len(operators.matrices), len(operators.vectors)]
            symmetric = bool(meta["symmetric"])
        except (KeyError, TypeError, ValueError, ParameterError) as error:
            raise StorageError(f"the saved inferred model cannot be read: {error}") from error
        if not fits or not folds:
            raise StorageError("the saved inferred model cannot be read: its terms do not fit its operators")
        return cls(CoefficientExpressions(*terms), operators, tuple(folds), symmetric)


@dataclass(frozen=True, eq=False)
class SteadyInference:
    """A fitted model and how it was found.

    Parameters
    ----------
    model
        What answers, in coordinates of ``basis``.
    basis
        Its reduced basis in wide coordinates, shape (n, r).
    selected
        Rank, strength and gauge with the K-fold errors.
    """

    model: SteadyModel
    basis: Array
    selected: Selected

    @property
    def predicted(self) -> Array:
        """Each simulation's field as predicted without it, in wide coordinates, shape (N, r)."""
        return self.selected.choice.predicted

    @property
    def errors(self) -> Array:
        """Relative K-fold errors, shape (N,)."""
        return self.selected.choice.errors


def infer_steady(
    space: ParameterSpace,
    values: Array,
    coordinates: Array,
    *,
    structure: Structure | None = None,
    terms: Sequence[str] = (),
    goal: float = 0.0,
    to_beat: float = np.inf,
) -> SteadyInference:
    """Infer the equations of a steady field.

    Parameters
    ----------
    space
        The parameters.
    values
        Of the simulations, shape (N, p).
    coordinates
        Of their snapshots in a basis wide enough for all, shape (N, r).
    structure
        How the parameters enter; found where it is left out.
    terms
        More expressions to search among.
    goal
        K-fold error that is good enough.
    to_beat
        Typical error of another surrogate: a structure that is found far from it is refused.

    Raises
    ------
    ParameterError
        A text that is no expression of the parameters.
    FitError
        Too few simulations, no structure near the error to beat, or no fit that is safe.
    """
    if len(values) < FEWEST:
        raise FitError(
            f"operator inference: needs at least {FEWEST} simulations, got {len(values)}; add simulations"
        )
    if structure is None:
        found = discover(space, values, coordinates, terms)
        refuse_far(found.structure, found.score, found.floor, to_beat)
        structure = found.structure
    coefficients = structure.coefficients(space)
    theta, phi = coefficients(values)
    swept = space.sample(_SWEPT, np.random.default_rng(_SWEEP_SEED))
    sampled = Sampled(theta, phi, coordinates, *coefficients(swept))
    selected = select(sampled, gauges_of(structure, space), goal=goal)
    folds = tuple(
        _seen_from(selected.basis, basis, operators)
        for basis, operators in selected.choice.folds[:SPREAD_FOLDS]
    )
    model = SteadyModel(coefficients, selected.operators, folds, selected.choice.gauge.symmetric)
    return SteadyInference(model, selected.basis, selected)


def refuse_wrong(
    structure: Structure, space: ParameterSpace, values: Array, coordinates: Array, *, goal: float = 0.0
) -> None:
    """Refuse a declared structure where another one leaves a fraction of its K-fold error.

    Parameters
    ----------
    structure
        As it was declared.
    space, values, coordinates, goal
        As for :func:`infer_steady`; a structure that leaves no more than the goal is never refused.

    Raises
    ------
    FitError
        Naming both, with their errors.
    """
    structure.coefficients(space)
    if len(values) < FEWEST:
        return
    judge = Judge(space, values, coordinates)
    declared = judge.score(structure)
    if declared <= max(_WRONG * judge.floor, goal):
        return
    found = discover(space, values, coordinates, (*structure.theta, *structure.phi))
    if found.score * _WRONG < declared:
        raise FitError(
            f"structure: the declared terms ({structure}) leave {100.0 * declared:.2g} % of the fields in "
            f"cross-validation, where ({found.structure}) leave {100.0 * found.score:.2g} %; declare those, "
            "or leave the structure to be found"
        )


def gauges_of(structure: Structure, space: ParameterSpace) -> list[Gauge]:
    """Which combinations are tried as the identity.

    The operator at the centre of the parameter space is one of general matrices. Symmetric ones need a
    combination that is the inner product: that at the centre, or the plain sum of all terms.
    """
    centre = centre_of(structure, space)
    if len(centre) == 1:
        return [Gauge(np.ones(1))]
    ones = np.ones_like(centre)
    gauges = [Gauge(centre), Gauge(centre, symmetric=True)]
    alike = abs(centre @ ones) >= (1.0 - 1e-12) * np.linalg.norm(centre) * np.linalg.norm(ones)
    return gauges if alike else [*gauges, Gauge(ones, symmetric=True)]


def _seen_from(basis: Array, own: Array, operators: InferredOperators) -> FoldModel:
    """A fold's model whose basis (m, r) is ``own``, seen from the basis (n, r) of all."""
    within = basis @ own.T
    beyond = own.T - basis.T @ within
    return FoldModel(operators, within, np.asarray(np.linalg.qr(beyond, mode="r")))


def truncation_errors(coordinates: Array, basis: Array) -> Array:
    """Relative projection errors (N,) of snapshots (N, r) on a basis (n, r)."""
    rows = normalised(coordinates)
    return np.asarray(np.linalg.norm(rows - rows @ basis.T @ basis, axis=1))
