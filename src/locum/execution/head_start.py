"""What a study begins with before its flow is there: importing Prefect takes as long as some simulations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from locum.execution.sampling import calibration_to_run
from locum.execution.surrogate_choice import foreseen
from locum.execution.workspace import opened_ahead


@contextmanager
def head_start(path: str | Path, overrides: Sequence[str] = (), *, quiet: bool = False) -> Iterator[None]:
    """Open a study before its flow does and, where it is new, begin to simulate.

    Importing Prefect takes as long as starting a cluster. So the calibration simulations run meanwhile, which
    are the same whatever the surrogate; where to settle its kind takes simulations, they wait for the flow.

    Raises
    ------
    StudyError, ModelError, StorageError
        As :func:`locum.execution.workspace.open_workspace` does.
    """
    with opened_ahead(path, overrides, quiet=quiet) as work:
        if not work.samples():
            if foreseen(work.study, work.model).by_equations:
                work.start_cluster()
            else:
                work.begin(calibration_to_run(work))
        yield
