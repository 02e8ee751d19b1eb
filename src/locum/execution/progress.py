"""What people see while a study runs: one live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN_INTERVAL = 5.0


def duration(seconds: float) -> str:
    """Seconds in words that people use: ``850 ms``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"


@dataclass
class Progress:
    """Counts what happens and tells nobody: what a library call uses.

    Parameters
    ----------
    workers
        Simulations that run at the same time.
    """

    workers: int = 1
    phase_text: str = ""
    done: int = 0
    failed: int = 0
    planned: int = 0
    round: int = 0
    figure: str = ""
    remark: str = ""
    _spent: float = field(default=0.0, repr=False)
    _finished: int = field(default=0, repr=False)

    def phase(self, text: str) -> None:
        """Say what happens now."""
        self.phase_text = text
        self.show(important=True)

    def say(self, remark: str) -> None:
        """Tell what people should know from the start; nothing where the remark is empty."""
        self.remark = remark
        self.show(important=True)

    def resumed(self, done: int, failed: int) -> None:
        """Count simulations that an earlier run left."""
        self.done, self.failed = done, failed

    def plan(self, simulations: int) -> None:
        """So many simulations are about to run."""
        self.planned += simulations

    def simulated(self, outcome: str, seconds: float) -> None:
        """Count one simulation that has its outcome."""
        self.planned -= 1
        self._finished += 1
        self._spent += seconds
        if outcome == "done":
            self.done += 1
        else:
            self.failed += 1
        self.show()

    def assessed(self, number: int, figure: str) -> None:
        """Show what the sweep of a round found, in words."""
        self.round, self.figure = number, figure
        self.show(important=True)

    @property
    def running(self) -> int:
        """Simulations that run now."""
        return min(self.workers, self.planned)

    @property
    def time_left(self) -> str:
        """How long the planned simulations will take, from the mean of those that finished."""
        if not (self.planned and self._finished):
            return ""
        return duration(self._spent / self._finished * self.planned / self.workers)

    def simulations(self) -> str:
        """One line about the simulations."""
        left = f", about {self.time_left} left" if self.time_left else ""
        return f"{self.done} done, {self.failed} failed, {self.running} running, {self.planned} planned{left}"

    def show(self, important: bool = False) -> None:
        """Tell whoever watches; nobody here."""


@dataclass
class PlainProgress(Progress):
    """A line whenever something important happens, and every few seconds between."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _last: float = field(default=0.0, repr=False)
    _told: frozenset[str] = field(default=frozenset(), repr=False)

    def show(self, important: bool = False) -> None:
        """Write a line, unless the last one is recent and nothing important happened."""
        if not important and time.monotonic() - self._last < PLAIN_INTERVAL:
            return
        now = [self.phase_text, self.simulations() if self.planned else "", self.figure, self.remark]
        news = [part for part in now if part and part not in self._told]
        if news:
            print("; ".join([f"round {self.round}"] * bool(self.round) + news), file=self.stream, flush=True)
        self._last, self._told = time.monotonic(), frozenset(now)


@dataclass
class LiveProgress(Progress):
    """A panel that redraws itself in a terminal."""

    title: str = ""
    started: float = field(default_factory=time.monotonic)
    _live: object = field(default=None, repr=False)

    def panel(self) -> RenderableType:
        """Draw the panel as it is now."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table

        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim", justify="right")
        rows.add_column()
        rows.add_row("simulations", self.simulations())
        total = self.done + self.failed + self.planned
        rows.add_row("", ProgressBar(total=max(total, 1), completed=self.done + self.failed, width=48))
        rows.add_row("error figure", self.figure or "not yet known")
        if self.remark:
            rows.add_row("note", self.remark)
        self._spinner = getattr(self, "_spinner", None) or Spinner("dots")
        self._spinner.update(text=self.phase_text)
        elapsed = duration(time.monotonic() - self.started)
        return Panel(
            Group(rows, self._spinner),
            title=f"[bold]{self.title}[/bold]" + (f" · round {self.round}" if self.round else ""),
            subtitle=elapsed,
            title_align="left",
            subtitle_align="right",
        )


@contextmanager
def watch(title: str, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on standard error while the block runs."""
    if quiet:
        yield Progress()
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live

        progress = LiveProgress(title=title)
        with Live(
            get_renderable=progress.panel,
            console=Console(stderr=True),
            refresh_per_second=8,
            transient=True,
        ):
            yield progress
    else:
        yield PlainProgress()
