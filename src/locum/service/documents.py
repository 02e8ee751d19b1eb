"""What a service answers, for its OpenAPI document and for whoever reads that."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """An answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class SurrogateSummary(Document):
    """One surrogate among those that are served."""

    name: str
    description: str
    version: int | None
    """The champion; null before there is one."""
    ready: bool


class SurrogateList(Document):
    """All surrogates that are served."""

    surrogates: list[SurrogateSummary]


class ParameterDocument(Document):
    """One parameter."""

    name: str
    lower: float
    upper: float
    unit: str
    scale: str
    distribution: dict[str, Any]
    """Over which the claims hold."""
    description: str


class OutputDocument(Document):
    """A field or a quantity of interest, and what is claimed of its error."""

    kind: Literal["field", "quantity of interest"]
    unit: str
    error_kind: Literal["bound", "estimate", "indicator"]
    norm: str
    coverage: float | None
    """Probability with which the error figure covers the error; null for bounds and estimates."""
    tolerance: float | None
    """Null where none is asked: such an output does not decide the verdict."""


class FieldDocument(OutputDocument):
    """An output as a surrogate is described by it."""

    dimensions: list[str] = []
    shape: list[int] = []


class ClaimDocument(Document):
    """What audits of answered queries say of the coverage that is claimed."""

    claimed: float
    covered: int
    audits: int
    probability: float
    refuted: bool


class SurrogateDocument(Document):
    """A surrogate: what it is asked, what it answers, and where it is believed."""

    name: str
    description: str
    kind: str
    """interpolated, projected, inferred or hybrid."""
    version: int
    training_set: str
    """Hash of the simulations that it rests on."""
    model: str
    model_version: str
    parameters: list[ParameterDocument]
    outputs: dict[str, FieldDocument]
    nodes: int
    times: list[float] | None
    time_unit: str
    mesh: str
    """Hash of the mesh."""
    domain: dict[str, float]
    """Beyond the ranges: the largest distance to a training sample at which it is believed."""
    trusted: bool
    """False where audits have refuted a claim: then no answer is marked within tolerance."""
    claims: dict[str, ClaimDocument]


class MeshDocument(Document):
    """Where fields live."""

    hash: str
    unit: str
    points: list[list[float]]
    cells: list[list[int]] | None
    times: list[float] | None
    time_unit: str


class AnsweredOutput(OutputDocument):
    """An output as it was answered: lists over the parameter sets."""

    values: list[Any] | None = None
    """Of a quantity, numbers; of a field that was asked for, nested lists; null where not finite."""
    dimensions: list[str] | None = None
    error_figure: list[float | None]
    """Null where nothing is claimed: outside the domain, or without a calibration."""


class AnswerDocument(Document):
    """An answer: lists over the parameter sets."""

    answer: str
    """Identity of the answer; the query log has it too."""
    surrogate: str
    version: int
    """The whole answer comes from this version."""
    training_set: str
    job: str | None = None
    """The job that simulates, where one was asked for."""
    note: str | None = None
    rows: int
    parameters: dict[str, list[float]]
    outputs: dict[str, AnsweredOutput]
    in_domain: list[bool]
    reasons: list[str] | None
    """Why a set lies outside the domain; null where all lie inside."""
    verdict: list[Literal["within tolerance", "over tolerance", "outside the domain"]]
    nodes: list[int] | None = None
    points: list[list[float]] | None = None
    times: list[float] | None = None


class JobSample(Document):
    """One simulation of a job."""

    sample: str
    """Identity of the sample in the study's catalogue."""
    parameters: dict[str, float]
    outcome: Literal["planned", "done", "failed"]
    reason: str | None
    """Why it failed."""
    quantities: dict[str, float]
    seconds: float


class JobProgress(Document):
    """Simulations of a job by outcome."""

    done: int
    failed: int
    waiting: int


class JobDocument(Document):
    """Real simulations that a query asked for."""

    job: str
    surrogate: str
    state: Literal["waiting", "running", "done", "failed"]
    trouble: str | None
    """Why it does not go on just now; it is tried again."""
    progress: JobProgress
    samples: list[JobSample]


class DriftDocument(Document):
    """How the queries of one parameter differ from the distribution over which the claims hold."""

    distance: float
    """Of the distribution functions (Kolmogorov and Smirnov)."""
    probability: float
    """With which so large a distance occurs by chance."""
    outside: float
    """Share of queries outside the range."""
    queries: int
    drifted: bool


class RetrainingDocument(Document):
    """A retraining that queries asked for."""

    version: int
    training_set: str
    announced: float
    attempts: int
    started: float | None
    ended: float | None
    outcome: str | None


class MonitoringDocument(Document):
    """What has been asked lately, and what followed."""

    surrogate: str
    requests: int
    rows: int
    over: int
    outside: int
    seconds: float | None
    """Mean time of a request; null without any."""
    drift: dict[str, DriftDocument]
    outbox: int
    """Exceedances that wait."""
    retraining: str
    """Why no retraining is started now; empty where one was just started."""
    retrainings: list[RetrainingDocument]
    audits_waiting: int
    trusted: bool
    claims: dict[str, ClaimDocument]


class VersionDocument(Document):
    """One trained version."""

    version: int
    alias: Literal["champion", "candidate", ""]
    created: str
    training_set: str
    model_version: str


class VersionList(Document):
    """All trained versions of a surrogate."""

    champion: int | None
    versions: list[VersionDocument]


class ChampionDocument(Document):
    """The version that is champion now."""

    champion: int = Field(examples=[3])


class HealthDocument(Document):
    """Whether the service lives, and what it is ready for."""

    status: Literal["alive", "ready", "not ready"]
    surrogates: dict[str, int | None] = {}
    """Name to the version that answers; null before there is one."""
