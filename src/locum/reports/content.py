"""What a report tells, as plain typed data: nothing here draws, reads a store or knows a study file.

Whoever renders a report fills in :class:`Report`. What does not exist yet (no sweep, no calibration, no
audit) is left at its default, and the report says so in words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from locum.adaptivity import BoolArray, Round, standing
from locum.arrays import Array
from locum.errors.figure import FigureKind
from locum.highfidelity.attempts import Attempt
from locum.parameters import ParameterSpace
from locum.reports.way import Way

OutputKind = Literal["field", "quantity of interest"]
HeldOutPurpose = Literal["calibration", "audit"]


@dataclass(frozen=True)
class Output:
    """A field or a quantity of interest that the surrogate answers.

    Parameters
    ----------
    name, kind
        As in the study file.
    unit
        Unit of its values.
    norm
        In which its error is measured, in words: ``L2 over space and time``, ``absolute value``.
    relative
        Whether errors and figures are fractions; otherwise they are in ``unit``.
    tolerance
        On the error; None where none was asked.
    figure_kind
        What its error figure is.
    indicator
        What indicates a field's error: ``deviation`` or ``residual``.
    """

    name: str
    kind: OutputKind
    unit: str = ""
    norm: str = ""
    relative: bool = True
    tolerance: float | None = None
    figure_kind: FigureKind = "indicator"
    indicator: str = ""


@dataclass(frozen=True)
class StudyVerdict:
    """The verdict on the study, and what to do.

    Parameters
    ----------
    words
        ``within tolerance``, ``over tolerance``, or why there is none yet.
    advice
        One or two sentences.
    confidence
        At which the share within tolerance is stated, in (0, 1).
    share_required, share_within
        Share of the parameter distribution whose error figures are all below tolerance; ``share_within`` is
        the lower end at the stated confidence, None before the first sweep.
    """

    words: str
    advice: str
    confidence: float
    share_required: float
    share_within: float | None = None


@dataclass(frozen=True, eq=False)
class Basis:
    """Singular values of a field's reduced basis, descending; ``level``: ``space`` or ``time``, or empty.

    ``truncation_error`` is relative, a root mean square over the ensemble in ``norm``; ``method`` says how
    the basis was computed.
    """

    field: str
    singular_values: Array
    rank: int
    truncation_error: float
    method: str
    norm: str
    level: str = ""


@dataclass(frozen=True, eq=False)
class HeldOutOutput:
    """One output on n held-out simulations, each array of shape (n,).

    Parameters
    ----------
    errors, figures
        Measured error and error figure at the stated coverage, relative or in the output's unit.
    scores
        Measured error divided by the indicator before calibration: what the calibration takes quantiles of;
        not finite where there is no calibration.
    simulated, predicted
        Values of a quantity of interest; None for a field.
    """

    errors: Array
    figures: Array
    scores: Array
    simulated: Array | None = None
    predicted: Array | None = None


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What n simulations that never trained the surrogate say about it.

    Parameters
    ----------
    purpose
        What they were made for.
    outputs
        By name.
    in_domain
        Whether each lies in the domain of validity, shape (n,).
    """

    purpose: HeldOutPurpose
    outputs: Mapping[str, HeldOutOutput]
    in_domain: BoolArray

    @property
    def simulations(self) -> int:
        """Number of simulations, n."""
        return len(self.in_domain)


@dataclass(frozen=True, eq=False)
class Case:
    """One held-out simulation beside the surrogate's answer, to be drawn.

    Parameters
    ----------
    label
        ``worst`` or ``median``.
    field, unit
        What is drawn.
    purpose, identity, parameters
        The simulation it was compared with.
    error, figure
        Relative error of the field and its error figure.
    points, cells, length_unit
        The mesh: (N, d) coordinates, (M, k) node numbers or None, unit of the coordinates.
    simulated, predicted
        The field, of shape (N,), (T, N), (N, c) or (T, N, c).
    times, time_unit
        Saved times (T,); None where steady.
    displacement
        Simulated and predicted displacements of the nodes, (N, d) or (T, N, d); empty where the simulation
        gives none.
    """

    label: str
    field: str
    unit: str
    purpose: HeldOutPurpose
    identity: str
    parameters: Mapping[str, float]
    error: float
    figure: float
    points: Array
    cells: np.ndarray[Any, np.dtype[np.int64]] | None
    simulated: Array
    predicted: Array
    times: Array | None = None
    length_unit: str = "m"
    time_unit: str = "s"
    displacement: Sequence[Array] = ()


@dataclass(frozen=True, eq=False)
class Sweep:
    """The error figure over the parameter distribution.

    Parameters
    ----------
    parameters
        Sweep points, shape (n, p), in the user's units.
    figures
        Output's name to error figures, shape (n,).
    in_domain
        Whether each point lies in the domain of validity, shape (n,); None where not known.
    """

    parameters: Array
    figures: Mapping[str, Array]
    in_domain: BoolArray | None = None


@dataclass(frozen=True, eq=False)
class Samples:
    """The study's samples: parameters (k, p), purpose of each, and which failed (k,)."""

    parameters: Array
    purposes: tuple[str, ...]
    failed: BoolArray


@dataclass(frozen=True)
class PurposeCost:
    """Simulations of one purpose: how many, and their time in core seconds."""

    purpose: str
    done: int
    failed: int
    core_seconds: float


@dataclass(frozen=True)
class Cost:
    """Where the study's time went, all in seconds.

    Parameters
    ----------
    simulations
        By purpose.
    training_seconds, sweep_seconds
        CPU time of all rounds together.
    wall_seconds
        From start to end, over all runs of the study.
    simulation_seconds
        Median time of one simulation, start-up included.
    query_seconds
        Measured time of one warm query with its error figures; None where not measured.
    query_rows, query_rows_seconds
        The same for many queries in one call.
    """

    simulations: tuple[PurposeCost, ...]
    training_seconds: float
    sweep_seconds: float
    wall_seconds: float
    simulation_seconds: float
    query_seconds: float | None = None
    query_rows: int | None = None
    query_rows_seconds: float | None = None

    @property
    def study_seconds(self) -> float:
        """Core seconds of everything: simulations, training, sweeps."""
        return (
            sum(entry.core_seconds for entry in self.simulations) + self.training_seconds + self.sweep_seconds
        )

    @property
    def speed_up(self) -> float | None:
        """Time of one simulation over the time of one query."""
        return None if not self.query_seconds else self.simulation_seconds / self.query_seconds

    @property
    def paid_after(self) -> int | None:
        """Queries after which the study cost less than simulating each; None where a query is no cheaper."""
        if self.query_seconds is None or self.query_seconds >= self.simulation_seconds:
            return None
        return math.ceil(self.study_seconds / (self.simulation_seconds - self.query_seconds))


@dataclass(frozen=True)
class FailedSample:
    """A sample whose simulation failed."""

    identity: str
    parameters: Mapping[str, float]
    purpose: str
    failure: str
    reason: str
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Version:
    """A registered surrogate; ``alias``: champion, candidate or empty; ``gate``: what promotion said."""

    number: int
    alias: str
    created: str
    training_simulations: int | None
    calibration_simulations: int | None
    gate: str = ""


@dataclass(frozen=True)
class Provenance:
    """What one needs to make the numbers again."""

    command: str
    seed: int
    hashes: Mapping[str, str]
    libraries: Mapping[str, str]
    machine: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that one report shows.

    Parameters
    ----------
    study, description, path
        Name, a sentence, and the study file as it is typed after ``locum``.
    model, model_version
        Of the high-fidelity model.
    created
        Date and time, ISO 8601.
    coverage
        Claimed for every error figure, in (0, 1).
    rounds
        History, in the order of their numbers.
    calibration, audit
        Held-out simulations that made the error figure, and those that checked it afterwards.
    budget
        Simulations allowed; None for no limit.
    """

    study: str
    description: str
    path: str
    model: str
    model_version: str
    created: str
    space: ParameterSpace
    outputs: tuple[Output, ...]
    verdict: StudyVerdict
    coverage: float
    budget: int | None
    provenance: Provenance
    rounds: tuple[Round, ...] = ()
    bases: tuple[Basis, ...] = ()
    calibration: HeldOut | None = None
    audit: HeldOut | None = None
    cases: tuple[Case, ...] = ()
    sweep: Sweep | None = None
    samples: Samples | None = None
    cost: Cost | None = None
    way: Way | None = None
    failures: tuple[FailedSample, ...] = ()
    retried: int = 0
    versions: tuple[Version, ...] = ()
    champion: int | None = None

    @property
    def standing(self) -> Round | None:
        """The round of the champion; the newest where it has none."""
        return standing(self.rounds, self.champion)

    @property
    def calibrated(self) -> bool:
        """Whether error figures rest on calibration; bounds and estimates rest on the model's equations."""
        return all(output.figure_kind == "indicator" for output in self.outputs)

    def output(self, name: str) -> Output:
        """The output of that name."""
        return next(output for output in self.outputs if output.name == name)
