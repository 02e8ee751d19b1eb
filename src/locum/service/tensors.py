"""Tensors of the Open Inference Protocol: numbers in JSON, or as bytes behind it.

Clients of Triton send and want bytes unless they are told otherwise. Of a tensor that travels so the JSON
says how many bytes it has; all of them follow in order, and a header says where the JSON ends (extension
"binary tensor data": https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import orjson
from fastapi import Request, Response
from pydantic import Field, TypeAdapter

from locum.arrays import AnyArray, Array
from locum.exceptions import ParameterError
from locum.parameters import ParameterSpace, unknown_name
from locum.service.answering import Answers
from locum.service.asked import Asked, Number, parsed, read_body, refuse_beyond
from locum.service.problems import Problem

EXTENSION = "binary_tensor_data"
BINARY = "application/octet-stream"
_HEADER = "Inference-Header-Content-Length"
_NUMBERS = {"FP64": "<f8", "FP32": "<f4"}


class InferInput(Asked):
    """One parameter as a tensor."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2)]
    datatype: Literal["FP64", "FP32"]
    data: list[Number] | list[list[Number]] | None = None
    """Left out where the numbers follow as bytes."""
    parameters: dict[str, Any] = Field(default={})
    """``binary_data_size``: how many bytes."""


class InferOutput(Asked):
    """One output that is wanted."""

    name: str
    parameters: dict[str, Any] = Field(default={})
    """``binary_data``: whether as bytes."""


class InferRequest(Asked):
    """A tensor for each parameter."""

    inputs: Annotated[list[InferInput], Field(min_length=1)]
    outputs: list[InferOutput] | None = None
    id: Annotated[str, Field(max_length=200)] | None = None
    parameters: dict[str, Any] = Field(default={})
    """``binary_data_output``: whether outputs come as bytes unless they say otherwise."""


_REQUEST = TypeAdapter(InferRequest)


@dataclass(frozen=True, eq=False)
class OutputTensor:
    """One output: a number, a truth value or a text for each parameter set."""

    name: str
    datatype: Literal["FP64", "BOOL", "BYTES"]
    values: AnyArray | Sequence[str]

    def to_bytes(self) -> bytes:
        """As it travels behind the JSON: a text is preceded by its length."""
        if isinstance(self.values, np.ndarray):
            return bytes(self.values.astype("<f8" if self.datatype == "FP64" else np.uint8).tobytes())
        texts = [text.encode() for text in self.values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


async def read_infer(request: Request) -> tuple[InferRequest, bytes]:
    """What is asked, and the bytes behind the JSON.

    Raises
    ------
    Problem
        Something else than JSON, or a header that does not say where it ends.
    """
    ends = request.headers.get(_HEADER)
    if ends is None:
        return parsed(_REQUEST, await read_body(request)), b""
    body = await request.body()
    if not (ends.isascii() and ends.isdigit() and int(ends) <= len(body)):
        raise Problem(422, f"{_HEADER}: expected how many of the body's {len(body)} bytes are JSON")
    return parsed(_REQUEST, body[: int(ends)]), body[int(ends) :]


def input_values(space: ParameterSpace, inputs: Sequence[InferInput], binary: bytes, limit: int) -> Array:
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
    columns, start = {}, 0
    for each in inputs:
        size = _binary_size(each)
        columns[each.name] = _column(each, binary[start : start + size])
        start += size
    if start != len(binary):
        raise ParameterError(f"inputs: {start} bytes are announced behind the JSON and {len(binary)} came")
    refuse_beyond(max(len(column) for column in columns.values()), limit)
    return space.matrix(columns)


def _binary_size(tensor: InferInput) -> int:
    size = tensor.parameters.get("binary_data_size")
    if (size is None) is (tensor.data is None):
        raise ParameterError(f"input {tensor.name!r}: expected data, or binary_data_size and bytes")
    if size is not None and (type(size) is not int or size < 0):
        raise ParameterError(f"input {tensor.name!r}: binary_data_size: expected a number of bytes")
    return size or 0


def _column(tensor: InferInput, binary: bytes) -> Array:
    try:
        if tensor.data is None:
            column = np.frombuffer(binary, _NUMBERS[tensor.datatype]).astype(np.float64)
        else:
            column = np.array(tensor.data, dtype=np.float64)
    except ValueError:
        column = np.empty(0)
    if column.size != math.prod(tensor.shape) or tensor.shape[1:] not in ([], [1]):
        raise ParameterError(
            f"input {tensor.name!r}: expected as many numbers as the shape says, [n] or [n, 1]; "
            f"got {column.size} for {tensor.shape}"
        )
    return column.ravel()


def output_tensors(answers: Answers, wanted: Sequence[str] | None) -> list[OutputTensor]:
    """Outputs as tensors; all of them, or those that are wanted.

    Raises
    ------
    ParameterError
        One that does not exist.
    """
    description = answers.loaded.checked.description
    tensors = [
        OutputTensor(name, "FP64", np.ascontiguousarray(answers.quantities[:, j]))
        for j, name in enumerate(description.quantities)
    ]
    tensors += [
        OutputTensor(f"{name}_error_figure", "FP64", np.ascontiguousarray(answers.figures[:, j]))
        for j, name in enumerate(description.outputs)
    ]
    tensors += [
        OutputTensor("in_domain", "BOOL", answers.in_domain),
        OutputTensor("verdict", "BYTES", answers.verdicts),
    ]
    known = {tensor.name: tensor for tensor in tensors}
    for name in wanted or []:
        if name not in known:
            raise ParameterError(unknown_name("output", name, known))
    return tensors if wanted is None else [known[name] for name in wanted]


def infer_response(asked: InferRequest, head: Mapping[str, Any], tensors: Sequence[OutputTensor]) -> Response:
    """The answer in JSON, with the tensors that are wanted as bytes behind it."""
    usual = asked.parameters.get("binary_data_output") is True
    as_bytes = [usual] * len(tensors)
    if asked.outputs is not None:
        as_bytes = [each.parameters.get("binary_data", usual) is True for each in asked.outputs]
    outputs, behind = [], []
    for tensor, binary in zip(tensors, as_bytes, strict=True):
        about: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": [len(tensor.values)],
        }
        if binary:
            behind.append(tensor.to_bytes())
            outputs.append(about | {"parameters": {"binary_data_size": len(behind[-1])}})
        else:
            outputs.append(about | {"data": tensor.values})
    document = orjson.dumps({**head, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    if not behind:
        return Response(document, media_type="application/json")
    headers = {_HEADER: str(len(document))}
    return Response(b"".join([document, *behind]), headers=headers, media_type=BINARY)
