"""What a caller may ask: bodies of requests, read strictly and turned into arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import numpy as np
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from locum.arrays import Array
from locum.exceptions import ParameterError
from locum.parameters import ParameterSpace, unknown_name
from locum.service.problems import Problem, first_mistake

Number = Annotated[float, Field(allow_inf_nan=False)]
Columns = dict[str, Number | list[Number]]
Body = TypeVar("Body", bound=BaseModel)
Rows = Annotated[list[dict[str, Number]], Field(min_length=1)]


class Asked(BaseModel):
    """A body that is read strictly: unknown keys and texts for numbers are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class PredictRequest(Asked):
    """One or many parameter sets, and what is wanted for them."""

    parameters: Columns | Rows
    """Name to number or to equally long lists of numbers, in the parameters' units; or a list of mappings."""
    units: dict[str, str] = {}
    """Units in which the parameters are given, to be safe: others than the study's are refused."""
    fields: list[str] = []
    """Fields whose values are wanted. Quantities of interest and all error figures always come."""
    nodes: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None
    """Only at these nodes of the mesh."""
    points: Annotated[list[list[Number]], Field(min_length=1)] | None = None
    """Only at these points, by linear interpolation in the mesh's cells."""
    times: Annotated[list[Number], Field(min_length=1)] | None = None
    """Only at these saved times."""
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """Ask this version instead of the champion."""
    if_over_tolerance: Literal["answer", "refuse", "simulate"] = "answer"
    """What to do when an answer is not within tolerance: give it all the same with its verdict, refuse the
    request, or give it and simulate."""


class PromoteRequest(Asked):
    """Make a version the champion, provided that the champion is still the one that the caller saw."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Number of the version."""
    expected: Annotated[int, Field(ge=1, le=2**31 - 1)] | None
    """Number of the present champion; null where there is none."""


class RollbackRequest(Asked):
    """Make the champion before the present one champion again."""

    expected: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Number of the present champion."""


async def read_body(request: Request) -> bytes:
    """The body of a request in JSON.

    Raises
    ------
    Problem
        It says that it is something else than JSON, or a browser does not say what it is. A page of a foreign
        site cannot send JSON without asking first, and the service never allows that.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_program = not media_type and "origin" not in request.headers  # clients of Triton say nothing
    if media_type != "application/json" and not is_program:
        raise Problem(415, f"expected a body of application/json, got {media_type or 'none'}")
    return await request.body()


def parsed(adapter: TypeAdapter[Body], body: bytes) -> Body:
    """Read a body.

    Raises
    ------
    Problem
        It is not what is expected: where, and why.
    """
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise Problem(422, first_mistake(error.errors(include_url=False, include_input=False))) from None


def parameter_values(space: ParameterSpace, parameters: Columns | Rows, limit: int) -> Array:
    """Parameter values in column order, shape (q, p).

    Raises
    ------
    ParameterError
        A name that is missing or unknown, or lists of different lengths.
    Problem
        More parameter sets than are allowed.
    """
    if isinstance(parameters, list):
        refuse_beyond(len(parameters), limit)
        names = set(space.names)
        for number, row in enumerate(parameters):
            if row.keys() != names:
                try:
                    space.check_names(row)
                except ParameterError as error:
                    raise ParameterError(f"parameter set {number}: {error}") from None
        return np.array([[row[name] for name in space.names] for row in parameters])
    refuse_beyond(
        max((len(each) for each in parameters.values() if isinstance(each, list)), default=1), limit
    )
    values = space.matrix(parameters)
    if not len(values):
        raise ParameterError("expected at least one parameter set, got empty lists")
    return values


def check_units(space: ParameterSpace, units: Mapping[str, str]) -> None:
    """Refuse parameters in other units than the study's; nothing is converted.

    Raises
    ------
    ParameterError
        Naming the first.
    """
    known = {parameter.name: parameter.unit for parameter in space.parameters}
    for name, unit in units.items():
        if name not in known:
            raise ParameterError(unknown_name("parameter", name, known))
        if unit != known[name]:
            raise ParameterError(f"parameter {name!r}: expected {known[name] or 'no unit'}, got {unit}")


def refuse_beyond(rows: int, limit: int) -> None:
    """Refuse more parameter sets than are allowed.

    Raises
    ------
    Problem
        There are more.
    """
    if rows > limit:
        raise Problem(413, f"{rows} parameter sets are more than {limit}; ask for fewer at a time")
