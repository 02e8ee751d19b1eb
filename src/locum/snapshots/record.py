"""What the catalogue knows about a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from locum.highfidelity.attempts import Attempt

Purpose = Literal["design", "calibration", "adaptive", "audit", "query"]
Outcome = Literal["planned", "done", "failed"]


@dataclass(frozen=True)
class Cost:
    """What a simulation has cost.

    Parameters
    ----------
    seconds
        Wall time.
    memory
        Peak memory in bytes; 0 where it is not known.
    host
        Machine on which it ran.
    attempts
        What was tried, of a model that tells.
    """

    seconds: float = 0.0
    memory: int = 0
    host: str = ""
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Written:
    """What :meth:`SnapshotStore.write` leaves to be committed: hash of what reads back, and quantities."""

    content_hash: str
    quantities: Mapping[str, float]


@dataclass(frozen=True)
class SampleRecord:
    """One sample: where it stands in the parameter space, why it was planned, and what became of it.

    Parameters
    ----------
    identity
        SHA-256 of model, version and parameters, see :func:`sample_identity`.
    ensemble, row
        Where its snapshot is stored: folder of the ensemble, and row along its ``sample`` dimension.
    parameters
        Name to value.
    model, version
        The high-fidelity model.
    purpose
        Why it was planned. A sample planned twice keeps the first purpose and round.
    round
        Training round in which it was planned, from 0.
    outcome
        ``planned`` until its outcome is committed, then ``done`` or ``failed``.
    failure, reason
        Class of the failure and one sentence; empty unless failed.
    quantities
        Quantities of interest, name to value; empty unless done.
    seconds, memory, host
        Cost, see :class:`Cost`.
    content_hash
        Hash of the stored snapshot; empty unless done.
    created
        When it was planned, ISO 8601 in UTC.
    """

    identity: str
    ensemble: str
    row: int
    parameters: Mapping[str, float]
    model: str
    version: str
    purpose: Purpose
    round: int
    outcome: Outcome = "planned"
    failure: str = ""
    reason: str = ""
    quantities: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    memory: int = 0
    host: str = ""
    content_hash: str = ""
    created: str = ""

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value:g}" for name, value in self.parameters.items())
        return f"sample {self.identity[:8]} (row {self.row}; {values})"

    @property
    def short(self) -> str:
        """The beginning of its identity, for file names and messages."""
        return self.identity[:12]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, to travel between processes; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SampleRecord:
        """Inverse of :meth:`to_dict`."""
        return cls(**data)


def training_set_hash(records: Iterable[SampleRecord]) -> str:
    """Hash a training set: its samples' identities and contents, in whatever order they come."""
    lines = sorted(f"{record.identity} {record.content_hash}\n" for record in records)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
