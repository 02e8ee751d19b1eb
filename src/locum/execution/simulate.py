"""From a planned sample to its committed outcome."""

from __future__ import annotations

import os
import platform
import resource
import time
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from locum.exceptions import SimulationError
from locum.highfidelity import HighFidelityModel
from locum.highfidelity.attempts import Attempt, HasTrials, Trial
from locum.highfidelity.snapshot_check import check_snapshot
from locum.snapshots import Cost, SampleRecord, SnapshotStore
from locum.snapshots.durable import byte_lock
from locum.snapshots.housekeeping import SIMULATING_LOCK
from locum.study import Study, build_model


@dataclass(frozen=True, eq=False)
class Simulator:
    """Runs planned samples of one study where it stands: simulate, check, write, commit."""

    model: HighFidelityModel
    store: SnapshotStore

    @classmethod
    def for_study(cls, study: Study, model: HighFidelityModel | None = None) -> Simulator:
        """Open the store of a study, and build its model where that was not done before."""
        store = SnapshotStore.open(study.folder, catalogue_url=study.catalogue_url)
        return cls(model or build_model(study), store)

    def run(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Run one sample and commit its outcome, done or failed; a committed sample is not run again.

        A run, a query and somebody at a dashboard may come upon the same planned sample at once: one of them
        runs it, and the others wait for its outcome.

        Raises
        ------
        StorageError
            The outcome could not be committed: nothing of the sample exists then.
        """
        record = SampleRecord.from_dict(sample)
        with byte_lock(self.store.folder / SIMULATING_LOCK, record.row):
            known = self.store.outcome(record.identity)
            if known is not None:
                return {"outcome": known.outcome, "seconds": 0.0}
            return self._run(record)

    def _run(self, record: SampleRecord) -> dict[str, Any]:
        started = time.perf_counter()
        with self._trial(record) as trial:
            try:
                dataset = _simulated(trial, record)
                cost = _cost(started, trial)
                self.store.save(record, dataset, cost)
            except SimulationError as error:
                trial.reject(error)
                cost = _cost(started, trial)
                self.store.fail(record, error.failure, error.reason, cost)
                return {"outcome": "failed", "seconds": cost.seconds}
            return {"outcome": "done", "seconds": cost.seconds}

    def _trial(self, record: SampleRecord) -> AbstractContextManager[Trial]:
        if isinstance(self.model, HasTrials):
            tried = self.store.attempts(record).get(record.identity, ())
            return self.model.trial(record.short, tried, partial(self.store.note, record))
        return nullcontext(_Plain(self.model))


@dataclass(frozen=True)
class _Plain:
    """A sample of a model that leaves nothing but its snapshot."""

    model: HighFidelityModel
    attempts: tuple[Attempt, ...] = ()
    memory: int = 0

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Run the model."""
        return self.model.simulate(parameters)

    def reject(self, error: SimulationError) -> None:
        """There is nothing to keep."""


def _simulated(trial: Trial, record: SampleRecord) -> xr.Dataset:
    try:
        dataset = trial.simulate(record.parameters)
    except SimulationError:
        raise
    except BaseException as error:  # the model is foreign code: whatever it raises is one failed sample
        raise SimulationError(_describe(error), "raised") from error
    check_snapshot(dataset)
    return dataset


def _cost(started: float, trial: Trial) -> Cost:
    peak = trial.memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(time.perf_counter() - started, peak, platform.node(), tuple(trial.attempts))


def _describe(error: BaseException) -> str:
    """Say what was raised, and where in the model's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(os.path.dirname(__file__))]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    try:
        text = " ".join(str(error).split())
    except Exception:  # foreign code, too
        text = ""
    return f"the model raised {type(error).__name__}{': ' + text if text else ''}{where}"
