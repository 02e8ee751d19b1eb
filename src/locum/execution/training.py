"""From stored simulations to a checked surrogate, registered as a candidate."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from locum.errors import CheckedSurrogate, Truth, calibrate, domain_of
from locum.errors.newton_corrector import newton_scaled
from locum.exceptions import FitError, ModelError
from locum.execution.candidate import Candidate
from locum.execution.inferring import Made, best, infer, interpolate
from locum.execution.projecting import project, projection_statistics
from locum.execution.sampling import calibration_samples, require_enough, training_samples
from locum.execution.surrogate_choice import corrected_by_newton
from locum.execution.workspace import Workspace
from locum.highfidelity import HasInnerProduct, lumped_mass
from locum.reduction import InnerProduct
from locum.registry import Version
from locum.regression.threads import one_blas_thread
from locum.snapshots import SampleRecord, training_set_hash
from locum.surrogates import (
    Description,
    EquationSurrogate,
    FieldData,
    InterpolatedSurrogate,
    Surrogate,
    TrainingData,
)
from locum.surrogates.residual_indicator import residual_indicator

if TYPE_CHECKING:
    from locum.surrogates.projection_training import AffineProblem


CALIBRATION_SET = "calibration_set_hash"  # of a manifest: on which simulations a version was calibrated


@dataclass(frozen=True, eq=False)
class Fitted:
    """A surrogate that is not calibrated yet, statistics of its training by field, the samples that trained
    it, the seconds that it took, and what it was compared with, if with anything.
    """

    surrogate: Surrogate
    statistics: Mapping[str, Any]
    samples: tuple[str, ...]
    seconds: float
    comparison: Mapping[str, Any] | None = None


def fit(work: Workspace, held_back: Collection[str] = ()) -> Fitted:
    """Train on all training samples but those held back, the kind that the study gets; calibration may still
    run.

    Raises
    ------
    ModelError
        Too few simulations succeeded.
    FitError
        The data cannot be fitted. Nothing that existed has changed.
    """
    require_enough(work, held_back)
    started = time.perf_counter()
    training = training_samples(work, held_back)
    with one_blas_thread():  # simulations run on the other cores
        made = _made(work, training)
    seconds = time.perf_counter() - started
    return Fitted(made.surrogate, made.statistics, _identities(training), seconds, made.comparison)


def _made(work: Workspace, training: Sequence[SampleRecord]) -> Made:
    """The surrogate of the kind that the study gets."""
    kind = work.choice.kind
    if kind == "projected":
        projected = projected_on(work, training)
        return Made(projected, projection_statistics(projected))
    data = training_data(work, training)
    if kind in ("inferred", "hybrid"):
        return infer(work.study, work.space, data)
    start = _start(work)
    made = (
        best(work.study, work.space, data, start) if kind == "best" else interpolate(work.study, data, start)
    )
    return _with_residual(work, made) if work.choice.residual else made


def _with_residual(work: Workspace, made: Made) -> Made:
    """Let the model's equations indicate the error of a field that Gaussian processes predict."""
    if not isinstance(made.surrogate, InterpolatedSurrogate):
        return made
    try:
        return _indicated(work, made, made.surrogate)
    except (ModelError, FitError) as error:  # a system that is not stable, or cannot be separated
        if work.study.methods.indicator == "residual":
            raise
        work.progress.say(f"errors are indicated by the deviation of the regression: {error}")
        return made


def _indicated(work: Workspace, made: Made, surrogate: InterpolatedSurrogate) -> Made:
    """Let the model's equations indicate the error of the field of their unknowns."""
    model: Any = work.model
    field = model.solution_field
    if corrected_by_newton(model):
        told = "deviation, scaled by Newton corrections"
        surrogate = newton_scaled(surrogate, model, work.generator("corrections"))
    else:
        told, problem = "residual", cast("AffineProblem", work.problem)  # the model is steady
        indicator = residual_indicator(surrogate.fields[field].basis, problem)
        surrogate = surrogate.with_residual(field, indicator)
    statistics = {**made.statistics, field: {**made.statistics[field], "indicator": told}}
    return made._replace(surrogate=surrogate, statistics=statistics)


def projected_on(work: Workspace, records: Sequence[SampleRecord]) -> EquationSurrogate:
    """The model's equations on the span of simulations, not calibrated.

    Raises
    ------
    ModelError, FitError
        Equations that cannot be projected, or that do not give an output.
    """
    described = description(work)
    return project(
        work.problem,
        described,
        work.values(records),
        work.store.blocks(work.problem.field, records),
        work.study.tolerances(described.fields, described.quantities),
        work.study.methods.reduction.truncation_share,
    )


def train(work: Workspace, held_back: Collection[str] = (), fitted: Fitted | None = None) -> Candidate:
    """Train, calibrate, and register; what is registered already is loaded instead.

    Parameters
    ----------
    held_back
        Identities of samples that do not train yet.
    fitted
        What :func:`fit` made before; used if it is of the same samples.

    Raises
    ------
    ModelError, FitError
        As :func:`fit` does.
    """
    require_enough(work, held_back)
    known = known_version(work, held_back)
    if known is not None:
        return Candidate.load(known)
    training, calibration = training_samples(work, held_back), calibration_samples(work)
    if fitted is None or fitted.samples != _identities(training):
        fitted = fit(work, held_back)
    started = time.perf_counter()
    manifest = {
        "study": work.study.name,
        "study_hash": work.study.training_hash,
        "recipe_hash": work.study.recipe_hash,
        "training_set_hash": training_set_hash([*training, *calibration]),
        CALIBRATION_SET: training_set_hash(calibration),
        "model": work.model.name,
        "model_version": work.model.version,
        "training": len(training),
        "calibration": len(calibration),
        "seed": work.study.seed,
        "statistics": dict(fitted.statistics),
        "comparison": fitted.comparison,
    }
    checked = checked_surrogate(work, fitted.surrogate, calibration, manifest)
    seconds = {"training": fitted.seconds + time.perf_counter() - started}
    version = work.registry.register(checked.save, {**manifest, "seconds": seconds})
    return Candidate(version, checked)


def known_version(work: Workspace, held_back: Collection[str] = ()) -> Version | None:
    """The version that was trained and calibrated on just the samples that are there, if there is one."""
    made_from = training_set_hash([*training_samples(work, held_back), *calibration_samples(work)])
    return work.registry.find(made_from, work.study.training_hash)


def _identities(records: Sequence[SampleRecord]) -> tuple[str, ...]:
    return tuple(record.identity for record in records)


def training_data(work: Workspace, records: Sequence[SampleRecord]) -> TrainingData:
    """What a surrogate is trained on, joined by sample."""
    described = description(work)
    tolerances = work.study.tolerances(described.fields, described.quantities)
    return TrainingData(
        description=described,
        values=work.values(records),
        fields={
            name: FieldData(
                blocks=work.store.blocks(name, records),
                inner_product=inner_product(work, name),
                tolerance=tolerances[name].value,
            )
            for name in described.fields
        },
        quantities=quantities(records, described.quantities),
    )


def truth_of(work: Workspace, records: Sequence[SampleRecord]) -> Truth:
    """What the high-fidelity model answered, to measure errors against."""
    described = description(work)
    return Truth(
        values=work.values(records),
        fields={name: work.store.blocks(name, records) for name in described.fields},
        quantities=quantities(records, described.quantities),
    )


def description(work: Workspace) -> Description:
    """What the study's surrogates are asked and what they answer."""
    layout = work.store.layout(work.model.version)
    return Description(
        space=work.space,
        fields=layout.fields,
        quantities=layout.quantities,
        mesh=layout.mesh,
        times=layout.times,
        time_unit=layout.time_unit,
    )


def inner_product(work: Workspace, field: str) -> InnerProduct:
    """The study's norm: the model's own inner product, else the mesh's lumped mass, else the plain sum."""
    if isinstance(work.model, HasInnerProduct):
        return InnerProduct(work.model.inner_product(field))
    return InnerProduct(lumped_mass(work.store.layout(work.model.version).mesh))


def quantities(records: Sequence[SampleRecord], names: Mapping[str, str]) -> dict[str, Any]:
    """Quantities of interest by name, each of shape (n,)."""
    return {name: np.array([(record.quantities or {})[name] for record in records]) for name in names}


def checked_surrogate(
    work: Workspace,
    surrogate: Surrogate,
    calibration: Sequence[SampleRecord],
    manifest: Mapping[str, Any],
) -> CheckedSurrogate:
    """Calibrate a surrogate on simulations that did not train it."""
    described = surrogate.description
    tolerances = work.study.tolerances(described.fields, described.quantities)
    calibrated = calibrate(
        surrogate,
        truth_of(work, calibration),
        coverage=work.study.accuracy.confidence,
        tolerances=tolerances,
        generator=work.generator("floor"),
    )
    domain = domain_of(surrogate, work.generator("domain"))
    return CheckedSurrogate(surrogate, calibrated, domain, tolerances, manifest)


def _start(work: Workspace) -> InterpolatedSurrogate | None:
    """The version trained last for this study and model, where the next Gaussian processes start from."""
    for version in reversed(work.registry.versions()):
        mine = (version.study_hash, version.model_version) == (work.study.training_hash, work.model.version)
        if mine and not version.problems():
            surrogate = Candidate.load(version).checked.surrogate
            return surrogate if isinstance(surrogate, InterpolatedSurrogate) else None
    return None
