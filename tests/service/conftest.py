"""Real servers on free ports, in a thread each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from locum.service.application import create_app
from locum.service.options import Options

LIMIT = 300  # seconds, for a busy machine
QUIET = Options(retrain=False, audit_share=0.0)
HERE = {"x": 0.4, "y": 0.5}


@contextmanager
def _serving(study: Path, **options: Any) -> Iterator[httpx.Client]:
    """A server in a thread, and a client of it; ``client.service`` is what it serves with."""
    app = create_app([study], replace(QUIET, **options))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="error", access_log=False, timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _wait_for(lambda: server.started or not thread.is_alive())
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=LIMIT, trust_env=False) as client:
            client.service = app.state.service  # type: ignore[attr-defined]
            yield client
    finally:
        server.should_exit = True
        thread.join(LIMIT)
    assert not thread.is_alive()


@pytest.fixture
def serve(finished_study: Path) -> Iterator[Callable[..., httpx.Client]]:
    """Serve a copy of the finished study with some options, until the test's end."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(_serving(finished_study, **options))


@pytest.fixture(scope="module")
def server(first_run: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server for the tests of a module that leave the study as it is."""
    import shutil

    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(first_run[0], folder, dirs_exist_ok=True)
    with _serving(folder / "wave.yaml") as client:
        yield client


def _wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


def _predict(client: httpx.Client, parameters: Any = HERE, **wanted: Any) -> httpx.Response:
    headers = wanted.pop("headers", {})
    return client.post(
        "/v1/surrogates/wave:predict", json={"parameters": parameters, **wanted}, headers=headers
    )


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """Serve a study with some options while a block runs: ``with serving(study, **options) as client``."""
    return _serving


@pytest.fixture(scope="session")
def predict() -> Callable[..., httpx.Response]:
    """Ask a client of the study ``wave``: ``predict(client, parameters, **wanted)``."""
    return _predict


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """Wait for a condition; what it gives once it is true."""
    return _wait_for
