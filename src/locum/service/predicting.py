"""The way of one prediction: let in, read, answered, kept, and sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi import Response as HttpResponse
from pydantic import TypeAdapter

from locum.queries import Scope
from locum.service.answering import SMALL, WITHIN, Answers, Together, answer_many
from locum.service.asked import PredictRequest, check_units, parameter_values, parsed, read_body
from locum.service.formats import Response, encoder, wanted_fields
from locum.service.problems import Problem
from locum.service.selection import Selection, select
from locum.service.served import Served
from locum.service.service import Service

_REQUEST = TypeAdapter(PredictRequest)
_ALL = Selection()
_SMALL_NUMBERS = 20_000


async def predict(service: Service, name: str, request: Request) -> HttpResponse:
    """Answer one request, with one or many parameter sets."""
    started = time.perf_counter()
    service.guard.admit(request, Scope.PREDICT)
    media_type, encode = encoder(request.headers.get("accept", ""))
    asked = parsed(_REQUEST, await read_body(request))
    served = service.study(name)
    together = await served.version(asked.version)
    check_units(together.loaded.checked.space, asked.units)
    values = parameter_values(together.loaded.checked.space, asked.parameters, service.options.limits.rows)
    answers = await answered(service, together, values)
    response = await with_fields(service, served, asked, answers)
    await keep(service, served, response.identity, answers, started, of_champion=asked.version is None)
    if asked.if_over_tolerance == "refuse" and any(answers.counts):
        raise Problem(409, refusal(answers))
    if asked.if_over_tolerance == "simulate":
        service.guard.admit(request, Scope.SIMULATE)
        response = replace(response, job=await simulated(service, served, answers))
    content = await sent(service, response, encode)
    status = 202 if response.job else 200
    return HttpResponse(content, status, headers=headers(response), media_type=media_type)


async def answered(service: Service, together: Together, values: Any) -> Answers:
    """Answers: at once together with others, or in a thread where there are many."""
    if len(values) <= SMALL:
        return await together.answer(values)
    return await service.large.run(lambda: answer_many(together.loaded, values, together.trusted))


async def with_fields(service: Service, served: Served, asked: PredictRequest, answers: Answers) -> Response:
    """The answer with the fields that were wanted."""
    fields, selection, part = {}, _ALL, {}
    if asked.fields:
        description = answers.loaded.checked.description
        selection = select(description, asked.nodes, asked.points, asked.times)
        most = service.options.limits.numbers
        fields = await service.large.run(lambda: wanted_fields(answers, asked.fields, selection, most))
        given = {"nodes": asked.nodes, "points": asked.points, "times": asked.times}
        part = {key: value for key, value in given.items() if value is not None}
    elif asked.nodes or asked.points or asked.times:
        raise Problem(422, "nodes, points and times choose a part of fields; name the fields as well")
    return Response(uuid4().hex, served.name, answers, fields, selection, part)


async def keep(
    service: Service, served: Served, identity: str, answers: Answers, started: float, *, of_champion: bool
) -> None:
    """Keep what has to be kept before the answer is given. What another version than the champion cannot
    answer asks for nothing.
    """
    if of_champion:
        await served.recorder.exceed(identity, answers)
    seconds = time.perf_counter() - started
    served.recorder.note(identity, answers, seconds)
    service.metrics.answered(served.name, answers, seconds)


async def sent(service: Service, response: Response, encode: Callable[[Response], bytes]) -> bytes:
    """The answer as bytes; a large one is encoded in a thread."""
    numbers = response.answers.figures.size + sum(values.size for values in response.fields.values())
    if numbers <= _SMALL_NUMBERS and encode.__name__ == "to_json":
        return encode(response)
    return await service.large.run(lambda: encode(response))


async def simulated(service: Service, served: Served, answers: Answers) -> str | None:
    """The job that simulates what is not within tolerance; None where all is."""
    if not any(answers.counts):
        return None
    simulations, most = service.simulations[served.name], service.options.limits.simulations
    return await asyncio.to_thread(simulations.ask, answers.values[answers.codes != WITHIN], most)


def headers(response: Response) -> dict[str, str]:
    """What formats without room for it say in headers."""
    loaded = response.answers.loaded
    job = {"Location": f"/v1/jobs/{response.job}"} if response.job else {}
    return {
        **job,
        "Locum-Answer": response.identity,
        "Locum-Version": str(loaded.number),
        "Locum-Training-Set": loaded.training_set,
    }


def refusal(answers: Answers) -> str:
    """Why an answer is refused, by its first parameter set that is not within tolerance."""
    row = int((answers.codes != 0).argmax())
    which = f"parameter set {row}: " if len(answers) > 1 else ""
    reason = answers.reasons.get(row, "")
    return f"{which}{answers.verdicts[row]}{': ' + reason if reason else ''}"
