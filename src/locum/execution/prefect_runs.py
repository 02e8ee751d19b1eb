"""What a Prefect server knows of a study's runs: those that were, those to come, and where its pages are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOWS = ("adapt", "check", "simulate", "train")
_LOOKED_AT = 200  # runs of all studies, of which this study's are taken


@dataclass(frozen=True)
class PrefectRun:
    """A run of one of a study's flows.

    Parameters
    ----------
    flow
        Name of the flow.
    state
        In Prefect's word: ``Completed``, ``Running``, ``Scheduled``, ...
    moment
        When it began or will begin, ISO 8601 in UTC.
    url
        Its page.
    is_to_come
        Whether it has not begun yet.
    """

    flow: str
    state: str
    moment: str
    url: str
    is_to_come: bool


def has_server() -> bool:
    """Whether the environment names a Prefect server."""
    return bool(os.environ.get("PREFECT_API_URL"))


def prefect_runs(study: Path, limit: int = 10) -> list[PrefectRun]:
    """The study's runs on the server that ``PREFECT_API_URL`` names: those to come, then the newest.

    A run belongs to the study when its parameter ``study`` is the study's file, or the end of its path.

    Raises
    ------
    OSError
        The server does not answer.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            flows = {flow.id: flow.name for flow in client.read_flows() if flow.name in FLOWS}
            found = client.read_flow_runs(
                flow_filter=None, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=_LOOKED_AT
            )
    except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
        raise ConnectionError(f"{os.environ['PREFECT_API_URL']} does not answer ({error})") from error
    mine = [_read(run, flows[run.flow_id]) for run in found if run.flow_id in flows and _is_of(run, study)]
    to_come = sorted((run for run in mine if run.is_to_come), key=lambda run: run.moment)
    return [*to_come[:2], *[run for run in mine if not run.is_to_come][:limit]]


def next_check(runs: Sequence[PrefectRun]) -> PrefectRun | None:
    """The next check that is scheduled."""
    return next((run for run in runs if run.is_to_come and run.flow == "check"), None)


def _is_of(run: Any, study: Path) -> bool:
    given = run.parameters.get("study")
    return isinstance(given, str) and bool(given) and study.resolve().match(os.path.normpath(given))


def _read(run: Any, flow: str) -> PrefectRun:
    from prefect.utilities.urls import url_for

    moment = run.start_time or run.expected_start_time
    state = run.state.name if run.state else "unknown"
    waits = run.start_time is None and run.state is not None and run.state.is_scheduled()
    url = url_for("flow-run", obj_id=run.id) or ""
    return PrefectRun(flow, state, moment.isoformat(timespec="seconds") if moment else "", url, waits)
