"""The Prefect server that flows run on: the one that is set, or Prefect's embedded one on a leash.

Prefect starts its embedded server as a plain child process. A ``kill -9`` of the parent would leave it behind
for good, and Ctrl-C in a terminal would end it before the flow could say its last word to it. Here it has a
session of its own, and ends when the other side of its standard input closes, however that happens.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from typing import IO, Any
from urllib.request import urlopen

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import get_current_settings

from locum.exceptions import LocumError

REPLY_LIMIT = 30.0  # seconds


class EmbeddedServer(SubprocessASGIServer):
    """Prefect's embedded server on a leash. Once there is one, Prefect uses it instead of its own."""

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        ephemeral = {
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "locum.execution.prefect_server", str(self.port)],
            stdin=subprocess.PIPE,
            env={**os.environ, **ephemeral, **settings},
            start_new_session=True,
        )


def ensure_server() -> None:
    """Reach the server that is set (``PREFECT_API_URL`` or Prefect's profile), or start the embedded one.

    Raises
    ------
    LocumError
        It does not answer.
    """
    url = get_current_settings().api.url
    try:
        if url is None:
            EmbeddedServer().start()
        else:
            urlopen(f"{url}/health", timeout=REPLY_LIMIT).close()
    except Exception as error:  # of several libraries, none of them ours
        which = f"the Prefect server at {url}" if url else "Prefect's embedded server"
        advice = "start it, or unset PREFECT_API_URL" if url else "set PREFECT_API_URL to one that runs"
        raise LocumError(f"{which} does not answer ({error}); {advice}") from error


def _end_with(parent: IO[bytes]) -> None:
    """End this process when nobody holds the other side of the pipe any more."""
    parent.read()
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
