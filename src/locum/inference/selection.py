"""How many coordinates, how much regularisation, symmetric or not: by K-fold error of predicted fields.

The residual of the least squares says little of the fields: a model may fit its equations and be nearly
singular between the samples. So every choice is made by the errors of fields that did not train, and the
chosen model is swept over the parameter space: one whose matrix comes near to singular where no simulation
has shown that it does is refused, and the next best is taken. One from which most folds part somewhere by
many times its largest error is passed over for the next best that is tamer, where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locum.arrays import AnyArray, Array
from locum.exceptions import FitError
from locum.inference.folds import (
    FEW,
    Fold,
    make_folds,
    principal_vectors,
    ranks_to_try,
    relative_errors,
    root_mean_square,
)
from locum.inference.least_squares import AffineData, Gauge, fit_operators
from locum.inference.operators import InferredOperators

STRENGTHS = (1e-1, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12)
TAILS = tuple(10.0 ** (-k / 2) for k in range(2, 26))  # projection errors of the ranks that are tried
SAFE_SHARE = 0.02  # smallest singular value in the sweep over that at the training points
_HOPELESS = 1.5  # times the error of the best gauge: larger ranks are not tried with this one
_PATIENCE = (4, 2)  # ranks without progress after which no larger one is tried: of few simulations, of many
_OUTRUN = 2.0  # times the error of the best so far in the folds that were looked at: the others are not
_SHOWN, _SHOWN_SHARE = 6, 0.2  # simulations that must have been predicted before that is said
_MOST_REFUSED = 8  # unsafe fits after which the search ends
_TAME = 5.0  # times the largest K-fold error: by so much may folds part where no simulation is


@dataclass(frozen=True, eq=False)
class Sampled:
    """Simulations as operator inference sees them.

    Parameters
    ----------
    theta, phi
        Coefficients (N, Q) and (N, P).
    coordinates
        Of the snapshots in a basis wide enough for all, shape (N, r).
    sweep, sweep_loads
        Coefficients theta and phi at points of the whole parameter space, shapes (s, Q) and (s, P).
    """

    theta: Array
    phi: Array
    coordinates: Array
    sweep: Array
    sweep_loads: Array

    def reduced(self, rows: AnyArray, basis: Array) -> AffineData:
        """Some of the simulations in a reduced basis (n, r)."""
        return AffineData(self.theta[rows], self.phi[rows], self.coordinates[rows] @ basis.T)


@dataclass(frozen=True, eq=False)
class Choice:
    """One way to fit, and its K-fold errors.

    Parameters
    ----------
    gauge
        Which combination of matrices is the identity, and whether they are symmetric.
    rank
        Number of coordinates, n.
    strength
        Of the Tikhonov term.
    predicted
        Each field as predicted without it, in wide coordinates, shape (N, r).
    errors
        Their relative errors, shape (N,).
    folds
        Basis (n, r) and operators of each fold.
    """

    gauge: Gauge
    rank: int
    strength: float
    predicted: Array
    errors: Array
    folds: tuple[tuple[Array, InferredOperators], ...]

    @property
    def score(self) -> float:
        """Root mean square of the errors."""
        return root_mean_square(self.errors)


@dataclass(frozen=True, eq=False)
class Selected:
    """The model that was chosen.

    Parameters
    ----------
    choice
        How it was fitted, and its K-fold errors.
    basis
        Its reduced basis in wide coordinates, shape (n, r).
    operators
        Fitted to all simulations.
    refused
        Why better-looking fits were not taken, one sentence each.
    """

    choice: Choice
    basis: Array
    operators: InferredOperators
    refused: tuple[str, ...] = ()


def select(
    sampled: Sampled, gauges: Sequence[Gauge], *, goal: float = 0.0, folds: Sequence[Fold] | None = None
) -> Selected:
    """Choose gauge, rank and strength, and fit to all simulations.

    Parameters
    ----------
    sampled
        The simulations.
    gauges
        What to try.
    goal
        K-fold error that is good enough: larger ranks are not tried below it.
    folds
        As made by :func:`make_folds`, where they are there already.

    Raises
    ------
    FitError
        Every fit is unsafe; the message says why the best one was refused.
    """
    folds = make_folds(sampled.coordinates) if folds is None else folds
    choices = _tried(sampled, gauges, folds, goal)
    choices = sorted((each for each in choices if np.isfinite(each.score)), key=lambda each: each.score)
    basis = principal_vectors(sampled.coordinates)
    refused: list[str] = []
    wild: Selected | None = None
    everything = np.arange(len(sampled.coordinates))
    for choice in choices[:_MOST_REFUSED]:
        data = sampled.reduced(everything, basis[: choice.rank])
        (operators,) = fit_operators(data, choice.gauge, [choice.strength])
        reason = unsafe(operators, sampled, choice.gauge)
        if reason is None:
            found = Selected(choice, basis[: choice.rank], operators, tuple(refused))
            if parting(found, sampled) <= _TAME * choice.errors.max():
                return found
            wild = wild or found
            reason = "its folds part wildly between the simulations"
        refused.append(f"rank {choice.rank}, strength {choice.strength:g}: {reason}")
    if wild is not None:
        return wild
    why = refused[0] if refused else "no fit predicts finite fields"
    raise FitError(
        f"operator inference: no safe fit of this structure ({why}); add simulations, or declare another"
    )


def parting(found: Selected, sampled: Sampled) -> float:
    """Largest relative distance in the sweep of the folds' fields to the fit, the median over the folds.

    Where the fit itself is wild all folds part from it; that one of them is, with fewer simulations, says
    little of the fit.
    """
    centre = found.operators.solve(sampled.sweep, sampled.sweep_loads) @ found.basis
    apart = [
        np.linalg.norm(operators.solve(sampled.sweep, sampled.sweep_loads) @ basis - centre, axis=1)
        for basis, operators in found.choice.folds
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = float(np.max(np.median(apart, axis=0) / np.linalg.norm(centre, axis=1)))
    return largest if np.isfinite(largest) else np.inf


def unsafe(operators: InferredOperators, sampled: Sampled, gauge: Gauge) -> str | None:
    """Why a fit is refused after a sweep over the parameter space; None where it is safe."""
    known, _ = operators.singular_values(sampled.theta)
    swept, _ = operators.singular_values(sampled.sweep)
    if not swept.min(initial=np.inf) > SAFE_SHARE * known.min():
        return (
            f"its matrix comes near to singular between the simulations (smallest singular value "
            f"{swept.min():.1e}, at the simulations {known.min():.1e})"
        )
    if gauge.symmetric and (operators.smallest_eigenvalues(sampled.theta) > 0.0).all():
        lowest = float(operators.smallest_eigenvalues(sampled.sweep).min(initial=np.inf))
        if lowest <= 0.0:
            return f"it is positive definite at the simulations but not between them ({lowest:.1e})"
    return None


def _tried(sampled: Sampled, gauges: Sequence[Gauge], folds: Sequence[Fold], goal: float) -> list[Choice]:
    """The two best strengths of every rank and gauge that was tried."""
    limit = min(min(len(fold.basis) for fold in folds), len(sampled.coordinates) - 1)
    found: list[Choice] = []  # best first
    since = 0
    patience = _PATIENCE[len(sampled.coordinates) > FEW]
    for step, rank in enumerate(ranks_to_try(sampled.coordinates, limit, TAILS)):
        before = found[0].score if found else np.inf
        scores: dict[Gauge, float] = {}
        for gauge in gauges:
            choices = evaluated(sampled, gauge, folds, rank, STRENGTHS, found[0] if found else None)
            choices = sorted(choices, key=lambda each: each.score)[:2]
            scores[gauge] = choices[0].score if choices else np.inf
            found = sorted([*found, *choices], key=lambda each: each.score)
        here = min(scores.values())
        if step:  # with a few coordinates all are alike
            gauges = sorted(
                (gauge for gauge in gauges if scores[gauge] <= _HOPELESS * here), key=scores.__getitem__
            )
        since = 0 if here < 0.98 * before else since + 1
        if found[0].score <= goal or since >= patience:
            break
    return found


def evaluated(
    sampled: Sampled,
    gauge: Gauge,
    folds: Sequence[Fold],
    rank: int,
    strengths: Sequence[float],
    ahead: Choice | None = None,
) -> list[Choice]:
    """K-fold predictions with one rank, for each strength; none once ``ahead`` is far better in the folds."""
    predicted = np.full((len(strengths), *sampled.coordinates.shape), np.nan)
    models: list[list[tuple[Array, InferredOperators]]] = [[] for _ in strengths]
    known = np.zeros(len(sampled.coordinates), bool)
    for fold in folds:
        basis, rows = fold.basis[:rank], fold.tested
        fitted = fit_operators(sampled.reduced(fold.training, basis), gauge, strengths)
        for index, operators in enumerate(fitted):
            answers = operators.solve(sampled.theta[rows], sampled.phi[rows])
            predicted[index, rows] = answers @ basis
            models[index].append((basis, operators))
        known[rows] = True
        if ahead is not None and known.sum() >= max(_SHOWN, _SHOWN_SHARE * len(known)):
            typical = [_typical_error(fields[known], sampled.coordinates[known]) for fields in predicted]
            if not min(typical) <= _OUTRUN * root_mean_square(ahead.errors[known]):
                return []
    return [
        Choice(gauge, rank, strength, fields, relative_errors(fields, sampled.coordinates), tuple(parts))
        for strength, fields, parts in zip(strengths, predicted, models, strict=True)
    ]


def _typical_error(predicted: Array, true: Array) -> float:
    return root_mean_square(relative_errors(predicted, true))
