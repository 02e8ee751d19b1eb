"""Train an interpolated surrogate: one pass over the snapshots, then regressions on few numbers a sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from locum.arrays import Array
from locum.reduction import CompressedEnsemble, FieldBasis, InnerProduct, compressed_ensemble
from locum.regression import QuantityPredictor, fit_coordinates, fit_quantities
from locum.surrogates.interpolated import InterpolatedField, InterpolatedSurrogate
from locum.surrogates.surrogate import Description

Ensembles = Mapping[str, CompressedEnsemble]


@dataclass(frozen=True)
class InterpolatedOptions:
    """How an interpolated surrogate is trained.

    Parameters
    ----------
    truncation_share
        Part of a field's tolerance that the basis may use up, in (0, 1).
    max_rank
        Largest number of coordinates of a field; None for as many as the tolerance needs.
    method
        How the basis is computed, as for :func:`locum.reduction.field_basis`.
    kernel
        Of all regressions, as for :func:`locum.regression.gaussian_process.fit_gaussian_processes`.
    """

    truncation_share: float = 0.2
    max_rank: int | None = None
    method: str = "auto"
    kernel: str = "auto"


@dataclass(frozen=True, eq=False)
class FieldData:
    """Snapshots of one field.

    Parameters
    ----------
    blocks
        Starts a fresh pass over blocks of snapshots (rows, ...) in the order of the parameter values.
    inner_product
        In which errors of the field are measured.
    tolerance
        Relative error asked of the field.
    """

    blocks: Callable[[], Iterable[Array]]
    inner_product: InnerProduct
    tolerance: float


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a surrogate is trained on. The caller has joined values and snapshots by identity.

    Parameters
    ----------
    description
        What is to be asked and answered.
    values
        Parameter values, shape (n, p).
    fields
        Snapshots of every field of the description.
    quantities
        Values (n,) of every quantity of the description.
    """

    description: Description
    values: Array
    fields: Mapping[str, FieldData]
    quantities: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class FieldStatistics:
    """How the training of one field went.

    Parameters
    ----------
    rank
        Number of coordinates.
    method
        How the singular values were found.
    truncation_error
        Relative root-mean-square error that the basis leaves on the training samples.
    singular_values
        All that were computed, descending.
    leave_one_out
        Relative error of each training sample's coordinates, predicted from the others, shape (n,).
    outcome
        How the regression ended, in words.
    """

    rank: int
    method: str
    truncation_error: float
    singular_values: Array
    leave_one_out: Array
    outcome: str


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """How a training went.

    Parameters
    ----------
    n
        Number of training samples.
    fields
        By field.
    quantities
        Leave-one-out errors (n,) of each quantity, in its unit.
    seconds
        Wall time of ``basis`` (reading included) and ``regression``.
    """

    n: int
    fields: Mapping[str, FieldStatistics]
    quantities: Mapping[str, Array]
    seconds: Mapping[str, float]


class Trained(NamedTuple):
    """A trained surrogate, and how its training went."""

    surrogate: InterpolatedSurrogate
    statistics: TrainingStatistics


def train_interpolated(
    data: TrainingData,
    options: InterpolatedOptions,
    start: InterpolatedSurrogate | None = None,
    ensembles: Ensembles = MappingProxyType({}),
) -> Trained:
    """Train on n simulations: bases from the tolerances, then regressions.

    Parameters
    ----------
    data
        The simulations.
    options
        How.
    start
        An earlier round's surrogate: its hyper-parameters are where the searches begin.
    ensembles
        Fields whose snapshots were read already; they are read again where theirs is not fine enough, or
        where a method is asked for.

    Raises
    ------
    FitError
        Too few simulations, values that are not finite, or a fit that found nothing. Nothing has changed.
    """
    warped = data.description.space.warp(data.values)
    seconds = {"basis": 0.0, "regression": 0.0}
    fields: dict[str, InterpolatedField] = {}
    statistics: dict[str, FieldStatistics] = {}
    for name in data.description.fields:
        known = start.fields.get(name) if start is not None else None
        began = time.perf_counter()
        basis, coordinates = _reduced(data, name, options, ensembles.get(name))
        reduced = time.perf_counter()
        fit = fit_coordinates(
            warped, coordinates, kernel=options.kernel, start=known.regression if known is not None else None
        )
        seconds["basis"] += reduced - began
        seconds["regression"] += time.perf_counter() - reduced
        fields[name] = InterpolatedField(basis, fit.value)
        statistics[name] = FieldStatistics(
            rank=basis.rank,
            method=basis.method,
            truncation_error=basis.truncation_error,
            singular_values=basis.singular_values,
            leave_one_out=fit.value.relative_leave_one_out(),
            outcome=fit.outcome.value,
        )
    began = time.perf_counter()
    regression = _quantity_regression(data, warped, options, start)
    seconds["regression"] += time.perf_counter() - began
    errors = regression.leave_one_out()[0].T if regression is not None else ()
    return Trained(
        InterpolatedSurrogate(data.description, fields, regression),
        TrainingStatistics(
            n=len(data.values),
            fields=statistics,
            quantities=dict(zip(data.description.quantities, errors, strict=True)),
            seconds=seconds,
        ),
    )


def compressed(data: TrainingData, name: str, rtol: float, method: str = "auto") -> CompressedEnsemble:
    """All snapshots of one field, for bases of a relative tolerance: one pass over them."""
    description, field = data.description.fields[name], data.fields[name]
    ensemble = compressed_ensemble(
        field.blocks,
        shape=description.shape,
        times=data.description.times if "time" in description.dimensions else None,
        inner_product=field.inner_product,
        rtol=rtol,
        method=method,
    )
    if len(ensemble.norms) != len(data.values):
        raise ValueError(
            f"field {name!r}: {len(ensemble.norms)} snapshots for {len(data.values)} simulations"
        )
    return ensemble


def _reduced(
    data: TrainingData, name: str, options: InterpolatedOptions, ensemble: CompressedEnsemble | None
) -> tuple[FieldBasis, Array]:
    """Basis of one field and the coordinates (n, m) of its snapshots."""
    rtol = options.truncation_share * data.fields[name].tolerance
    if ensemble is None or options.method != "auto" or ensemble.rtol > rtol:
        ensemble = compressed(data, name, rtol, options.method)
    basis = ensemble.coarser(rtol).basis(max_rank=options.max_rank)
    return basis, ensemble.coordinates(basis)


def _quantity_regression(
    data: TrainingData, warped: Array, options: InterpolatedOptions, start: InterpolatedSurrogate | None
) -> QuantityPredictor | None:
    names = tuple(data.description.quantities)
    if not names:
        return None
    known = None
    if start is not None and tuple(start.description.quantities) == names:
        known = start.regression
    columns = np.stack([data.quantities[name] for name in names], axis=1)
    return fit_quantities(warped, columns, kernel=options.kernel, start=known)
