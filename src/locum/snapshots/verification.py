"""Does the store still hold what was committed? Everything is read and hashed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from locum.exceptions import StorageError
from locum.snapshots.ensemble import Ensemble, content_hash
from locum.snapshots.identity import sample_identity
from locum.snapshots.record import SampleRecord

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was committed.

    Parameters
    ----------
    what
        One sentence.
    sample
        The sample it damages; None where it concerns what all samples share.
    """

    what: str
    sample: SampleRecord | None = None

    def __str__(self) -> str:
        return self.what if self.sample is None else f"{self.sample}: {self.what}"


def shared_problems(ensemble: Ensemble) -> list[Problem]:
    """Check mesh, times and labels of an ensemble."""
    if not ensemble.exists:
        return [Problem(f"{ensemble.path} is missing although samples in it are committed")]
    return [Problem(f"{ensemble.path}: {what}") for what in ensemble.damage()]


def sample_problems(
    records: Sequence[SampleRecord],
    ensemble: Callable[[SampleRecord], Ensemble],
    progress: Progress | None = None,
) -> list[Problem]:
    """Check every committed sample against its identity and its content hash.

    Parameters
    ----------
    records
        Samples whose outcome is ``done``.
    ensemble
        Where a sample's snapshot is stored.
    progress
        Told (checked, total) after each sample.
    """
    found = []
    for number, record in enumerate(records, start=1):
        what = _damage(record, ensemble(record))
        if what:
            found.append(Problem(what, record))
        if progress is not None:
            progress(number, len(records))
    return found


def _damage(record: SampleRecord, ensemble: Ensemble) -> str:
    if sample_identity(record.model, record.version, record.parameters) != record.identity:
        return "its parameters in the catalogue are not those of its identity"
    try:
        missing = [
            name for field in ensemble.layout.fields for name in ensemble.missing_chunks(field, record.row)
        ]
        if missing:
            return f"{', '.join(missing)} missing from {ensemble.path}"
        fields = {field: ensemble.read(field, record.row) for field in ensemble.layout.fields}
    except StorageError as error:
        return str(error)
    if content_hash(fields, record.quantities) != record.content_hash:
        return "fields or quantities of interest differ from what was committed"
    return ""
