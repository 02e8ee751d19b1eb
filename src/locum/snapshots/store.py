"""The store of a study: its ensembles and its catalogue behind one door."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import xarray as xr

from locum import __version__
from locum.arrays import Array
from locum.exceptions import StorageError
from locum.highfidelity.attempts import Attempt
from locum.snapshots.catalogue import Catalogue
from locum.snapshots.database import Database
from locum.snapshots.durable import file_lock
from locum.snapshots.ensemble import Ensemble
from locum.snapshots.housekeeping import RUN_LOCK, make_writable, sweep_partials
from locum.snapshots.labels import sample_labels
from locum.snapshots.layout import Layout
from locum.snapshots.reading import block_passes, lazy_dataset
from locum.snapshots.record import Cost, Outcome, Purpose, SampleRecord, Written
from locum.snapshots.verification import Problem, Progress, sample_problems, shared_problems

CATALOGUE = "catalogue.db"
_LOCKS = ".locks"
_SAMPLE_LOCKS = 64


class SnapshotStore:
    """All that a study has simulated and will simulate. Open it with :meth:`open`.

    A sample is planned, written and committed; its outcome's row in the catalogue is the commit point. Any
    number of processes may write and commit at once. A store travels between processes as its address.
    """

    def __init__(self, folder: Path, catalogue: Catalogue, catalogue_url: str | None) -> None:
        self.folder = folder
        self._catalogue = catalogue
        self._url = catalogue_url
        self._ensembles: dict[str, Ensemble] = {}

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        study: str | None = None,
        model: str | None = None,
        create: bool = False,
        readonly: bool = False,
        catalogue_url: str | None = None,
    ) -> SnapshotStore:
        """Open a study's store.

        Parameters
        ----------
        folder
            The study's folder.
        study, model
            Names that the folder must belong to; None accepts any.
        create
            Make the store where there is none; needs ``study`` and ``model``.
        readonly
            Nothing will be written: works in a read-only folder too.
        catalogue_url
            Database URL of the catalogue; a SQLite file in the folder where it is left out.

        Raises
        ------
        StorageError
            No store there; another study's or model's, or a newer format; not writable; damaged.
        """
        folder = Path(folder).absolute()
        if not readonly:
            make_writable(folder, create, _LOCKS)
        path = folder / CATALOGUE
        if not create and catalogue_url is None and not path.exists():
            raise StorageError(f"{folder} holds no study yet; start it with `locum run`")
        catalogue = Catalogue(Database(catalogue_url or path, readonly=readonly))
        if create:
            with file_lock(folder / _LOCKS / "create.lock"):
                if catalogue_url is None and not path.exists() and any(folder.glob("ensemble*.zarr")):
                    raise StorageError(
                        f"{folder} holds an ensemble but its {CATALOGUE} is missing; "
                        "put it back or choose another folder"
                    )
                catalogue.create(study or "", model or "")
        catalogue.check(study, model)
        return cls(folder, catalogue, catalogue_url)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (str(self.folder), self._url, self.database.readonly)

    @property
    def database(self) -> Database:
        """The catalogue's connection, for the rooms above that keep tables of their own beside it."""
        return self._catalogue.database

    def close(self) -> None:
        """Release the catalogue's connections."""
        self.database.close()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only run of this study; the system releases the lock however the process ends.

        On leaving, the ensemble's labels are brought up to date.

        Raises
        ------
        StorageError
            Another process works on this study; it says which.
        """
        refusal = "another locum run (process {process}) is working on this study"
        with file_lock(self.folder / RUN_LOCK, refusal=refusal):
            sweep_partials(self.folder)
            try:
                yield
            finally:
                with suppress(StorageError):  # labels are a copy: they must not hide why the run ended
                    self.publish()

    def plan(
        self,
        samples: Sequence[Mapping[str, float]],
        *,
        model: str,
        version: str,
        purpose: Purpose,
        round: int = 0,
    ) -> list[SampleRecord]:
        """Plan samples durably, all or none.

        A sample that is known already is not planned again: its record comes back as it is.

        Parameters
        ----------
        samples
            Parameter values of each sample, name to value.
        model, version
            The high-fidelity model.
        purpose, round
            Why, and in which training round, these samples are wanted.

        Returns
        -------
        list of SampleRecord
            One for each of ``samples``, in their order.
        """
        records = self._catalogue.plan(samples, model, version, purpose, round)
        if records and self._ensemble(records[0]).exists:
            self._ensemble(records[0]).grow(1 + max(record.row for record in records))
        return records

    def save(self, record: SampleRecord, snapshot: xr.Dataset, cost: Cost) -> bool:
        """Write and commit one finished simulation; what a worker calls.

        Two workers that finish the same sample at once do not mix: the second leaves the first's alone.

        Returns
        -------
        bool
            False where the sample was committed before; the first snapshot stays.

        Raises
        ------
        SimulationError
            The snapshot is not finite or does not fit the ensemble: it is the sample that failed.
        StorageError
            Disk full or the like: nothing of the sample exists, and it stays planned.
        """
        with file_lock(self.folder / _LOCKS / f"sample-{record.row % _SAMPLE_LOCKS:02d}.lock"):
            return self.commit(record, self.write(record, snapshot), cost)

    def write(self, record: SampleRecord, snapshot: xr.Dataset) -> Written:
        """Write a sample's fields durably, without committing them; :meth:`save` does both.

        A committed sample's fields are left as they are. Raises as :meth:`save` does.
        """
        known = self.outcome(record.identity)
        if known is not None and known.outcome == "done":
            return Written(known.content_hash, known.quantities)
        ensemble = self._ensemble(record)
        layout = ensemble.layout if ensemble.exists else Layout.of(snapshot)
        fields, quantities = layout.accept(snapshot)
        if not ensemble.exists:
            planned = self._catalogue.records(ensemble=record.ensemble)
            ensemble.create(layout, len(planned), self._attributes(record))
            # another worker's snapshot may have come first
            fields, quantities = ensemble.layout.accept(snapshot)
        return Written(ensemble.write(record.row, fields, quantities), quantities)

    def commit(self, record: SampleRecord, written: Written, cost: Cost) -> bool:
        """Commit what :meth:`write` wrote: from here on the sample is done.

        A finished simulation supersedes a failure recorded earlier (by a timeout, say). False where the
        sample was committed before; the first outcome stays.
        """
        return self._catalogue.commit(record.identity, written, cost)

    def fail(self, record: SampleRecord, failure: str, reason: str, cost: Cost) -> bool:
        """Commit that a sample failed, and why; False where it had its outcome before, which stays.

        It is not run again unless :meth:`retry_failed` says so.
        """
        return self._catalogue.fail(record.identity, failure, reason, cost)

    def retry_failed(self, records: Sequence[SampleRecord]) -> int:
        """Turn failed samples into planned ones again; returns how many there were."""
        return self._catalogue.forget_failures([record.identity for record in records])

    def note(self, record: SampleRecord, tried: Sequence[Attempt]) -> None:
        """Keep what was tried until now for a sample that has no outcome yet."""
        self._catalogue.note(record.identity, tried)

    def attempts(self, record: SampleRecord | None = None) -> dict[str, tuple[Attempt, ...]]:
        """What was tried, for one sample or for each, by identity; of samples whose model tells."""
        return self._catalogue.attempts(None if record is None else record.identity)

    def outcome(self, identity: str) -> SampleRecord | None:
        """Look up a sample that is done or failed; None where it has no outcome."""
        return self._catalogue.outcome(identity)

    def records(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        outcome: Outcome | None = None,
        purpose: Purpose | None = None,
        round: int | None = None,
    ) -> list[SampleRecord]:
        """Read the samples that match all that is given, by version and row."""
        return self._catalogue.records(
            model=model, version=version, outcome=outcome, purpose=purpose, round=round
        )

    def versions(self) -> dict[tuple[str, str], dict[str, int]]:
        """Count the samples of each (model, version) that are ``planned``, ``done`` and ``failed``."""
        return self._catalogue.versions()

    def layout(self, version: str | None = None) -> Layout:
        """Mesh, times, fields and quantities of a version of the model, the newest where it is left out.

        Raises
        ------
        StorageError
            No simulation of it has finished yet.
        """
        records = self.records(version=version)
        if not records:
            raise StorageError(
                f"{self.folder} holds no sample{f' of version {version!r}' if version else ''} yet"
            )
        return self._ensemble(max(records, key=lambda record: record.created)).layout

    def dataset(self, records: Sequence[SampleRecord]) -> xr.Dataset:
        """Open snapshots lazily, as one dataset along ``sample`` in the order given.

        Fields are dask arrays, a chunk a sample; quantities of interest are variables; parameters,
        identities, purposes and costs are coordinates; mesh after UGRID; units as attributes.

        Raises
        ------
        StorageError
            A sample that is not done, or samples of several versions of the model.
        """
        ensemble = self._common_ensemble(records)
        return lazy_dataset(ensemble, records, self.parameter_units)

    def blocks(
        self, field: str, records: Sequence[SampleRecord], nbytes: int = 256 * 2**20
    ) -> Callable[[], Iterator[Array]]:
        """Make passes over one field of an ensemble that may be larger than memory.

        Parameters
        ----------
        field
            Name of the field.
        records
            The samples, in the order wanted.
        nbytes
            Size of a block; at least one sample.

        Returns
        -------
        Callable
            Each call is a fresh pass over blocks (k, *shape) that reads every chunk once. Iterating raises
            StorageError where a committed field is gone, naming the sample, or cannot be decoded.
        """
        return block_passes(self._common_ensemble(records), field, records, nbytes)

    def publish(self) -> None:
        """Bring the labels in the ensembles (identities, parameters, quantities of interest, ...) up to date.

        The catalogue is what counts; the labels let any xarray user read an ensemble without it.
        """
        by_ensemble: dict[str, list[SampleRecord]] = {}
        for record in self.records():
            if record.outcome != "planned":
                by_ensemble.setdefault(record.ensemble, []).append(record)
        for records in by_ensemble.values():
            ensemble = self._ensemble(records[0])
            if ensemble.exists:
                ensemble.grow(records[-1].row + 1)
                labels = sample_labels(records, ensemble.layout, self.parameter_units)
                ensemble.publish(labels, [record.row for record in records])

    def verify(self, progress: Progress | None = None) -> list[Problem]:
        """Read and hash everything that was committed again.

        Parameters
        ----------
        progress
            Told (checked, total) after each sample.

        Returns
        -------
        list of Problem
            Empty where all is well; ``str(problem)`` names the sample and what is wrong.
        """
        damage = self.database.damage()
        if damage:
            return [Problem(damage)]
        records = self.records(outcome="done")
        ensembles = {record.ensemble: self._fresh_ensemble(record) for record in records}
        shared = [problem for ensemble in ensembles.values() for problem in shared_problems(ensemble)]
        return shared + sample_problems(records, lambda record: ensembles[record.ensemble], progress)

    def document(self, name: str) -> Any:
        """Read a named document (JSON values); None where there is none."""
        return self._catalogue.document(name)

    def save_document(self, name: str, value: Any) -> None:
        """Keep a named document (JSON values), over the one before."""
        self._catalogue.save_document(name, value)

    def save_round(self, number: int, document: Mapping[str, Any]) -> None:
        """Keep what one training round found and decided (JSON values), over an earlier attempt at it."""
        self._catalogue.save_round(number, document)

    def rounds(self) -> list[dict[str, Any]]:
        """Read the documents of all rounds, by number."""
        return self._catalogue.rounds()

    @property
    def study_document(self) -> str:
        """The study file as it was last run; empty before the first run."""
        return str(self._catalogue.document("study_document") or "")

    def save_study(self, text: str, parameter_units: Mapping[str, str]) -> None:
        """Keep the study file and the parameters' units, so that the folder explains itself."""
        self._catalogue.save_document("study_document", text)
        self._catalogue.save_document("parameter_units", dict(parameter_units))

    @property
    def parameter_units(self) -> dict[str, str]:
        """Units of the parameters, as :meth:`save_study` was told."""
        return dict(self._catalogue.document("parameter_units") or {})

    def _ensemble(self, record: SampleRecord) -> Ensemble:
        if record.ensemble not in self._ensembles:
            self._ensembles[record.ensemble] = self._fresh_ensemble(record)
        return self._ensembles[record.ensemble]

    def _fresh_ensemble(self, record: SampleRecord) -> Ensemble:
        return Ensemble(self.folder / record.ensemble, self.folder / _LOCKS)

    def _common_ensemble(self, records: Sequence[SampleRecord]) -> Ensemble:
        if not records:
            raise StorageError(f"{self.folder}: no sample was asked for; expected at least one that is done")
        for record in records:
            if record.outcome != "done":
                raise StorageError(f"{record} is {record.outcome}; expected a sample that is done")
            if record.ensemble != records[0].ensemble:
                raise StorageError(f"{record} is of another version than {records[0]}; take one version")
        return self._ensemble(records[0])

    def _attributes(self, record: SampleRecord) -> dict[str, str]:
        return {
            "title": f"Snapshots of the study {self._catalogue.study}",
            "model": record.model,
            "model_version": record.version,
            "source": f"locum {__version__}",
        }


@lru_cache(maxsize=16)
def _opened(folder: str, catalogue_url: str | None, readonly: bool, process: int) -> SnapshotStore:
    return SnapshotStore.open(folder, readonly=readonly, catalogue_url=catalogue_url)


def _reopened(folder: str, catalogue_url: str | None, readonly: bool) -> SnapshotStore:
    """Open a store that came from another process, once for each process."""
    return _opened(folder, catalogue_url, readonly, os.getpid())
