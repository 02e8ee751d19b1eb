"""The Prefect server that flows run on: the one that is set, or an embedded one on a leash.

Prefect would start an embedded server of its own as a plain child process. A ``kill -9`` of the parent would
leave it behind for good, and Ctrl-C in a terminal would end it before the flow could say its last word to it.
Ours has a session of its own, and ends when the other side of its standard input closes, however that
happens. It starts while the parent imports what the flow needs.
"""

from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO
from urllib.request import urlopen

from locum.exceptions import LocumError
from locum.execution.environment import python

REPLY_LIMIT, FAREWELL = 30.0, 10.0  # seconds
_EMBEDDED = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


@dataclass(frozen=True)
class PrefectServer:
    """A Prefect server and, if it is embedded, its process and the seconds that it may take to start."""

    url: str
    process: subprocess.Popen[bytes] | None = None
    limit: float = 0.0

    @property
    def embedded(self) -> bool:
        """Whether it is ours, and perhaps still starts."""
        return self.process is not None

    def wait(self) -> None:
        """Wait until it answers.

        Raises
        ------
        LocumError
            It does not answer.
        """
        deadline = time.monotonic() + self.limit
        while True:
            try:
                urlopen(f"{self.url}/health", timeout=REPLY_LIMIT).close()
                return
            except (OSError, ValueError) as error:
                self._refuse_unless_starting(error, deadline)
            time.sleep(0.05)

    def _refuse_unless_starting(self, error: Exception, deadline: float) -> None:
        if self.process is None:
            raise LocumError(
                f"the Prefect server at {self.url} does not answer ({error}); "
                "start it, or unset PREFECT_API_URL"
            ) from error
        if self.process.poll() is not None or time.monotonic() > deadline:
            raise LocumError(
                f"Prefect's embedded server does not answer ({error}); set PREFECT_API_URL to one that runs"
            ) from error


def reach_server() -> PrefectServer:
    """Find the server that is set (``PREFECT_API_URL`` or Prefect's profile), or start an embedded one.

    From here on Prefect uses it, in this process and in those it starts.
    """
    if url := os.environ.get("PREFECT_API_URL"):  # first of all for Prefect too, which takes long to import
        return PrefectServer(url)
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url is not None:
        return PrefectServer(settings.api.url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = settings.to_environment_variables(exclude_unset=True)
    process = subprocess.Popen(
        python("-m", "locum.execution.prefect_server", str(port)),
        stdin=subprocess.PIPE,
        env={**os.environ, **_EMBEDDED, **given},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/api"
    os.environ["PREFECT_API_URL"] = url
    refresh_global_settings_context()
    return PrefectServer(url, process, settings.server.ephemeral.startup_timeout_seconds)


def _end_with(parent: IO[bytes]) -> None:
    """End this process when nobody holds the other side of the pipe any more."""
    parent.read()
    os.kill(os.getpid(), signal.SIGTERM)  # uvicorn finishes what it was told
    time.sleep(FAREWELL)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Serve on the port that is given, as Prefect's own command does."""
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    where = ["--host", "127.0.0.1", "--port", sys.argv[1]]
    quietly = ["--log-level", "error", "--lifespan", "on"]
    sys.argv = ["uvicorn", *where, *quietly, "--factory", "prefect.server.api.server:create_app"]
    runpy.run_module("uvicorn", run_name="__main__")


if __name__ == "__main__":
    main()
