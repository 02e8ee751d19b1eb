"""Load a surrogate of any kind from its saved form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from locum.exceptions import StorageError
from locum.surrogates.inferred import InferredSurrogate
from locum.surrogates.interpolated import InterpolatedSurrogate
from locum.surrogates.projected import ProjectedSurrogate
from locum.surrogates.projected_evolution import ProjectedEvolution
from locum.surrogates.projected_nonlinear import ProjectedNonlinear
from locum.surrogates.saved import Saved, read_saved
from locum.surrogates.surrogate import Surrogate

_KINDS: Mapping[str, Callable[[Saved], Surrogate]] = {
    InterpolatedSurrogate.kind: InterpolatedSurrogate.from_saved,
    ProjectedSurrogate.kind: ProjectedSurrogate.from_saved,
    ProjectedEvolution.kind: ProjectedEvolution.from_saved,
    ProjectedNonlinear.kind: ProjectedNonlinear.from_saved,
    **dict.fromkeys(InferredSurrogate.kinds, InferredSurrogate.from_saved),
}


def load_surrogate(folder: Path) -> Surrogate:
    """Read what a surrogate's ``save`` wrote. Runs no code from the folder.

    Raises
    ------
    StorageError
        Nothing there, a newer format, an unknown kind, or a damaged file.
    """
    saved = read_saved(folder, "surrogate")
    if saved.kind not in _KINDS:
        raise StorageError(
            f"{folder / 'surrogate.json'}: kind {saved.kind!r} is unknown; expected {', '.join(_KINDS)}; "
            "update locum"
        )
    return _KINDS[saved.kind](saved)
