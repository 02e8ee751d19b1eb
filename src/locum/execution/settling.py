"""Settle which kind of surrogate a study gets, by its model's own simulations.

What a model gives besides the solution of its equations, and whether it solves the equations that it hands
over, only simulations tell. The first of the independent draws are looked at: they belong to every study of
the model, whatever its surrogate, so that the check costs none. What was found is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from locum.exceptions import FitError, ModelError
from locum.execution.affordability import too_dear
from locum.execution.projecting import lacking_outputs
from locum.execution.sampling import first_draws
from locum.execution.surrogate_choice import (
    SurrogateChoice,
    chosen,
    corrected_by_newton,
    is_nonlinear,
)
from locum.execution.training import projected_on
from locum.execution.workspace import Workspace
from locum.highfidelity import check_simulated
from locum.snapshots import SampleRecord
from locum.surrogates import ProjectedNonlinear

CHECKED = 2  # simulations, or as many as the study calibrates on
TRIED = 16  # where a reduced model has to show that it can follow a nonlinear one

_DOCUMENT = "surrogate"  # of the store: what was found for a study and a version of its model


def settled(work: Workspace, choice: SurrogateChoice) -> SurrogateChoice:
    """Choose the kind by simulations; opened read only, and nothing found yet, what was foreseen.

    Parameters
    ----------
    choice
        What :func:`locum.execution.surrogate_choice.foreseen` says, with the equations having a say.

    Raises
    ------
    StudyError
        The study asks for a projected surrogate, and none can be made.
    ModelError
        Operators that are not those of the simulation, or no simulation that succeeds.
    """
    mine = {"study": work.study.hash, "model_version": work.model.version}
    document = work.store.document(_DOCUMENT) or {}
    if {key: document.get(key) for key in mine} == mine:
        return SurrogateChoice(document["kind"], document["reason"], document["residual"])
    if work.store.database.readonly:
        return choice
    tried = choice.kind == "projected" and is_nonlinear(work.model)
    records = checked_draws(work, TRIED if tried else CHECKED)
    if choice.kind == "projected":
        choice = _shown(work, records)
    if choice.residual and work.study.methods.indicator == "auto":
        choice = _indicated(work, choice, records)
    work.store.save_document(_DOCUMENT, mine | asdict(choice))
    return choice


def _shown(work: Workspace, records: list[SampleRecord]) -> SurrogateChoice:
    """What is chosen once simulations are seen; linear equations of no use for projection indicate no error
    either, unless they are asked to.
    """
    layout = work.store.layout(work.model.version)
    lack = lacking_outputs(work.model, layout.fields, layout.quantities)
    if lack is not None:
        return chosen(work.study, work.model, lack)
    if work.study.methods.surrogate == "auto":
        lack = too_dear(work, records, projecting=True)
    if (lack := lack or _unreachable(work, records)) is None:
        return chosen(work.study, work.model, None)
    found = chosen(work.study, work.model, lack)
    if corrected_by_newton(work.model):
        return found
    return replace(found, residual=work.study.methods.indicator == "residual")


def _indicated(work: Workspace, choice: SurrogateChoice, records: list[SampleRecord]) -> SurrogateChoice:
    """The same choice; without the residual, and saying why, where that takes too long or cannot be had."""
    lack = too_dear(work, records, projecting=False)
    if lack is None and not corrected_by_newton(work.model):
        try:
            _ = work.problem
        except (FitError, ModelError) as error:
            lack = f"hands over equations that cannot be projected ({error})"
    if lack is None:
        return choice
    told = f"its errors indicated by the deviation of the regression, because model {work.model.name} {lack}"
    return replace(choice, reason=f"{choice.reason}; {told}", residual=False)


def checked_draws(work: Workspace, wanted: int = CHECKED) -> list[SampleRecord]:
    """Simulate the first draws, no more than the study calibrates on, and compare them with the equations of
    the model.

    Raises
    ------
    ModelError
        A model that does not solve its own equations, or no simulation that succeeds.
    """
    work.progress.phase("checking the model's equations")
    dimension = work.space.dimension
    records = first_draws(work, min(wanted, work.study.resolved(dimension, kind="projected").calibration))
    check_equations(work, records)
    return records


def check_equations(work: Workspace, records: Sequence[SampleRecord]) -> None:
    """Compare simulations with the equations of the model.

    Raises
    ------
    ModelError
        A model that does not solve its own equations.
    """
    simulated = work.store.dataset(records)
    snapshots = (simulated.isel(sample=place) for place in range(len(records)))
    try:
        check_simulated(work.model, work.values(records), snapshots)
    except ModelError as error:
        raise ModelError(
            f"{work.study.path}: model: {error}; correct the model, or do without its equations: "
            "methods.surrogate: interpolated, methods.indicator: deviation"
        ) from error


def _unreachable(work: Workspace, records: list[SampleRecord]) -> str | None:
    """Why no projected surrogate would come within tolerance: one made of simulations is asked for these."""
    try:
        surrogate = projected_on(work, records)
    except (FitError, ModelError) as error:
        return f"hands over equations that cannot be projected ({error})"
    described, field = surrogate.description, work.problem.field
    values = work.values(records)
    figure = float(surrogate.field_indicator(field, values).max())
    tolerance = work.study.tolerances(described.fields, described.quantities)[field].value
    if figure <= tolerance:
        return None
    if isinstance(surrogate, ProjectedNonlinear):
        return (
            "hands over equations that are too nonlinear to be projected: what polynomials leave of their "
            f"residual, measured as {surrogate.model.remainder:.1e}, allows errors of {figure:.1e} at "
            f"simulations of its own, and the tolerance is {tolerance:g}"
        )
    constants = surrogate.model.constants(values)
    if not (constants > 0).all():
        where = np.array2string(values[constants.argmin()], precision=3)
        return f"hands over equations whose stability constant is not known to be positive, as at {where}"
    return (
        f"hands over equations that leave an error figure of {figure:.1e} where they should leave none, and "
        f"the tolerance is {tolerance:g}"
    )
