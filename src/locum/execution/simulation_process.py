"""One simulation at a time in a process of its own.

The model is foreign code: it may hang, leak, print, or die by a signal. In its own process a hang ends at
the timeout and a crash is one failed sample with its reason; neither takes the study along. The process
builds the model once, then answers one line of JSON (a planned sample) with one line of JSON (its outcome),
and ends when the other side of the pipe closes, however that happens: no orphan survives a ``kill -9``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from locum.exceptions import LocumError, ModelError, SimulationError
from locum.execution.environment import single_threaded

STARTUP_LIMIT = 300.0


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
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _buffer: bytes = field(default=b"", init=False, repr=False)
    _ready: bool = field(default=False, init=False, repr=False)

    def start(self) -> None:
        """Start the process and return at once; it builds the model meanwhile."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "locum.execution.simulation_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=single_threaded(),
                start_new_session=True,
            )
        self._buffer, self._ready = b"", False
        self._send(self.study)

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
        if self._process is None or self._process.poll() is not None:
            self.start()
        if not self._ready:
            answer = self._receive(STARTUP_LIMIT, "the model was not ready after {:g} s")
            if "error" in answer:
                raise ModelError(answer["error"])
            self._ready = True
        self._send(json.dumps(sample))
        answer = self._receive(self.timeout, "took longer than the timeout of {:g} s")
        if "error" in answer:
            raise SimulationError(answer["error"], answer.get("failure", "storage"))
        return answer

    def stop(self) -> None:
        """End the process and whatever it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process = None

    def _send(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has died; receiving says how

    def _receive(self, limit: float | None, late: str) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = None if limit is None else time.monotonic() + limit
        while b"\n" not in self._buffer:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([descriptor], [], [], left)[0]:
                self.stop()
                raise SimulationError(late.format(limit), "timed out")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise self._died()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> SimulationError:
        assert self._process is not None
        status = self._process.wait()
        self.stop()
        how = f"signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"exit status {status}"
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

    def start_ahead(self) -> None:
        """Start them for whoever opens them later in this process; they build the model meanwhile."""
        _AHEAD[self] = self._started()

    @contextmanager
    def open(self) -> Iterator[list[SimulationProcess]]:
        """Those that were started ahead, or new ones; they end with the block."""
        processes = _AHEAD.pop(self, None) or self._started()
        try:
            yield processes
        finally:
            for process in processes:
                process.stop()

    def one(self) -> SimulationProcess:
        """One that starts when it is first asked."""
        return SimulationProcess(self.study, self.log, self.timeout)

    def _started(self) -> list[SimulationProcess]:
        processes = [self.one() for _ in range(self.count)]
        for process in processes:
            process.start()
        return processes


_AHEAD: dict[Processes, list[SimulationProcess]] = {}


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The side that answers: build the model, then run one sample a line until the requests end."""
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, lines), daemon=True).start()
    study = lines.get().decode()
    try:
        run = _runner(study)
    except LocumError as error:
        _answer(answers, {"error": str(error)})
        return
    _answer(answers, {"ready": True})
    while line := lines.get():
        _answer(answers, run(json.loads(line)))


def _listen(requests: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    """Pass requests on; when the asking side is gone, end at once, whatever the model is doing."""
    for line in requests:
        lines.put(line)
    os.killpg(0, signal.SIGKILL)


def _answer(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _runner(document: str) -> Any:
    import dask.array  # noqa: F401  xarray imports it for its first variable, which is no part of a simulation

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
    """Answer on the standard streams; whatever the model prints goes to standard error, which is a log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
