"""locum keeps a fast surrogate of an expensive simulation within a stated tolerance, by itself."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locum.errors import CheckedSurrogate

__version__ = "0.1.0"
__all__ = ["LocumError", "__version__", "load"]

from locum.exceptions import LocumError


def load(path: str, version: int | None = None) -> "CheckedSurrogate":
    """Load a checked surrogate: a saved version's folder, or a study's champion (or a given version).

    Parameters
    ----------
    path
        A study file, a study's folder, or the folder of one saved version.
    version
        Number of the version; the champion where it is left out.

    Returns
    -------
    CheckedSurrogate
        Answers with ``predict(parameters)``.

    Raises
    ------
    StorageError, RegistryError
        When nothing is there, or it was written by a newer format. Loading never runs code.
    """
    from locum.study import load_surrogate

    return load_surrogate(path, version)


def __getattr__(name: str) -> Any:
    if name == "Study":
        from locum.study import Study

        return Study
    if name == "Client":
        from locum.service.client import Client

        return Client
    raise AttributeError(f"module 'locum' has no attribute {name!r}")
