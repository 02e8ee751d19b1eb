"""A study: the one place that knows every kind and wires them together."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from locum.exceptions import ParameterError, StudyError
from locum.parameters import ParameterSpace, unknown_name
from locum.study.section import Section
from locum.study.sections import (
    Accuracy,
    Budget,
    Execution,
    Methods,
    ModelSection,
    ParameterSection,
    Storage,
)
from locum.study.values import Seed

if TYPE_CHECKING:
    from locum.errors import Tolerance
    from locum.highfidelity import HighFidelityModel
    from locum.surrogates import InferredOptions, InterpolatedOptions

_MOST_CALIBRATION = 100
_LEAST_DESIGN = 10
_DESIGN_PER_PARAMETER = 5
_PROJECTED_CALIBRATION = 10
_NUMBERS_DEPEND_ON = {"seed", "model", "parameters", "accuracy", "methods"}


@dataclass(frozen=True)
class Numbers:
    """The numbers of a study with every ``auto`` resolved.

    Parameters
    ----------
    initial
        Simulations of the first design.
    calibration
        Simulations that calibrate.
    batch
        Simulations a round; None lets it grow with the training set.
    workers
        Simulations at the same time.
    """

    initial: int
    calibration: int
    batch: int | None
    workers: int


class Study(Section):
    """A model, what is asked of its surrogate, and what that may cost."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", examples=["cooled_blade"])
    """Letters, digits and _ . -; it names the study's folder."""
    description: str = ""
    """A sentence for the report."""
    seed: Seed = 0
    """Of all random numbers: two runs give the same bits."""
    model: ModelSection
    """The simulation."""
    parameters: dict[str, ParameterSection] = Field(default={})
    """Parameters by name. Needed for a function of your own; the shipped models bring theirs, and what stands
    here narrows them."""
    accuracy: Accuracy
    budget: Budget = Budget()
    methods: Methods = Methods()
    execution: Execution = Execution()
    storage: Storage = Storage()

    _path: Path = PrivateAttr(default=Path("study.yaml"))

    @model_validator(mode="before")
    @classmethod
    def _not_empty(cls, given: Any) -> Any:
        if not given:
            raise ValueError("the study is empty; it needs name, model and accuracy")
        return given

    @property
    def path(self) -> Path:
        """The file that it was read from."""
        return self._path

    @property
    def folder(self) -> Path:
        """Where the study keeps what it makes."""
        return Path(os.path.abspath(self.path.parent / (self.storage.folder or f"data/{self.name}")))

    @property
    def catalogue_url(self) -> str | None:
        """Database of the catalogue; None for the file in the folder."""
        return self.storage.catalogue

    @property
    def hash(self) -> str:
        """Of what the numbers depend on besides the model's code; not name, folder, budget or workers."""
        return self._hash_of(without=())

    @property
    def training_hash(self) -> str:
        """Of what a trained surrogate depends on besides the simulations and their model."""
        return self._hash_of(without=("share", "design"))

    @property
    def recipe_hash(self) -> str:
        """Of what a trained surrogate depends on besides simulations, model and tolerances."""
        return self._hash_of(without=("share", "design", "tolerance", "fields", "quantities"))

    def _hash_of(self, *, without: Iterable[str]) -> str:
        document = self.model_dump(mode="json", include=_NUMBERS_DEPEND_ON)
        document["model"] = self.model.decisive()
        for section in ("accuracy", "methods"):
            for key in without:
                document[section].pop(key, None)
        if self.methods.structure is None:
            del document["methods"]["structure"]  # studies that are older than this key keep their hash
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def workers(self, cores: int, memory: int | None = None) -> int:
        """Simulations at the same time: as many as are asked for, and no more than fit.

        Parameters
        ----------
        cores, memory
            What there is; bytes, or None where that does not matter.
        """
        fitting = [cores // (self.model.cores_a_run or 1)]
        if memory is not None and self.model.memory_a_run:
            fitting.append(memory // self.model.memory_a_run)
        if self.model.cores_a_run is None and self.execution.workers:
            return self.execution.workers  # nobody knows what one takes
        return max(1, min(*fitting, self.execution.workers or cores))

    def require_room(self, cores: int, memory: int) -> None:
        """Refuse a model of which not even one run fits.

        Raises
        ------
        StudyError
            It wants more cores, or more bytes of memory, than there are.
        """
        for key, wanted, there in (
            ("cores", self.model.cores_a_run, cores),
            ("memory", self.model.memory_a_run, memory),
        ):
            if wanted is not None and wanted > there:
                a_run, here = (f"{n / 1e9:.3g} GB" if key == "memory" else f"{n}" for n in (wanted, there))
                raise StudyError(
                    f"{self.path}: model.{key}: one run takes {a_run}, and there are {here}; allow it "
                    "less, or run on a larger machine"
                )

    def resolved(self, dimension: int, cores: int = 1, kind: str = "interpolated") -> Numbers:
        """Resolve the numbers that are ``auto``.

        The first design has 5 simulations for each parameter, and at least 10. Calibration takes a third of
        the budget, at least what the confidence needs for a finite error figure (19 at 95 %) and at most 100:
        with n simulations the coverage is a Beta variable around the claim, 0.05 wide with 19 and 0.02 with
        100. A projected surrogate starts with one simulation for each parameter and two more, at least one
        for each worker, takes as many a round as there are workers, and has 10 that only show how its figures
        compare with the truth.

        Parameters
        ----------
        dimension
            Number of parameters.
        cores
            Cores at hand.
        kind
            Of the surrogate; which one ``methods.surrogate: auto`` takes depends on the model.

        Raises
        ------
        StudyError
            A budget that does not reach for design and calibration, or too few calibration simulations for
            the confidence.
        """
        design, budget = self.methods.design, self.budget.simulations
        workers, batch = self.workers(cores), design.batch
        if kind == "projected":
            initial = design.initial or max(dimension + 2, workers)
            calibration = self.methods.calibration.simulations or _PROJECTED_CALIBRATION
            batch = batch or workers
        else:
            initial = design.initial or max(_LEAST_DESIGN, _DESIGN_PER_PARAMETER * dimension)
            calibration = self._interpolated_calibration()
        if budget is not None and initial + calibration > budget:
            raise StudyError(
                f"{self.path}: budget.simulations: {budget} are fewer than the first design ({initial}) and "
                f"the calibration ({calibration}) need together; allow {initial + calibration} or more"
            )
        return Numbers(initial, calibration, batch, workers)

    def _interpolated_calibration(self) -> int:
        from locum.errors.conformal import required_scores

        needed, budget = required_scores(self.accuracy.confidence), self.budget.simulations
        calibration = self.methods.calibration.simulations
        if calibration is None:
            affordable = _MOST_CALIBRATION if budget is None else budget // 3
            calibration = max(needed, min(_MOST_CALIBRATION, affordable))
        if calibration < needed:
            raise StudyError(
                f"{self.path}: methods.calibration.simulations: a confidence of {self.accuracy.confidence:g} "
                f"needs at least {needed}, got {calibration}"
            )
        return calibration

    def space(self, model: HighFidelityModel) -> ParameterSpace:
        """The model's parameter space, narrowed as the study says.

        Raises
        ------
        StudyError
            A parameter that the model does not have, or a range that leaves the model's own.
        """
        own = {parameter.name: parameter for parameter in model.parameters.parameters}
        for name in self.parameters:
            if name not in own:
                raise StudyError(f"{self.path}: parameters: {unknown_name('parameter', name, own)}")
        sections = {name: self.parameters.get(name, ParameterSection()) for name in own}
        try:
            return ParameterSpace(tuple(sections[name].on(name, own[name]) for name in own))
        except ParameterError as error:
            raise StudyError(f"{self.path}: parameters: {error}") from None

    def own_space(self) -> ParameterSpace | None:
        """The space that the study itself gives; None where it leaves that to the model.

        Raises
        ------
        StudyError
            Names that are not Python identifiers.
        """
        if not self.parameters or any(section.range is None for section in self.parameters.values()):
            return None
        try:
            return ParameterSpace(tuple(section.on(name, None) for name, section in self.parameters.items()))
        except ParameterError as error:
            raise StudyError(f"{self.path}: parameters: {error}") from None

    def tolerances(self, fields: Iterable[str], quantities: Iterable[str]) -> dict[str, Tolerance]:
        """Tolerance of every output: of each field, and of the quantities of interest that have one.

        Parameters
        ----------
        fields, quantities
            Names of what the model gives.

        Raises
        ------
        StudyError
            A tolerance for an output that the model does not give.
        """
        from locum.errors.tolerance import Tolerance

        fields, quantities = tuple(fields), tuple(quantities)
        for what, asked, given in (
            ("field", self.accuracy.fields, fields),
            ("quantity", self.accuracy.quantities, quantities),
        ):
            key = "fields" if what == "field" else "quantities"
            for name in asked:
                if name not in given:
                    raise StudyError(f"{self.path}: accuracy.{key}: {unknown_name(what, name, given)}")
        own = {name: Tolerance(section.tolerance) for name, section in self.accuracy.fields.items()}
        return {
            **{name: own.get(name, Tolerance(self.accuracy.tolerance)) for name in fields},
            **{
                name: Tolerance(section.tolerance, section.error)
                for name, section in self.accuracy.quantities.items()
            },
        }

    def interpolated_options(self) -> InterpolatedOptions:
        """Options of the interpolated surrogate."""
        from locum.surrogates import InterpolatedOptions

        reduction = self.methods.reduction
        return InterpolatedOptions(
            truncation_share=reduction.truncation_share,
            max_rank=reduction.max_rank,
            method=reduction.method,
            kernel=self.methods.regression.kernel,
        )

    def inferred_options(self, space: ParameterSpace) -> InferredOptions:
        """Options of the inferred surrogate.

        Raises
        ------
        StudyError
            A term that is no expression of the parameters.
        """
        from locum.surrogates import InferredOptions, declared_options

        correction: Literal["auto", "never"] = "never" if self.methods.surrogate == "inferred" else "auto"
        declared = self.methods.structure
        if declared is None:
            return InferredOptions(correction=correction)
        try:
            return declared_options(
                space,
                matrix=declared.matrix,
                load=declared.load,
                products=declared.products,
                terms=declared.terms,
                correction=correction,
            )
        except ParameterError as error:
            raise StudyError(f"{self.path}: methods.structure: {error}") from None

    def document(self) -> dict[str, Any]:
        """The study as plain values that mean the same wherever they are read: paths are absolute."""
        document = self.model_dump(mode="json", exclude_unset=True)
        document["storage"] = {**document.get("storage", {}), "folder": str(self.folder)}
        document["model"] |= self.model.located(self.path.parent)
        return document

    def to_yaml(self) -> str:
        """The study as a file that stands on its own, to be kept beside its results."""
        import yaml

        return yaml.safe_dump(self.document(), sort_keys=False, allow_unicode=True)

    def to_json(self) -> str:
        """The study as one JSON document for another process; :meth:`from_json` reads it."""
        return json.dumps({"path": str(self.path), "study": self.document()})

    @classmethod
    def from_json(cls, document: str) -> Self:
        """Inverse of :meth:`to_json`."""
        content = json.loads(document)
        study = cls.model_validate_json(json.dumps(content["study"]))
        study._path = Path(content["path"])
        return study


def study_schema() -> dict[str, Any]:
    """JSON Schema of study files, with a description of every key."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Study.model_json_schema(),
        "title": "locum study",
    }
