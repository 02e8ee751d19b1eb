"""Train an inferred surrogate: one pass over the snapshots, then equations, corrections and functionals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from locum.arrays import Array
from locum.exceptions import FitError, ParameterError
from locum.inference.evolution import EvolutionTerms
from locum.inference.evolution_model import EvolutionModel
from locum.inference.evolution_search import refuse_wrong_terms
from locum.inference.folds import field_norms, root_mean_square
from locum.inference.steady import SteadyModel, infer_steady, refuse_wrong, truncation_errors
from locum.inference.structure import Structure
from locum.inference.trajectories import Trajectories
from locum.inference.transient import infer_transient
from locum.parameters import ParameterSpace
from locum.parameters.expressions import Expressions
from locum.reduction import CompressedEnsemble, FieldBasis, SteadyBasis, TransientBasis
from locum.reduction.transient import trapezoid_weights
from locum.regression import QuantityPredictor, fit_quantities
from locum.surrogates.correction import Missed, fit_correction
from locum.surrogates.inferred import InferredField, InferredSurrogate
from locum.surrogates.linear_functionals import FieldCoordinates, linear_functionals
from locum.surrogates.training import Ensembles, TrainingData, compressed

_WIDE_SHARE = 1e-3  # of the tolerance: what the basis that everything is done in leaves out
_FINEST = 1e-13
_GOAL_SHARE = 0.1  # of the tolerance: a K-fold error that needs no better fit
_STEP = 0.05  # of a warped parameter's range, for the change of the field
_PROBES = 64
_FLOOR = 1e-3  # share of the largest change that every parameter is taken to make


@dataclass(frozen=True)
class InferredOptions:
    """How an inferred surrogate is trained.

    Parameters
    ----------
    structure
        How the parameters enter the equations of steady fields; found where it is left out.
    evolution
        How parameters and time enter those of transient fields; of a few families the best where left out.
    terms
        More expressions of the parameters to search among.
    correction
        ``auto``: Gaussian processes on what the equations leave, where cross-validation says that they help;
        ``never``.
    """

    structure: Structure | None = None
    evolution: EvolutionTerms | None = None
    terms: tuple[str, ...] = ()
    correction: Literal["auto", "never"] = "auto"


def declared_options(
    space: ParameterSpace,
    *,
    matrix: Sequence[str],
    load: Sequence[str],
    products: Sequence[str] = (),
    terms: Sequence[str] = (),
    correction: Literal["auto", "never"] = "auto",
) -> InferredOptions:
    """Options of a structure as a study declares it, for steady and for transient fields.

    Parameters
    ----------
    space
        The parameters.
    matrix, load, products
        Terms of the operator on the state, of the right-hand side, and of that on products of the state;
        without the first the structure is found.
    terms
        More expressions to search among.
    correction
        As in :class:`InferredOptions`.

    Raises
    ------
    ParameterError
        A text that is no expression of the parameters, or other terms without those of the matrix.
    """
    Expressions(space.names, tuple(terms))
    if not matrix:
        if products:
            raise ParameterError("products are declared without terms of the matrix; declare both")
        return InferredOptions(terms=tuple(terms), correction=correction)
    evolution = EvolutionTerms(space.names, tuple(matrix), tuple(load), tuple(products), ("1", *space.names))
    return InferredOptions(Structure(tuple(matrix), tuple(load)), evolution, tuple(terms), correction)


@dataclass(frozen=True, eq=False)
class InferredStatistics:
    """How the training of one field went.

    Parameters
    ----------
    structure
        As declared or found, in words.
    rank
        Number of coordinates.
    symmetric
        Whether the operators are.
    strength
        Of the Tikhonov term.
    truncation_error
        Relative root-mean-square error that the basis leaves on the training samples.
    errors
        Relative error of each training sample as predicted without it by the equations, shape (s,).
    corrected
        The same with the correction, where there is one.
    refused
        Fits that looked better and were unsafe, one sentence each.
    """

    structure: str
    rank: int
    symmetric: bool
    strength: float
    truncation_error: float
    errors: Array
    corrected: Array | None
    refused: tuple[str, ...]


class InferredTraining(NamedTuple):
    """A trained surrogate, and how the training of each field went."""

    surrogate: InferredSurrogate
    statistics: Mapping[str, InferredStatistics]


class _Trained(NamedTuple):
    field: InferredField
    statistics: InferredStatistics
    coordinates: Array  # of the snapshots in the field's basis (s, n)
    predicted: Array  # the same as predicted without each


class _Equations(NamedTuple):
    """What was inferred of a field, steady or transient."""

    model: SteadyModel | EvolutionModel
    basis: FieldBasis
    coordinates: Array  # of the snapshots in that basis (s, n)
    predicted: Array  # the same as predicted without each
    errors: Array  # relative errors of those predictions (s,)
    left: Array  # relative projection errors of the snapshots (s,)
    norms: Array  # of the snapshots (s,)
    statistics: InferredStatistics


def train_inferred(
    data: TrainingData,
    options: InferredOptions,
    *,
    regression: QuantityPredictor | None = None,
    to_beat: Mapping[str, float] | None = None,
    ensembles: Ensembles = MappingProxyType({}),
) -> InferredTraining:
    """Train on n simulations.

    Parameters
    ----------
    data
        The simulations.
    options
        How.
    regression
        Of the quantities of interest, where it was fitted already.
    to_beat
        Field to the typical error of another surrogate: what is far from it is not followed further.
    ensembles
        Fields to what :func:`wide_ensemble` made of their snapshots, where they were read already.

    Raises
    ------
    FitError
        No field, too few simulations, a declared structure that is wrong, none that is near the error to
        beat, or no fit that is safe.
    """
    if not data.description.fields:
        raise FitError("operator inference: needs a field; the model gives none")
    bars = to_beat or {}
    trained = {
        name: _train_field(
            data, name, ensembles.get(name) or wide_ensemble(data, name), options, bars.get(name, np.inf)
        )
        for name in data.description.fields
    }
    if regression is None:
        regression = _quantity_regression(data)
    coordinates = {name: FieldCoordinates(part.coordinates, part.predicted) for name, part in trained.items()}
    quantities = {name: data.quantities[name] for name in data.description.quantities}
    functionals = linear_functionals(quantities, coordinates, regression)
    surrogate = InferredSurrogate(
        data.description,
        {name: part.field for name, part in trained.items()},
        regression,
        functionals,
        data.values,
    )
    return InferredTraining(surrogate, {name: part.statistics for name, part in trained.items()})


def _train_field(
    data: TrainingData, name: str, ensemble: CompressedEnsemble, options: InferredOptions, to_beat: float
) -> _Trained:
    found = (_steady if ensemble.times is None else _transient)(data, name, ensemble, options, to_beat)
    space, statistics, predicted = data.description.space, found.statistics, found.predicted
    correction = None
    goal = _GOAL_SHARE * data.fields[name].tolerance
    if options.correction == "auto" and root_mean_square(found.errors) > goal:
        missed = Missed(found.coordinates - predicted, found.errors, found.left, found.norms)
        correction = fit_correction(space.warp(data.values), missed, to_beat=to_beat)
        if correction is not None:
            predicted = found.coordinates - correction.leave_one_out()[0]
            statistics = replace(statistics, corrected=missed.remaining(correction))
    field = InferredField(
        found.basis,
        found.model,
        correction,
        relative_changes(found.model, space),
        _surprise(found.errors, found.model.folded(data.values).spread),
    )
    return _Trained(field, statistics, found.coordinates, predicted)


def _steady(
    data: TrainingData, name: str, ensemble: CompressedEnsemble, options: InferredOptions, to_beat: float
) -> _Equations:
    wide = _basis(ensemble, name)
    assert isinstance(wide, SteadyBasis)
    coordinates = ensemble.coordinates(wide)
    structure, goal = options.structure, _GOAL_SHARE * data.fields[name].tolerance
    if structure is not None:
        refuse_wrong(structure, data.description.space, data.values, coordinates, goal=goal)
    found = infer_steady(
        data.description.space,
        data.values,
        coordinates,
        structure=structure,
        terms=options.terms,
        goal=goal,
        to_beat=to_beat,
    )
    choice, left = found.selected.choice, truncation_errors(coordinates, found.basis)
    basis = replace(
        wide,
        vectors=found.basis @ wide.vectors,
        truncation_error=max(root_mean_square(left), wide.truncation_error),
    )
    statistics = InferredStatistics(
        str(found.model.structure),
        choice.rank,
        choice.gauge.symmetric,
        choice.strength,
        root_mean_square(left),
        found.errors,
        None,
        found.selected.refused,
    )
    turned = found.basis.T
    return _Equations(
        found.model,
        basis,
        coordinates @ turned,
        found.predicted @ turned,
        found.errors,
        left,
        field_norms(coordinates),
        statistics,
    )


def _transient(
    data: TrainingData, name: str, ensemble: CompressedEnsemble, options: InferredOptions, to_beat: float
) -> _Equations:
    wide = _basis(ensemble, name)
    assert isinstance(wide, TransientBasis)
    whole = ensemble.coordinates(wide)
    trajectories = np.tensordot(whole, wide.time_functions, axes=1)
    seen = Trajectories(data.values, trajectories, wide.times, trapezoid_weights(wide.times))
    goal = _GOAL_SHARE * data.fields[name].tolerance
    terms = options.evolution
    if terms is not None:
        refuse_wrong_terms(terms, data.description.space, seen, goal=goal)
    found = infer_transient(data.description.space, seen, terms=terms, goal=goal, to_beat=to_beat)
    coordinates = found.model.projected(trajectories @ found.basis.T)
    norms = field_norms(whole)
    beyond = np.linalg.norm(whole, axis=1) ** 2 - np.linalg.norm(coordinates, axis=1) ** 2
    left = np.sqrt(np.maximum(beyond, 0.0)) / norms
    basis = replace(
        wide,
        space_vectors=found.basis @ wide.space_vectors,
        time_functions=found.model.functions,
        truncation_error=max(root_mean_square(left), wide.truncation_error),
    )
    choice = found.choice
    statistics = InferredStatistics(
        str(choice.terms),
        choice.rank,
        False,
        choice.strength.linear,
        root_mean_square(left),
        choice.errors,
        None,
        found.refused,
    )
    predicted = found.model.projected(choice.predicted @ found.basis.T)
    return _Equations(found.model, basis, coordinates, predicted, choice.errors, left, norms, statistics)


def _basis(ensemble: CompressedEnsemble, name: str) -> FieldBasis:
    if not ensemble.rows.energy:
        raise FitError(f"operator inference: field {name!r} is zero in every simulation")
    return ensemble.basis()


def wide_ensemble(data: TrainingData, name: str) -> CompressedEnsemble:
    """All snapshots of one field in a basis that holds them far better than asked."""
    return compressed(data, name, max(_WIDE_SHARE * data.fields[name].tolerance, _FINEST))


def relative_changes(model: SteadyModel | EvolutionModel, space: ParameterSpace) -> Array:
    """Relative change of a field over each warped parameter's range, root mean square, shape (p,)."""
    centres = np.random.default_rng(0).uniform(_STEP, 1.0 - _STEP, (_PROBES, space.dimension))
    norms = field_norms(model.coordinates(space.unwarp(centres)))
    changes = np.empty(space.dimension)
    for j in range(space.dimension):
        step = _STEP * np.eye(space.dimension)[j]
        ends = [model.coordinates(space.unwarp(centres + sign * step)) for sign in (1.0, -1.0)]
        relative = np.linalg.norm(ends[0] - ends[1], axis=1) / (2.0 * _STEP * norms)
        changes[j] = root_mean_square(relative[np.isfinite(relative)]) if np.isfinite(relative).any() else 1.0
    return np.asarray(np.maximum(changes, max(_FLOOR * changes.max(), np.finfo(np.float64).tiny)))


def _surprise(errors: Array, spread: Array) -> Array:
    """Errors over the spread there, scaled so that one is as expected."""
    floor = 0.1 * float(np.median(spread)) + np.finfo(np.float64).tiny
    ratio = np.where(np.isfinite(errors), errors, 1.0) / np.maximum(spread, floor)
    return np.asarray(ratio / max(root_mean_square(ratio), np.finfo(np.float64).tiny))


def _quantity_regression(data: TrainingData) -> QuantityPredictor | None:
    names = tuple(data.description.quantities)
    if not names:
        return None
    columns = np.stack([data.quantities[name] for name in names], axis=1)
    return fit_quantities(data.description.space.warp(data.values), columns)


def fold_errors(statistics: InferredStatistics) -> Array:
    """Relative K-fold errors (s,) of a field, correction included."""
    return statistics.errors if statistics.corrected is None else statistics.corrected
