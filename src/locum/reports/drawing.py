"""The sections of a report that show evidence, drawn by two processes where there is a second one.

Nearly all the time that a report takes is drawing. The second process is an interpreter of its own, since a
fork would not survive the threads of a run. It takes as long to start as half of the pictures take to draw:
so it is started ahead, while the last simulations run, and without it everything is drawn here. The report
goes to it through a pipe that only these two hold, in the form of :mod:`multiprocessing`; no file is read.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe

from locum.execution.environment import python, single_threaded
from locum.reports import evidence
from locum.reports.content import Report
from locum.reports.html import Markup

SECTIONS = ("fields", "history", "parameter_map", "coverage", "parity", "bases")
"""Functions of :mod:`locum.reports.evidence`, in the order in which they are drawn: the longest first."""

_READY: list[Connection] = []


def has_helper() -> bool:
    """Whether a second process waits for the next report."""
    return bool(_READY)


@contextmanager
def helper_ahead() -> Iterator[None]:
    """Start a second process, which draws its share of the next report within the block."""
    ours, theirs = Pipe()
    process = subprocess.Popen(
        python("-m", "locum.reports.drawing", str(theirs.fileno())),
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=single_threaded(),
        start_new_session=True,
    )
    theirs.close()
    _READY.append(ours)
    try:
        yield
    finally:
        if ours in _READY:
            _READY.remove(ours)
        ours.close()
        process.kill()
        process.wait()


def drawn(report: Report) -> dict[str, Markup]:
    """Every section of :data:`SECTIONS`; what the second process did not draw is drawn here."""
    found: dict[str, Markup] = {}
    waiting = iter(SECTIONS)

    def take(draw: Callable[[str], Markup]) -> None:
        for name in waiting:
            found[name] = draw(name)

    def here(name: str) -> Markup:
        section: Markup = getattr(evidence, name)(report)
        return section

    def beside() -> None:
        with suppress(OSError, EOFError), _READY.pop() as helper:

            def there(name: str) -> Markup:
                helper.send(name)
                section: Markup = helper.recv()
                return section

            helper.recv()  # it is ready
            helper.send(report)
            take(there)

    thread = threading.Thread(target=beside, name="drawing") if has_helper() else None
    if thread is not None:
        thread.start()
    take(here)
    if thread is not None:
        thread.join()
    return {name: found[name] if name in found else here(name) for name in SECTIONS}


def main() -> None:
    """Draw sections of the report that is sent first, until the other side closes."""
    with suppress(EOFError), Connection(int(sys.argv[1])) as asked:
        asked.send("ready")
        report = asked.recv()
        while True:
            asked.send(getattr(evidence, asked.recv())(report))


if __name__ == "__main__":
    main()
