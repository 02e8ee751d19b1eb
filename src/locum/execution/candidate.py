"""A registered version with its surrogate: candidate or champion."""

from __future__ import annotations

from dataclasses import dataclass

from locum.errors import CheckedSurrogate
from locum.registry import Version


@dataclass(frozen=True, eq=False)
class Candidate:
    """A version, and what it answers with."""

    version: Version
    checked: CheckedSurrogate

    @classmethod
    def load(cls, version: Version) -> Candidate:
        """Load the surrogate of a version.

        Raises
        ------
        StorageError
            Its folder is gone or damaged.
        """
        return cls(version, CheckedSurrogate.load(version.folder))

    def comparable(self, other: Candidate) -> bool:
        """Whether both were trained for the same study and model, so that their errors mean the same."""
        mine, its = self.version, other.version
        return (mine.study_hash, mine.model_version) == (its.study_hash, its.model_version)
