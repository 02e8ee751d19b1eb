"""The application: routes, problems, and what runs beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from prometheus_client import generate_latest
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from locum import __version__
from locum.queries import Scope
from locum.service import inference_protocol
from locum.service.body_limit import BodyLimit
from locum.service.examples import add_examples
from locum.service.options import Options
from locum.service.problems import answer_problems
from locum.service.routes import PREDICT, health, prediction, router
from locum.service.service import Service


def create_app(paths: Sequence[Path], options: Options | None = None) -> FastAPI:
    """Make the application that serves studies.

    Parameters
    ----------
    paths
        Study files that have been run.
    options
        How it runs.

    Raises
    ------
    LocumError
        A study that cannot be served.
    """
    options = options or Options()
    service = Service(paths, options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="locum",
        version=__version__,
        description="Surrogates of expensive simulations: every answer with its error figure and verdict.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.router.routes.insert(0, Route(PREDICT, prediction, methods=["POST"]))
    answer_problems(app)
    app.include_router(router)
    app.include_router(inference_protocol.router)
    app.include_router(health)
    app.add_middleware(BodyLimit, limit=options.limits.body)
    if options.hosts is not None:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(options.hosts), www_redirect=False)

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        service.guard.admit(request, Scope.READ)
        service.measure()
        return Response(generate_latest(service.metrics.registry), media_type="text/plain; version=0.0.4")

    spaces = {name: served.work.space for name, served in service.studies.items()}
    add_examples(app.openapi(), spaces)  # FastAPI keeps the document that it has made
    return app
