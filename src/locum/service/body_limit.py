"""No request is read beyond a number of bytes, whoever reads it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from locum.service.problems import Problem, problem_response


class BodyLimit:
    """Refuses bodies that are too large: at once where they say so, otherwise when they turn out to be.

    Parameters
    ----------
    app
        What is asked.
    limit
        Bytes of a body.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit
        self._detail = f"the body is larger than {limit} bytes; ask for fewer parameter sets at a time"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._limit:
                await problem_response(413, self._detail)(scope, receive, send)
                return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise Problem(413, self._detail)
            return message

        await self._app(scope, counted, send)
