"""The errors that a user can act on: one small tree, one clear sentence each.

A message says where the fault lies (file, key, sample, number), what was expected, and what to do.
"""

from typing import Literal, get_args

Failure = Literal[
    "did not start",  # no such program, or input that it could not be given
    "refused",  # by a licence, say
    "diverged",
    "not converged",
    "timed out",
    "killed",
    "error",  # the program says that it failed
    "output missing",
    "output malformed",
    "disk full",
    "raised",  # by a model in Python
    "not finite",
    "shape",  # another mesh, other times, fields or units than the other samples
]
"""Classes of failures of one simulation."""

FAILURES: tuple[str, ...] = get_args(Failure)


class LocumError(Exception):
    """Something a user can act on; commands print it as one sentence and exit with status 2."""


class StudyError(LocumError):
    """A study file that cannot be read, understood or combined with its folder."""


class ParameterError(LocumError):
    """Parameter values that are missing, misspelt, not finite or of the wrong shape."""


class ModelError(LocumError):
    """A high-fidelity model that cannot be imported or does not keep its contract."""


class SimulationError(LocumError):
    """One simulation that failed. It is recorded with its reason and the study goes on.

    Parameters
    ----------
    reason
        One sentence: what went wrong.
    failure
        Class of the failure, one of :data:`Failure`; or ``storage``, which is no failure of the sample.
    """

    def __init__(self, reason: str, failure: str = "raised") -> None:
        super().__init__(reason)
        self.reason = reason
        self.failure = failure

    def __reduce__(self) -> tuple[type["SimulationError"], tuple[str, str]]:
        """Keep both arguments when the error travels between processes."""
        return type(self), (self.reason, self.failure)


class StorageError(LocumError):
    """An ensemble, catalogue or saved surrogate that cannot be read or written, or does not belong here."""


class FitError(LocumError):
    """A fit that failed; it tells what was tried. Nothing that existed before has changed."""


class RegistryError(LocumError):
    """A promotion or rollback that was refused, or a version that does not exist."""
