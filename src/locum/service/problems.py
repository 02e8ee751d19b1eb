"""Errors as a service tells them: problem details after RFC 9457, one clear sentence and no stack trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from locum.exceptions import LocumError, ParameterError, RegistryError

MEDIA_TYPE = "application/problem+json"


class ProblemDocument(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["parameter 'x' is missing; expected x, y"])


class Problem(Exception):
    """A request that is answered with problem details.

    Parameters
    ----------
    status
        Of HTTP.
    detail
        One sentence: what was wrong and what to do.
    headers
        To be sent with it.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Problem details as a response."""
    document = ProblemDocument(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(json.dumps(document.model_dump()), status, headers, MEDIA_TYPE)


def problem_of(error: LocumError) -> Problem:
    """What a user's mistake, or the study's state, means to a caller."""
    if isinstance(error, ParameterError):
        return Problem(422, str(error))
    if isinstance(error, RegistryError):
        return Problem(409, str(error))
    return Problem(503, str(error), {"Retry-After": "5"})


def first_mistake(errors: list[Any]) -> str:
    """The first error that pydantic found, in words: where and what."""
    error = errors[0]
    where = ".".join(str(part) for part in error["loc"] if part not in ("body", "path", "query"))
    return f"{where or 'body'}: {error['msg']}"


def answer_problems(app: FastAPI) -> None:
    """Have every error of an application answered with problem details, and counted."""

    def told(
        request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        request.app.state.service.metrics.refused.labels(status).inc()
        return problem_response(status, detail, headers)

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return told(request, error.status, error.detail, error.headers)

    @app.exception_handler(LocumError)
    async def mistake(request: Request, error: LocumError) -> Response:
        found = problem_of(error)
        return told(request, found.status, found.detail, found.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return told(request, 422, first_mistake(list(error.errors())))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        # FastAPI calls a body that is no text a bad request; for us it is like every other wrong body
        status = 422 if error.status_code == 400 else error.status_code
        return told(request, status, str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        return told(request, 500, "something went wrong in the service; its log says what")
