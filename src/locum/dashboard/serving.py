"""The dashboard's server: which page stands where.

Everything that a page loads comes from this server: it works where there is no way to the internet.
"""

from __future__ import annotations

import errno
import logging
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
from panel.io.server import get_server

from locum.dashboard.explore import explore_page
from locum.dashboard.guard import LOGIN_FROM_BELOW, Guard, KeyLogin
from locum.dashboard.overview import overview
from locum.dashboard.queries_page import queries_page
from locum.dashboard.study_page import study_page
from locum.dashboard.watched import WatchedStudy
from locum.exceptions import StudyError

Page = Callable[[WatchedStudy, Guard], Any]

_PAGES: Mapping[str, Page] = {"": study_page, "/explore": explore_page, "/queries": queries_page}


def pages(studies: Mapping[str, WatchedStudy], guard: Guard) -> dict[str, Callable[[], Any]]:
    """Every page by its address."""
    found: dict[str, Callable[[], Any]] = {"/": lambda: overview(studies)}
    for name, study in studies.items():
        for way, page in _PAGES.items():
            found[f"/studies/{name}{way}"] = _page_of(page, study, guard)
    return found


def _page_of(page: Page, study: WatchedStudy, guard: Guard) -> Callable[[], Any]:
    return lambda: page(study, guard)


def serve(
    studies: Mapping[str, WatchedStudy],
    host: str,
    port: int,
    guard: Guard,
    started: Callable[[str], None],
) -> None:
    """Serve the pages until interrupted.

    Parameters
    ----------
    host, port
        Where; port 0 takes one that is free.
    guard
        Who may do what.
    started
        Told the first page's address once it answers.

    Raises
    ------
    StudyError
        The address or the port cannot be used.
    """
    pn.extension()
    sys.setswitchinterval(1e-3)  # threads take turns often: drawing must not hold up a slider
    options: dict[str, Any] = {}
    if guard.path is not None:
        # under whatever name it is reached: the login's cookie comes with requests of its own pages only
        logging.getLogger("bokeh.server.util").setLevel(logging.ERROR)
        options = {
            "auth_provider": KeyLogin(guard),
            "cookie_secret": secrets.token_urlsafe(32),
            "websocket_origin": ["*"],
            "extra_patterns": [LOGIN_FROM_BELOW],
        }
    try:
        server = get_server(pages(studies, guard), port=port, address=host, title="locum", **options)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StudyError(f"--host {host} --port {port}: {error.strerror}") from error
        raise StudyError(f"--port {port}: another program listens there; choose another port") from error
    server.start()
    started(f"http://{host}:{server.port}/")
    server.io_loop.start()
