"""The Open Inference Protocol (``/v2``), so that clients that speak it need nothing new.

A model is a surrogate. Its inputs are one FP64 tensor for each parameter, of shape [n] or [n, 1]; its outputs
the quantities of interest, an error figure for each output, the domain and the verdict. Protocol:
https://github.com/open-inference/open-inference-protocol (rest). An infinite figure is null.
"""

from __future__ import annotations

import math
import time
from typing import Annotated, Any, Literal
from uuid import uuid4

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field, TypeAdapter

from locum import __version__
from locum.arrays import Array
from locum.exceptions import ParameterError
from locum.parameters import ParameterSpace, unknown_name
from locum.queries import Scope
from locum.service.answering import Answers
from locum.service.asked import Asked, Number, parsed, read_body
from locum.service.documents import Document
from locum.service.predicting import answered, keep
from locum.service.problems import Problem
from locum.service.routes import Reader, TheService, body_of, problems

router = APIRouter(prefix="/v2")
PLATFORM = "locum"


class InferInput(Asked):
    """One parameter as a tensor."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2)]
    datatype: Literal["FP64", "FP32"]
    data: list[Number] | list[list[Number]]
    parameters: dict[str, Any] = Field(default={})


class InferOutput(Asked):
    """One output that is wanted."""

    name: str
    parameters: dict[str, Any] = Field(default={})


class InferRequest(Asked):
    """A tensor for each parameter."""

    inputs: Annotated[list[InferInput], Field(min_length=1)]
    outputs: list[InferOutput] | None = None
    id: Annotated[str, Field(max_length=200)] | None = None
    parameters: dict[str, Any] = Field(default={})


class TensorDocument(Document):
    """What is known of a tensor."""

    name: str
    datatype: str
    shape: list[int]


class InferredTensor(TensorDocument):
    """A tensor with its values."""

    data: list[float | bool | str | None]


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


_REQUEST = TypeAdapter(InferRequest)
_BODY = body_of(InferRequest)


@router.get("", responses=problems())
async def server(_: Reader) -> ServerDocument:
    """Name and version of the server."""
    return ServerDocument(name="locum", version=__version__, extensions=[])


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
@router.get("/models/{name}/versions/{version}", responses=problems(404, 422, 503))
async def model(service: TheService, name: str, _: Reader, version: int | None = None) -> ModelDocument:
    """Inputs and outputs of a model."""
    together = await service.study(name).version(_number(version))
    description = together.loaded.checked.description
    tensors = {name: "FP64" for name in description.quantities}
    tensors |= {f"{name}_error_figure": "FP64" for name in description.outputs}
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


@router.post(
    "/models/{name}/infer",
    response_class=Response,
    responses={200: {"model": InferDocument}, **problems(404, 413, 415, 422, 503)},
    openapi_extra=_BODY,
)
@router.post(
    "/models/{name}/versions/{version}/infer",
    response_class=Response,
    responses={200: {"model": InferDocument}, **problems(404, 413, 415, 422, 503)},
    openapi_extra=_BODY,
)
async def infer(request: Request, service: TheService, name: str, version: int | None = None) -> Response:
    """Ask a model for one or many parameter sets."""
    started = time.perf_counter()
    service.guard.admit(request, Scope.PREDICT)
    limits = service.options.limits
    asked = parsed(_REQUEST, await read_body(request))
    served = service.study(name)
    together = await served.version(_number(version))
    values = input_values(together.loaded.checked.space, asked.inputs, limits.rows)
    answers = await answered(service, together, values)
    identity = uuid4().hex
    outputs = tensors_of(answers, None if asked.outputs is None else [each.name for each in asked.outputs])
    await keep(service, served, identity, answers, started, of_champion=version is None)
    document = {
        "model_name": name,
        "model_version": str(together.loaded.number),
        "id": asked.id or identity,
        "parameters": {
            "answer": identity,
            "training_set": together.loaded.training_set,
            "outputs": together.loaded.outputs,
        },
        "outputs": outputs,
    }
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, media_type="application/json")


def input_values(space: ParameterSpace, inputs: list[InferInput], limit: int) -> Array:
    """Parameter values of tensors, shape (n, p).

    Raises
    ------
    ParameterError
        A name that is missing, unknown or given twice, or data that do not have the shape.
    Problem
        Too many rows.
    """
    names = [each.name for each in inputs]
    if len(set(names)) < len(names):
        raise ParameterError("inputs: a parameter is given twice")
    space.check_names(names)
    columns = {each.name: _column(each) for each in inputs}
    rows = max(len(column) for column in columns.values())
    if rows > limit:
        raise Problem(413, f"{rows} parameter sets are more than {limit}; ask for fewer at a time")
    return space.matrix(columns)


def _column(tensor: InferInput) -> Array:
    try:
        column = np.array(tensor.data, dtype=np.float64)
    except ValueError:
        column = np.empty(0)
    rows = math.prod(tensor.shape)
    if column.size != rows or tensor.shape[1:] not in ([], [1]):
        raise ParameterError(
            f"input {tensor.name!r}: expected as many numbers as the shape says, [n] or [n, 1]; "
            f"got {column.size} for {tensor.shape}"
        )
    return column.ravel()


def tensors_of(answers: Answers, wanted: list[str] | None) -> list[dict[str, Any]]:
    """Outputs as tensors; all of them, or those that are wanted.

    Raises
    ------
    ParameterError
        One that does not exist.
    """
    description = answers.loaded.checked.description
    known: dict[str, tuple[str, Any]] = {
        name: ("FP64", np.ascontiguousarray(answers.quantities[:, j]))
        for j, name in enumerate(description.quantities)
    }
    for j, name in enumerate(description.outputs):
        known[f"{name}_error_figure"] = ("FP64", np.ascontiguousarray(answers.figures[:, j]))
    known["in_domain"] = ("BOOL", answers.in_domain)
    known["verdict"] = ("BYTES", answers.verdicts)
    for name in wanted or []:
        if name not in known:
            raise ParameterError(unknown_name("output", name, known))
    return [
        {"name": name, "datatype": known[name][0], "shape": [len(answers)], "data": known[name][1]}
        for name in (known if wanted is None else wanted)
    ]


def _number(version: int | None) -> int | None:
    if version is not None and not 1 <= version < 2**31:
        raise Problem(404, f"version {version} does not exist")
    return version
