"""Pictures are drawn one at a time and beside the server's loop, so that drawing keeps nobody waiting.

A callback of a page holds the page's document until it returns: whatever it waits for, no button is answered
meanwhile. So what takes long is handed to one thread, and shown when it is there. One, because matplotlib's
settings belong to the whole process.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import panel as pn
from panel.io.state import set_curdoc

from locum.exceptions import LocumError

Drawn = TypeVar("Drawn")

_ONE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


def beside(
    draw: Callable[[], Drawn],
    show: Callable[[Drawn], None],
    fault: Callable[[LocumError], None] | None = None,
    by: ThreadPoolExecutor | None = None,
) -> None:
    """Draw for the page at hand, and show it there; in the order in which it was asked for.

    Parameters
    ----------
    draw
        What takes long; it touches no component of the page.
    show
        What is done with what it returns, unless the page has been closed.
    fault
        What is done with a :class:`LocumError` instead.
    by
        Threads that do it; the one that draws where it is left out.
    """
    document: Any = pn.state.curdoc

    def work() -> None:
        if _is_closed(document):
            return
        try:
            drawn = draw()
        except LocumError as error:
            if fault is not None:
                _tell(document, fault, error)
            return
        _tell(document, show, drawn)

    (by or _ONE).submit(work)


def _tell(document: Any, listener: Callable[[Any], None], news: Any) -> None:
    def tell() -> None:
        with set_curdoc(document):
            listener(news)

    if not _is_closed(document):
        document.add_next_tick_callback(tell)


def _is_closed(document: Any) -> bool:
    return document.session_context is None or document.session_context.destroyed
