"""The routes of ``/v1``: what is served, predictions, versions, and health."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from locum.queries import Scope
from locum.service import documents as told
from locum.service.asked import PredictRequest, PromoteRequest, RollbackRequest
from locum.service.describing import (
    mesh_document,
    monitoring_document,
    surrogate_document,
    versions_document,
)
from locum.service.formats import ARROW, NPY, ZARR
from locum.service.jobs import find_job, simulated_fields
from locum.service.predicting import predict
from locum.service.problems import MEDIA_TYPE, ProblemDocument
from locum.service.service import Service

router = APIRouter(prefix="/v1")
health = APIRouter()
PREDICT = "/v1/surrogates/{name}:predict"
_BEARER = HTTPBearer(auto_error=False, description="An API key, as `locum keys add` makes it.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse with, for the OpenAPI document."""
    schema = ProblemDocument.model_json_schema()
    return {
        status: {"description": "Problem details (RFC 9457).", "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (401, 403, 429, *statuses)
    }


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """A body that a route reads by itself, for the OpenAPI document: without references of its own."""
    schema = model.model_json_schema()
    known = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return resolved(known[part["$ref"].rpartition("/")[2]])
            return {key: resolved(value) for key, value in part.items()}
        return [resolved(each) for each in part] if isinstance(part, list) else part

    content = {"application/json": {"schema": resolved(schema)}}
    return {"requestBody": {"required": True, "content": content}}


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


class Allowed:
    """Lets a request in whose key has a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request, _: Annotated[Any, Depends(_BEARER)]) -> str:
        """Who asks."""
        return service_of(request).guard.admit(request, self.scope)


TheService = Annotated[Service, Depends(service_of)]
Reader = Annotated[str, Depends(Allowed(Scope.READ))]
Promoter = Annotated[str, Depends(Allowed(Scope.PROMOTE))]


@router.get("/surrogates", responses=problems())
async def surrogates(service: TheService, _: Reader) -> told.SurrogateList:
    """All surrogates that are served."""
    return told.SurrogateList(
        surrogates=[
            told.SurrogateSummary(
                name=name,
                description=served.work.study.description,
                version=served.current.loaded.number if served.current else None,
                ready=served.current is not None,
            )
            for name, served in service.studies.items()
        ]
    )


@router.get("/surrogates/{name}", responses=problems(404, 503))
async def surrogate(service: TheService, name: str, _: Reader) -> told.SurrogateDocument:
    """What a surrogate is asked, what it answers, and where it is believed."""
    return surrogate_document(service.study(name))


@router.get("/surrogates/{name}/mesh", responses=problems(404, 503))
async def mesh(service: TheService, name: str, _: Reader) -> told.MeshDocument:
    """Nodes and cells on which fields are answered, and the saved times."""
    return mesh_document(service.study(name).champion.loaded)


@router.get("/surrogates/{name}/versions", responses=problems(404, 503))
async def versions(service: TheService, name: str, _: Reader) -> told.VersionList:
    """All trained versions, and which one answers."""
    return await asyncio.to_thread(versions_document, service.study(name))


@router.post(
    PREDICT.removeprefix(router.prefix),
    response_class=Response,
    dependencies=[Depends(_BEARER)],
    responses={
        200: {
            "description": "The answer.",
            "model": told.AnswerDocument,
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in (NPY, ARROW, ZARR)
            },
        },
        202: {"description": "The answer, and a job that simulates.", "model": told.AnswerDocument},
        **problems(404, 406, 409, 413, 415, 422, 503),
    },
    openapi_extra=body_of(PredictRequest),
)
async def documented_prediction(request: Request, name: str) -> Response:
    """Ask for one or many parameter sets: quantities of interest, error figures and verdicts; fields too."""
    return await prediction(request)


async def prediction(request: Request) -> Response:
    """Answer a prediction. The route above documents it; this one is reached without FastAPI's own work,
    which takes longer than the answer.
    """
    return await predict(request.app.state.service, request.path_params["name"], request)


@router.post("/surrogates/{name}:promote", responses=problems(404, 409, 422, 503))
async def promote(
    service: TheService, name: str, wanted: PromoteRequest, _: Promoter
) -> told.ChampionDocument:
    """Make a version the champion, if the champion is still the one that the caller saw."""
    served = service.study(name)
    await served.version(wanted.version)  # one that cannot be loaded is not promoted
    await asyncio.to_thread(served.work.registry.promote, wanted.version, wanted.expected)
    await asyncio.to_thread(served.refresh)
    return told.ChampionDocument(champion=wanted.version)


@router.post("/surrogates/{name}:rollback", responses=problems(404, 409, 422, 503))
async def rollback(
    service: TheService, name: str, wanted: RollbackRequest, _: Promoter
) -> told.ChampionDocument:
    """Make the champion before the present one champion again."""
    served = service.study(name)
    champion = await asyncio.to_thread(served.work.registry.rollback, wanted.expected)
    await asyncio.to_thread(served.refresh)
    return told.ChampionDocument(champion=champion)


@router.get("/surrogates/{name}/monitoring", responses=problems(404, 422, 503))
async def monitoring(
    service: TheService, name: str, _: Reader, hours: Annotated[float, Query(gt=0, le=24 * 366)] = 24.0
) -> told.MonitoringDocument:
    """What has been asked lately, how it drifts, and what followed."""
    served, relay = service.study(name), service.relays[name]
    return await asyncio.to_thread(monitoring_document, served, relay.why, 3600 * hours)


@router.get("/jobs/{job}", responses=problems(404, 503))
async def job(service: TheService, job: str, _: Reader) -> told.JobDocument:
    """How far the real simulations are that a query asked for, and what came out."""
    found = await asyncio.to_thread(find_job, service, job)
    return told.JobDocument.model_validate(found[1])


@router.get(
    "/jobs/{job}/fields",
    response_class=Response,
    responses={200: {"content": {ZARR: {"schema": {"type": "string"}}}}, **problems(404, 409, 503)},
)
async def job_fields(service: TheService, job: str, _: Reader) -> Response:
    """What the simulations of a job gave, fields and all, as a zipped Zarr store."""
    served, document = await asyncio.to_thread(find_job, service, job)
    content = await service.large.run(lambda: simulated_fields(served, document))
    return Response(content, media_type=ZARR)


@health.get("/health/live")
async def live() -> told.HealthDocument:
    """Whether the service lives."""
    return told.HealthDocument(status="alive")


@health.get("/health/ready", responses={503: {"model": told.HealthDocument}})
async def ready(service: TheService, response: Response) -> told.HealthDocument:
    """Whether every surrogate has a version that answers."""
    if not service.ready:
        response.status_code = 503
    return told.HealthDocument(
        status="ready" if service.ready else "not ready",
        surrogates={
            name: served.current.loaded.number if served.current else None
            for name, served in service.studies.items()
        },
    )
