"""The Open Inference Protocol (``/v2``), so that clients that speak it need nothing new.

A model is a surrogate. Its inputs are one FP64 (or FP32) tensor for each parameter, of shape [n] or [n, 1];
its outputs the quantities of interest, an error figure for each output, the domain and the verdict. Protocol:
https://github.com/open-inference/open-inference-protocol (rest). In JSON an infinite figure is null; tensors
may travel as bytes instead.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from pydantic import Field

from locum import __version__
from locum.queries import Scope
from locum.service.answering import Together
from locum.service.documents import Document
from locum.service.predicting import answered, keep
from locum.service.problems import Problem
from locum.service.routes import Reader, TheService, body_of, problems
from locum.service.service import Service
from locum.service.tensors import (
    BINARY,
    EXTENSION,
    InferRequest,
    infer_response,
    input_values,
    output_tensors,
    read_infer,
)

router = APIRouter(prefix="/v2")
PLATFORM = "locum"


class TensorDocument(Document):
    """What is known of a tensor."""

    name: str
    datatype: str
    shape: list[int]


class InferredTensor(TensorDocument):
    """A tensor with its values."""

    data: list[float | bool | str | None] | None = None
    """Left out where it follows as bytes; ``parameters`` then says how many."""
    parameters: dict[str, int] = Field(default={})


class InferDocument(Document):
    """What a model infers; ``parameters`` says on what the figures rest."""

    model_name: str
    model_version: str
    id: str
    parameters: dict[str, Any]
    outputs: list[InferredTensor]


class ServerDocument(Document):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class ModelDocument(Document):
    """A model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorDocument]
    outputs: list[TensorDocument]


class LiveDocument(Document):
    """Whether the server lives."""

    live: bool


class ReadyDocument(Document):
    """Whether something is ready."""

    ready: bool


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": InferDocument, "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}},
    **problems(404, 413, 415, 422, 503),
}


@router.get("", responses=problems())
async def server(_: Reader) -> ServerDocument:
    """Name and version of the server."""
    return ServerDocument(name="locum", version=__version__, extensions=[EXTENSION])


@router.get("/health/live")
async def live() -> LiveDocument:
    """Whether the server lives."""
    return LiveDocument(live=True)


@router.get("/health/ready", responses={503: {"model": ReadyDocument}})
async def ready(service: TheService, response: Response) -> ReadyDocument:
    """Whether every model has a version that answers."""
    response.status_code = 200 if service.ready else 503
    return ReadyDocument(ready=service.ready)


@router.get("/models/{name}", responses=problems(404, 503))
async def model(service: TheService, name: str, _: Reader) -> ModelDocument:
    """Inputs and outputs of a model."""
    return _model_document(name, await service.study(name).version(None))


@router.get("/models/{name}/versions/{version}", responses=problems(404, 422, 503))
async def model_version(service: TheService, name: str, version: int, _: Reader) -> ModelDocument:
    """Inputs and outputs of one version of a model."""
    return _model_document(name, await service.study(name).version(_number(version)))


def _model_document(name: str, together: Together) -> ModelDocument:
    description = together.loaded.checked.description
    tensors = {each: "FP64" for each in description.quantities}
    tensors |= {f"{each}_error_figure": "FP64" for each in description.outputs}
    tensors |= {"in_domain": "BOOL", "verdict": "BYTES"}
    return ModelDocument(
        name=name,
        versions=[str(together.loaded.number)],
        platform=PLATFORM,
        inputs=[TensorDocument(name=each, datatype="FP64", shape=[-1]) for each in description.space.names],
        outputs=[TensorDocument(name=each, datatype=kind, shape=[-1]) for each, kind in tensors.items()],
    )


@router.get("/models/{name}/ready", responses={**problems(404), 503: {"model": ReadyDocument}})
async def model_ready(service: TheService, name: str, response: Response, _: Reader) -> ReadyDocument:
    """Whether a model has a version that answers."""
    there = service.study(name).current is not None
    response.status_code = 200 if there else 503
    return ReadyDocument(ready=there)


@router.get("/models/{name}/versions/{version}/ready", responses=problems(404, 422, 503))
async def model_version_ready(service: TheService, name: str, version: int, _: Reader) -> ReadyDocument:
    """Whether a version of a model answers; one that does not exist is not found."""
    await service.study(name).version(_number(version))
    return ReadyDocument(ready=True)


@router.post(
    "/models/{name}/infer", response_class=Response, responses=_ANSWERS, openapi_extra=body_of(InferRequest)
)
async def infer(request: Request, service: TheService, name: str) -> Response:
    """Ask a model for one or many parameter sets."""
    return await _inferred(request, service, name, None)


@router.post(
    "/models/{name}/versions/{version}/infer",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=body_of(InferRequest),
)
async def infer_version(request: Request, service: TheService, name: str, version: int) -> Response:
    """Ask one version of a model for one or many parameter sets."""
    return await _inferred(request, service, name, _number(version))


async def _inferred(request: Request, service: Service, name: str, version: int | None) -> Response:
    started = time.perf_counter()
    service.guard.admit(request, Scope.PREDICT)
    asked, binary = await read_infer(request)
    served = service.study(name)
    together = await served.version(version)
    space, most = together.loaded.checked.space, service.options.limits.rows
    values = input_values(space, asked.inputs, binary, most)
    answers = await answered(service, together, values)
    identity = uuid4().hex
    wanted = None if asked.outputs is None else [each.name for each in asked.outputs]
    tensors = output_tensors(answers, wanted)
    await keep(service, served, identity, answers, started, of_champion=version is None)
    head = {
        "model_name": name,
        "model_version": str(together.loaded.number),
        "id": asked.id or identity,
        "parameters": {
            "answer": identity,
            "training_set": together.loaded.training_set,
            "outputs": together.loaded.outputs,
        },
    }
    return infer_response(asked, head, tensors)


def _number(version: int) -> int:
    if not 1 <= version < 2**31:
        raise Problem(404, f"version {version} does not exist")
    return version
