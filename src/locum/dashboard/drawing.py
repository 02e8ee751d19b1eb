"""Pictures are drawn one at a time and beside the server's loop, so that drawing keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

Drawn = TypeVar("Drawn")

_ONE = Lock()  # matplotlib's settings belong to the whole process


async def drawn(draw: Callable[[], Drawn]) -> Drawn:
    """Wait for what a function draws."""

    def alone() -> Drawn:
        with _ONE:
            return draw()

    return await asyncio.to_thread(alone)
