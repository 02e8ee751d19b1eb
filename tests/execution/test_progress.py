"""What people see while a study runs: plain lines that say something new, and a panel in a terminal."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from locum.execution import progress
from locum.execution.progress import LiveProgress, PlainProgress, Progress, duration, watch


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.85, "850 ms"), (12, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_are_in_words_that_people_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_counts_follow_what_happens() -> None:
    watched = Progress(workers=2)
    watched.resumed(5, 1)
    watched.plan(3)
    assert watched.simulations() == "5 done, 1 failed, 2 running, 3 planned"
    watched.simulated("done", 10.0)
    watched.simulated("failed", 20.0)
    assert (watched.done, watched.failed, watched.running) == (6, 2, 1)
    assert watched.time_left == "8 s"  # one of 15 s on the mean, two at a time
    watched.simulated("done", 1.0)
    assert watched.time_left == "" and watched.running == 0


def test_plain_lines_tell_news_once_and_hold_no_control_characters(monkeypatch) -> None:
    stream = io.StringIO()
    watched = PlainProgress(stream=stream)
    watched.say("the model is new")
    watched.plan(2)
    watched.phase("simulating")
    watched.simulated("done", 1.0)  # too soon after the last line
    monkeypatch.setattr(progress, "PLAIN_INTERVAL", 0.0)
    watched.simulated("done", 1.0)
    watched.phase("training")
    watched.assessed(1, "twice the tolerance")
    watched.assessed(1, "twice the tolerance")
    watched.phase("simulating")
    assert stream.getvalue().splitlines() == [
        "the model is new",
        "simulating; 0 done, 0 failed, 1 running, 2 planned",
        "training",
        "round 1; twice the tolerance",
        "round 1; simulating",
    ]


def test_the_panel_shows_all_that_the_lines_tell() -> None:
    watched = LiveProgress(title="wave")
    watched.say("the model is new")
    watched.plan(4)
    watched.phase("simulating")
    watched.simulated("done", 2.0)
    watched.assessed(2, "twice the tolerance")
    console = Console(file=io.StringIO(), width=100)
    console.print(watched.panel())
    drawn = console.file.getvalue()
    for words in ("wave", "round 2", "1 done", "3 planned", "6 s left", "twice the", "the model is new"):
        assert words in drawn


def test_away_from_a_terminal_there_are_lines_and_quietly_nothing(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with watch("wave") as watched:
        assert isinstance(watched, PlainProgress)
    with watch("wave", quiet=True) as watched:
        watched.phase("simulating")
    assert sys.stderr.getvalue() == ""
