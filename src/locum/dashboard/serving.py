"""The dashboard's server: which page stands where, and who may look at it.

Everything that a page loads comes from this server: it works where there is no way to the internet.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from locum.dashboard.explore import explore_page
from locum.dashboard.overview import overview
from locum.dashboard.study_page import study_page
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import StudyError


def pages(studies: Mapping[str, WatchedStudy]) -> dict[str, Callable[[], Any]]:
    """Every page by its address."""
    found: dict[str, Callable[[], Any]] = {"/": lambda: overview(studies)}
    for name, study in studies.items():
        found[f"/studies/{name}"] = _page_of(study_page, study)
        found[f"/studies/{name}/explore"] = _page_of(explore_page, study)
    return found


def _page_of(page: Callable[[WatchedStudy], Any], study: WatchedStudy) -> Callable[[], Any]:
    return lambda: page(study)


def refuse_open_address(address: str) -> None:
    """Refuse to show the dashboard to other machines.

    Raises
    ------
    StudyError
        The address is not one of this machine's own (loopback).
    """
    try:
        own = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        own = False
    if not own:
        raise StudyError(
            f"--address {address}: the dashboard starts simulations and promotes surrogates for whoever sees "
            "it, so it is shown on this machine only; use 127.0.0.1, and from elsewhere an SSH tunnel: "
            "ssh -L 5006:127.0.0.1:5006 HOST"
        )


def serve(
    studies: Mapping[str, WatchedStudy],
    address: str,
    port: int,
    started: Callable[[str], None],
) -> None:
    """Serve the pages until interrupted.

    Parameters
    ----------
    address, port
        Where; port 0 takes one that is free.
    started
        Told the first page's address once it answers.

    Raises
    ------
    StudyError
        The port is taken, or the address is not this machine's.
    """
    refuse_open_address(address)
    pn.extension()
    pn.config.browser_info = False
    try:
        server = pn.io.server.get_server(
            pages(studies), port=port, address=address, start=False, show=False, title="locum", liveness=True
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StudyError(f"--address {address} --port {port}: {error.strerror}") from error
        raise StudyError(f"--port {port}: another program listens there; choose another port") from error
    server.start()
    started(f"http://{address}:{server.port}/")
    server.io_loop.start()
