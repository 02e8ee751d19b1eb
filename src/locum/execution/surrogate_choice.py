"""Which kind of surrogate a study gets: the one that it asks for or, where it asks for none, what the model
allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from locum.exceptions import StudyError
from locum.highfidelity import (
    HasAffineOperators,
    HasCoefficientExpressions,
    HasInnerProduct,
    HasOperators,
    HasResidual,
    HasTimeStepping,
    HighFidelityModel,
)
from locum.study import Study

if TYPE_CHECKING:
    from locum.surrogates import SurrogateKind

_IN_TIME = "only of steady fields is there one: in time it takes all steps, as the simulation does"
BEST = "the best of interpolated, inferred and hybrid"


@dataclass(frozen=True)
class SurrogateChoice:
    """The kind of surrogate, and why: ``reason`` goes on after it.

    ``best`` stands for whichever of interpolated, inferred and hybrid has the least cross-validated error
    when they are compared. ``residual`` says whether the residual of the model's equations indicates the
    error of an interpolated field.
    """

    kind: SurrogateKind | Literal["best"]
    reason: str
    residual: bool = False

    @property
    def by_equations(self) -> bool:
        """Whether the model's equations have a say."""
        return self.kind == "projected" or self.residual

    def __str__(self) -> str:
        return f"{BEST if self.kind == 'best' else self.kind}, {self.reason}"


def foreseen(study: Study, model: HighFidelityModel) -> SurrogateChoice:
    """What can be said before anything is simulated; whether outputs and operators suit is seen later.

    Raises
    ------
    StudyError
        As :func:`chosen` does; or the study asks for a residual that there is not.
    """
    if study.methods.indicator == "residual" and (lack := lack_of_residual(model)) is not None:
        raise StudyError(
            f"{study.path}: methods.indicator: there is no residual: model {model.name} {lack}; "
            "ask for deviation"
        )
    asked = study.methods.surrogate
    if study.methods.structure is not None:
        study.inferred_options(study.space(model))  # refuses terms that are none
    if asked == "auto" or asked == "projected":
        return chosen(study, model, lack_of(model))
    return SurrogateChoice(asked, "as methods.surrogate asks", indicates_by_residual(study, model, asked))


def chosen(study: Study, model: HighFidelityModel, lack: str | None) -> SurrogateChoice:
    """Choose a projected surrogate, or the best of a black box where the model lacks something.

    Parameters
    ----------
    lack
        As a sentence goes on after the model's name; None where it lacks nothing.

    Raises
    ------
    StudyError
        The study asks for a projected surrogate, and none can be made; or it limits the basis of one.
    """
    asked = study.methods.surrogate == "projected"
    if lack is None:
        if (limit := study.methods.reduction.max_rank) is not None:
            raise StudyError(
                f"{study.path}: methods.reduction.max_rank: a projected surrogate keeps what its simulations "
                f"teach, and its basis cannot be held to {limit}; leave the limit out, or ask for "
                "methods.surrogate: interpolated"
            )
        because = f"because model {model.name} hands over its equations"
        return SurrogateChoice("projected", "as methods.surrogate asks" if asked else because)
    if asked:
        raise StudyError(
            f"{study.path}: methods.surrogate: no projected surrogate can be made: "
            f"model {model.name} {lack}; ask for auto or interpolated"
        )
    residual = indicates_by_residual(study, model, "best")
    return SurrogateChoice("best", f"because model {model.name} {lack}", residual)


def indicates_by_residual(study: Study, model: HighFidelityModel, kind: str) -> bool:
    """Whether the error of an interpolated field is indicated by the residual of the model's equations."""
    wanted = kind in ("interpolated", "best") and study.methods.indicator != "deviation"
    return wanted and lack_of_residual(model) is None


def lack_of_residual(model: HighFidelityModel) -> str | None:
    """What a model lacks for a residual of interpolated fields, as :func:`lack_of` says it."""
    if isinstance(model, HasTimeStepping):
        return f"evolves in time, and {_IN_TIME}"
    if corrected_by_newton(model):
        return None
    if not isinstance(model, HasAffineOperators | HasOperators):
        return f"hands over neither operators nor residual and jacobian, and {_IN_TIME}"
    return lack_of(model)


def corrected_by_newton(model: HighFidelityModel) -> bool:
    """Whether Newton corrections tell how large errors are: of models that are not known as linear."""
    return is_nonlinear(model) or (isinstance(model, HasResidual) and lack_of(model) is not None)


def lack_of(model: HighFidelityModel) -> str | None:
    """What a model lacks for a projected surrogate, as a sentence goes on after its name; nothing is run."""
    if not isinstance(model, HasAffineOperators | HasOperators | HasResidual):
        return "hands over no equations (affine_operators, operators, or residual and jacobian)"
    if not isinstance(model, HasInnerProduct):
        return "has no inner_product, in which errors are bounded"
    if isinstance(model, HasAffineOperators) and not isinstance(model, HasCoefficientExpressions):
        return "has no coefficient_expressions, without which nothing can be saved"
    return None


def is_nonlinear(model: HighFidelityModel) -> bool:
    """Whether a model's equations are known by their residual alone."""
    return isinstance(model, HasResidual) and not isinstance(model, HasAffineOperators | HasOperators)
