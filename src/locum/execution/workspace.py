"""A study being worked on: its model, its samples, its trained surrogates, and where simulations run."""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from locum.arrays import Array
from locum.exceptions import StorageError, StudyError
from locum.execution.environment import available_cores, available_memory
from locum.execution.progress import Progress, watch
from locum.execution.simulation_process import Processes, SimulationProcess
from locum.execution.surrogate_choice import SurrogateChoice, foreseen
from locum.highfidelity import HighFidelityModel
from locum.highfidelity.attempts import Attempt, HasProgram, HasTrials
from locum.parameters import ParameterSpace
from locum.registry import Registry
from locum.snapshots import Outcome, Purpose, SampleRecord, SnapshotStore, sample_identity
from locum.study import Numbers, Study, build_model, load_study

if TYPE_CHECKING:  # what a study's first simulations need not wait for
    from locum.adaptivity import Round
    from locum.execution.candidate import Candidate
    from locum.execution.cluster import Cluster
    from locum.execution.projecting import Problem

_ELAPSED = "elapsed_seconds"
_PATIENCE = 30.0  # seconds that a model gets to end its program at the timeout by itself


@dataclass(frozen=True, eq=False)
class Workspace:
    """What every step of the loop works on.

    Parameters
    ----------
    study, model
        What was asked, and the simulation.
    store, registry
        What is known: samples with their snapshots, versions with their aliases.
    progress
        Who watches.
    resources
        Closed with the workspace.
    started
        When, on the monotonic clock.
    earlier
        Seconds that earlier runs have taken.
    before
        Simulations by outcome when it was opened, but for audits.
    begun
        Samples that run already, and nobody waits for yet.
    """

    study: Study
    model: HighFidelityModel
    store: SnapshotStore
    registry: Registry
    progress: Progress
    resources: ExitStack
    started: float
    earlier: float = 0.0
    before: Counter[str] = field(default_factory=Counter)
    begun: list[SampleRecord] = field(default_factory=list)

    @cached_property
    def space(self) -> ParameterSpace:
        """The study's parameter space."""
        return self.study.space(self.model)

    @cached_property
    def choice(self) -> SurrogateChoice:
        """Which kind of surrogate the study gets; to find out may take the first simulations."""
        choice = foreseen(self.study, self.model)
        if choice.by_equations:
            from locum.execution.settling import settled  # it simulates, and so stands on this module

            choice = settled(self, choice)
        return choice

    @cached_property
    def problem(self) -> Problem:
        """The model's equations, as projection sees them."""
        from locum.execution.projecting import problem_of

        return problem_of(self.study, self.model)

    @cached_property
    def processes(self) -> list[SimulationProcess]:
        """In which simulations run; started when they are first needed."""
        require_means(self.study, self.model)
        return self.resources.enter_context(processes_of(self.study, self.model).open())

    @cached_property
    def cluster(self) -> Cluster:
        """Where simulations are scheduled; started when it is first needed."""
        processes = self.processes
        from locum.execution.cluster import open_cluster  # Dask is imported while the processes start

        cores = self.study.model.cores_a_run or 1
        return self.resources.enter_context(open_cluster(self.store, processes, cores, self.lost))

    def begin(self, records: Sequence[SampleRecord]) -> None:
        """Let planned samples run that nobody waits for yet, the first ones before the cluster is there."""
        for process, record in zip(self.processes, records, strict=False):
            process.begin(record.to_dict())
        self.cluster.begin(records)
        self.begun.extend(records)

    def lost(self, record: SampleRecord) -> Sequence[Attempt]:
        """What was tried for a sample whose process died."""
        if not isinstance(self.model, HasTrials):
            return ()
        tried = self.store.attempts(record).get(record.identity, ())
        return self.model.lost(record.short, tried, record.parameters)

    def start_cluster(self) -> None:
        """Start where simulations run, unless that was done before; not for two threads at a time."""
        _ = self.cluster

    @property
    def elapsed(self) -> float:
        """Seconds that all runs of the study have taken, this one included."""
        now = 0.0 if self.store.database.readonly else time.monotonic() - self.started
        return self.earlier + now

    def keep_elapsed(self) -> None:
        """Remember for later runs how long this one has taken by now; not worth failing for."""
        with suppress(StorageError):
            self.store.save_document(_ELAPSED, self.elapsed)

    def publish_labels(self) -> None:
        """Let the ensembles say by now what they hold; not worth failing for."""
        with suppress(StorageError):
            self.store.publish()

    @property
    def workers(self) -> int:
        """Simulations that run at the same time."""
        return _workers(self.study)

    @cached_property
    def numbers(self) -> Numbers:
        """The study's numbers, every ``auto`` resolved."""
        return self.study.resolved(self.space.dimension, available_cores(), self.choice.kind)

    def generator(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose, from the study's seed: the same in every run."""
        return np.random.default_rng([self.study.seed, zlib.crc32(purpose.encode())])

    def samples(self, purpose: Purpose | None = None, outcome: Outcome | None = None) -> list[SampleRecord]:
        """Samples of model and parameters as they are now, in the order in which they were planned."""
        known = self.store.records(
            model=self.model.name, version=self.model.version, purpose=purpose, outcome=outcome
        )
        names = set(self.space.names)
        return [record for record in known if names == record.parameters.keys()]

    @property
    def attempts(self) -> dict[str, tuple[Attempt, ...]]:
        """What was tried for samples of the model as it is now, by identity; of a model that tells."""
        mine = {record.identity for record in self.samples()}
        return {identity: tried for identity, tried in self.store.attempts().items() if identity in mine}

    def values(self, records: Sequence[SampleRecord]) -> Array:
        """Parameter values of samples, shape (n, p)."""
        names = self.space.names
        return np.array([[record.parameters[name] for name in names] for record in records]).reshape(
            -1, len(names)
        )

    def plan(self, values: Array, purpose: Purpose, round_number: int = 0) -> list[SampleRecord]:
        """Write samples into the durable plan; those that are there already stay as they are."""
        named = [self._named(row) for row in values]
        return self.store.plan(
            named, model=self.model.name, version=self.model.version, purpose=purpose, round=round_number
        )

    def identity(self, row: Array) -> str:
        """Identity of the sample at parameter values (p,)."""
        return sample_identity(self.model.name, self.model.version, self._named(row))

    def _named(self, row: Array) -> dict[str, float]:
        return dict(zip(self.space.names, map(float, row), strict=True))

    @property
    def champion(self) -> Candidate:
        """The version that answers.

        Raises
        ------
        RegistryError
            When the study has none yet.
        """
        from locum.execution.candidate import Candidate

        return Candidate.load(self.registry.version(self.registry.require_champion()))

    def rounds(self) -> list[Round]:
        """History of the loop for the model and the tolerances as they are now."""
        from locum.adaptivity import Round

        mine = {"study": self.study.hash, "model_version": self.model.version}
        return [
            Round.from_dict(document["entry"])
            for document in self.store.rounds()
            if {key: document[key] for key in mine} == mine
        ]

    @property
    def standing(self) -> Round | None:
        """The round whose surrogate answers; see :func:`locum.adaptivity.standing`."""
        from locum.adaptivity import standing

        return standing(self.rounds(), self.registry.champion)

    def save_round(self, entry: Round, version: int) -> None:
        """Keep a round under the number of its version, over an earlier sweep of it."""
        mine = {"study": self.study.hash, "model_version": self.model.version}
        self.store.save_round(version, {**mine, "entry": entry.to_dict()})
        self.keep_elapsed()


@contextmanager
def open_workspace(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    readonly: bool = False,
    create: bool = True,
    alone: bool = True,
    quiet: bool = False,
) -> Iterator[Workspace]:
    """Open a study to work on it, or, read only, to look at it.

    Parameters
    ----------
    path, overrides
        As for :func:`locum.study.load_study`.
    readonly
        Nothing will be written.
    create
        Make the study's folder where there is none; refuse otherwise.
    alone
        Be the only run of the study; without, samples may be planned and committed beside a run.
    quiet
        No progress on standard error.

    What :func:`opened_ahead` has opened is taken, and left open.

    Raises
    ------
    StudyError, ModelError, StorageError
        A study, model or folder that cannot be used; another ``locum run`` at work on the same folder.
    """
    if alone and not readonly and (ahead := _AHEAD.pop((str(path), *overrides), None)) is not None:
        yield ahead
        return
    study, model = validated(path, overrides)
    create = create and not readonly
    if not create and not (study.catalogue_url or study.folder.exists()):
        raise StudyError(f"{path}: nothing has been run yet; start with: locum run {path}")
    with ExitStack() as resources:
        store = SnapshotStore.open(
            study.folder,
            study=study.name,
            model=model.name,
            create=create,
            readonly=readonly,
            catalogue_url=study.catalogue_url,
        )
        resources.callback(store.close)
        if alone and not readonly:
            resources.enter_context(store.lock())
            if isinstance(model, HasTrials):
                model.sweep()
        if isinstance(model, HasProgram) and not readonly:
            from locum.study.command_building import PROGRAM_VERSION

            store.save_document(PROGRAM_VERSION, model.program_version)
        progress = resources.enter_context(watch(study.name, quiet or readonly))
        earlier = float(store.document(_ELAPSED) or 0.0)
        work = Workspace(
            study, model, store, Registry.open(store), progress, resources, time.monotonic(), earlier
        )
        progress.workers = work.workers
        if alone and not readonly:
            store.save_study(study.to_yaml(), {p.name: p.unit for p in work.space.parameters})
            work.before.update(record.outcome for record in work.samples() if record.purpose != "audit")
            progress.resumed(work.before["done"], work.before["failed"])
            resources.callback(work.keep_elapsed)
        yield work


_AHEAD: dict[tuple[str, ...], Workspace] = {}


@contextmanager
def opened_ahead(
    path: str | Path, overrides: Sequence[str] = (), *, quiet: bool = False
) -> Iterator[Workspace]:
    """Open a study for the next :func:`open_workspace` of the same path and overrides in this process."""
    key = (str(path), *overrides)
    with open_workspace(path, overrides, quiet=quiet) as work:
        _AHEAD[key] = work
        try:
            yield work
        finally:
            _AHEAD.pop(key, None)


def require_means(study: Study, model: HighFidelityModel) -> None:
    """Refuse a study that this machine has no room for, or not the program.

    Raises
    ------
    StudyError, ModelError
        What is missing.
    """
    study.require_room(available_cores(), available_memory())
    if isinstance(model, HasTrials):
        model.require()


def processes_of(study: Study, model: HighFidelityModel, count: int | None = None) -> Processes:
    """The processes in which a study's simulations run; as many as it has workers where no count is given."""
    log = study.folder / "logs" / "simulations.log"
    timeout = study.execution.timeout
    if timeout is not None and isinstance(model, HasTrials):  # it ends its program at the timeout by itself
        timeout += _PATIENCE
    return Processes(count or _workers(study), study.to_json(), log, timeout)


def _workers(study: Study) -> int:
    return study.workers(available_cores(), available_memory())


@contextmanager
def _foreign_code() -> Iterator[None]:
    """What a user's file does while it is imported: it prints into no answer, and we stay where we are."""
    here = os.getcwd()
    with redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            os.chdir(here)


def validated(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Study, HighFidelityModel]:
    """Read a study and build its model: all that can be wrong before anything is touched.

    Raises
    ------
    StudyError, ModelError
        What is wrong, in one sentence.
    """
    study = load_study(path, overrides)
    with _foreign_code():
        model = build_model(study)
    kind = foreseen(study, model).kind
    study.resolved(study.space(model).dimension, available_cores(), kind)
    return study, model
