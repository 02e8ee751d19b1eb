"""Studies behind HTTP until somebody stops it."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from locum.exceptions import LocumError, ParameterError
from locum.service.application import create_app
from locum.service.options import Options

FAREWELL = 30  # seconds that requests have to end in
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")


class Server(uvicorn.Server):
    """Says where it serves as soon as it does."""

    async def startup(self, sockets: Any = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"locum serves at http://{shown}:{port} (Ctrl-C ends it)", file=sys.stderr, flush=True)


def serve(paths: Sequence[Path], host: str, port: int, options: Options) -> None:
    """Serve studies until a signal; requests that have begun are finished.

    Parameters
    ----------
    paths
        Study files.
    host, port
        Where to listen.
    options
        How the service runs.

    Raises
    ------
    ParameterError
        Without keys the service is for this machine only, and ``host`` is not.
    LocumError
        A study that cannot be served, or a port that is taken.
    """
    if options.keys is None:
        if not is_loopback(host):
            raise ParameterError(
                f"--host {host}: others could reach the service; make keys with `locum keys add` and name "
                "their file with --keys, or serve on 127.0.0.1"
            )
        options = replace(options, hosts=_LOCAL_NAMES)  # no foreign page may come in by a name of its own
    app = create_app(paths, options)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=FAREWELL,
    )
    server = Server(config)
    try:
        server.run()
    except SystemExit as end:  # of uvicorn, which has said why
        raise LocumError(f"cannot serve at {host}, port {port}; is it taken?") from end


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
