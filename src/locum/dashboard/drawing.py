"""Pictures are drawn one at a time and beside the server's loop, so that drawing keeps nobody waiting.

A callback of a page holds the page's document until it returns: whatever it waits for, no button is answered
meanwhile. So what takes long is handed to one thread, and shown when it is there. One, because matplotlib's
settings belong to the whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import panel as pn
from panel.io.state import set_curdoc

from locum.exceptions import LocumError

Drawn = TypeVar("Drawn")

_LOG = logging.getLogger(__name__)
_ONE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


class Beside:
    """What draws for one page; made while the page is."""

    def __init__(self) -> None:
        self._document: Any = pn.state.curdoc

    def __call__(
        self,
        draw: Callable[[], Drawn],
        show: Callable[[Drawn], None],
        fault: Callable[[LocumError], None] | None = None,
        by: ThreadPoolExecutor | None = None,
    ) -> None:
        """Draw, and show it on the page; in the order in which it was asked for.

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

        def work() -> None:
            if self._is_closed:
                return
            try:
                drawn = draw()
            except LocumError as error:
                if fault is not None:
                    self._tell(fault, error)
            else:
                self._tell(show, drawn)

        (by or _ONE).submit(work).add_done_callback(_log_fault)

    def _tell(self, listener: Callable[[Any], None], news: Any) -> None:
        def tell() -> None:
            with set_curdoc(self._document):
                listener(news)

        if not self._is_closed:
            self._document.add_next_tick_callback(tell)

    @property
    def _is_closed(self) -> bool:
        session = self._document.session_context
        return session is None or bool(session.destroyed)


def _log_fault(done: Future[None]) -> None:
    """What nobody foresaw is told in the log: no page waits for it."""
    if done.exception() is not None:
        _LOG.error("a part of a page could not be drawn", exc_info=done.exception())
