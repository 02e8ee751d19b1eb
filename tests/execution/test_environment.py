"""What libraries are told before they are imported."""

from __future__ import annotations

import os

from locum.execution.environment import THREAD_VARIABLES, prepare_environment, single_threaded


def test_workers_have_one_thread_a_library() -> None:
    environment = single_threaded({"OMP_NUM_THREADS": "8", "HOME": "/here"})
    assert environment == {"HOME": "/here", **dict.fromkeys(THREAD_VARIABLES, "1")}


def test_nothing_is_sent_anywhere_and_what_the_user_has_set_stays(monkeypatch) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    for name in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    prepare_environment()
    assert os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "INFO"
    assert (os.environ["DO_NOT_TRACK"], os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"]) == ("1", "false")
