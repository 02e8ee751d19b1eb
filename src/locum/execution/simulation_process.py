"""One simulation at a time in a process of its own.

The model is foreign code: it may hang, leak, print, or die by a signal. In its own process a hang ends at
the timeout and a crash is one failed sample with its reason; neither takes the study along. The process is
told its study and where to print, builds the model once, then answers one line of JSON (a planned sample)
with one line of JSON (its outcome). It ends when the other side of the pipe closes, however that happens: no
orphan survives a ``kill -9``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from locum.exceptions import LocumError, ModelError, SimulationError
from locum.execution.child_process import Child, Forked, can_fork, end, kill, spawned
from locum.execution.environment import import_in_background, importing

STARTUP_LIMIT = 300.0
_GLANCE = 1.0  # seconds; a process that died leaves its pipe open where it had forked


@dataclass
class SimulationProcess:
    """The side that asks: starts the process when needed, and again after it died.

    Parameters
    ----------
    study
        The study as one JSON document, as :meth:`locum.study.Study.to_json` writes it.
    log
        File that collects what the model prints.
    timeout
        Seconds a simulation may take; None for no limit.
    """

    study: str
    log: Path
    timeout: float | None = None
    _begun: dict[str, Any] | None = field(default=None, init=False, repr=False)
    _process: Child | None = field(default=None, init=False, repr=False)
    _buffer: bytes = field(default=b"", init=False, repr=False)
    _ready: bool = field(default=False, init=False, repr=False)

    def start(self) -> None:
        """Start the process, or take a warm one, and return at once; it builds the model meanwhile."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        self._process = _WARM.pop() if _WARM else spawned(__name__)
        self._begun, self._buffer, self._ready = None, b"", False
        path = [os.path.abspath(folder) for folder in sys.path]  # the model may be a module
        self._send({"study": self.study, "log": str(self.log), "path": path})

    def begin(self, sample: dict[str, Any]) -> None:
        """Begin to run one planned sample, and return at once; :meth:`run` of it waits for the outcome."""
        if self._process is None:
            self.start()
        self._begun = sample
        self._send(sample)

    @property
    def begun(self) -> str | None:
        """Identity of the sample that runs though nobody waits for it yet."""
        return None if self._begun is None else str(self._begun["identity"])

    def run(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Run one planned sample to its committed outcome.

        Returns
        -------
        dict
            ``outcome``, and what the process measured.

        Raises
        ------
        SimulationError
            Timed out or killed: the process is gone and nothing was committed.
        ModelError
            The process could not build the model.
        """
        if self._begun is not None and self.begun != sample["identity"]:
            with suppress(SimulationError):  # whoever waits for that one will run it again, and be told
                self.run(self._begun)
        runs = self._begun is not None
        if self._process is None or (not runs and self._process.poll() is not None):
            self.start()
        if not self._ready:
            answer = self._receive(STARTUP_LIMIT, "the model was not ready after {:g} s")
            if "error" in answer:
                raise ModelError(answer["error"])
            self._ready = True
        if not runs:
            self._send(sample)
        self._begun = None
        answer = self._receive(self.timeout, "took longer than the timeout of {:g} s")
        if "error" in answer:
            raise SimulationError(answer["error"], answer.get("failure", "storage"))
        return answer

    def stop(self) -> None:
        """End the process and whatever it started."""
        if self._process is not None:
            end(self._process)
        self._process, self._begun = None, None

    def kill(self) -> None:
        """Kill the process and whatever it started, while another thread waits for it perhaps."""
        if (process := self._process) is not None:
            kill(process)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has died; receiving says how

    def _receive(self, limit: float | None, late: str) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = None if limit is None else time.monotonic() + limit
        while b"\n" not in self._buffer:
            left = _GLANCE if deadline is None else max(0.0, min(_GLANCE, deadline - time.monotonic()))
            readable = bool(select.select([descriptor], [], [], left)[0])
            chunk = os.read(descriptor, 1 << 16) if readable else b""
            self._buffer += chunk
            if not chunk and (readable or self._process.poll() is not None):
                raise self._died()
            if not chunk and deadline is not None and time.monotonic() >= deadline:
                self.stop()
                raise SimulationError(late.format(limit), "timed out")
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> SimulationError:
        assert self._process is not None
        status = self._process.wait()
        self.stop()
        how = f"exit status {status}"
        if status < 0:
            names = [each.name for each in signal.Signals if each == -status]  # not all have one
            how = f"signal {-status}" + (f" ({names[0]})" if names else "")
        return SimulationError(
            f"the simulation's process ended by {how}; what it printed is in {self.log}", "killed"
        )


@dataclass(frozen=True)
class Processes:
    """How many simulation processes a study has, and what each is started with, see `SimulationProcess`."""

    count: int
    study: str
    log: Path
    timeout: float | None

    @contextmanager
    def open(self) -> Iterator[list[SimulationProcess]]:
        """Start them; they build the model meanwhile, and end with the block."""
        processes = [self.one() for _ in range(self.count)]
        try:
            for process in processes:
                process.start()
            yield processes
        finally:
            for process in processes:
                process.stop()

    def one(self) -> SimulationProcess:
        """One that starts when it is first asked."""
        return SimulationProcess(self.study, self.log, self.timeout)


_WARM: list[Child] = []


@contextmanager
def warm_processes(count: int) -> Iterator[None]:
    """Start processes for whoever needs one within the block; they have or import what simulations need.

    To be called before a catalogue is open: a fork would take SQLite's locks along.
    """
    if can_fork():
        import_for_simulations()
    _WARM.extend(Forked(main) if can_fork() else spawned(__name__) for _ in range(count))
    try:
        yield
    finally:
        while _WARM:
            end(_WARM.pop())


def import_for_simulations() -> None:
    """Import what every simulation needs, its model excepted."""
    with importing():
        import_module("locum.execution.simulate")


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The side that answers: build the model, then run one sample a line until the requests end.

    Whatever the model prints goes into the log.
    """
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, lines), daemon=True).start()
    import_for_simulations()
    import_in_background("dask.array")  # by xarray, for its first variable
    given = json.loads(lines.get())
    sys.path += [folder for folder in given["path"] if folder not in sys.path]
    log = os.open(given["log"], os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    try:
        run = _runner(given["study"])
    except LocumError as error:
        _answer(answers, {"error": str(error)})
        return
    _answer(answers, {"ready": True})
    process = os.getpid()
    while line := lines.get():
        answer = run(json.loads(line))
        if os.getpid() != process:  # the model has forked, and this is the copy that it forgot to end
            os._exit(0)
        _answer(answers, answer)


def _listen(requests: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    """Pass requests on; when the asking side is gone, end at once, whatever the model is doing."""
    for line in requests:
        lines.put(line)
    os.killpg(0, signal.SIGKILL)


def _answer(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _runner(document: str) -> Any:
    from locum.execution.simulate import Simulator
    from locum.study import Study, build_model

    study = Study.from_json(document)
    model = build_model(study)

    @cache
    def simulator() -> Simulator:  # the store need not be there before the first sample is
        return Simulator.for_study(study, model)

    def run(sample: dict[str, Any]) -> dict[str, Any]:
        try:
            return simulator().run(sample)
        except LocumError as error:
            return {"error": str(error), "failure": getattr(error, "failure", "storage")}
        except OSError as error:
            return {"error": f"could not store the sample: {error}", "failure": "storage"}

    return run


def main() -> None:
    """Answer on the standard streams; nothing else is printed there, and the model reads nothing there."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    serve(requests, answers)


if __name__ == "__main__":
    main()
