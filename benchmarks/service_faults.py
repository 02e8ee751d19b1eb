"""What must not go wrong with the query service, whatever happens around it: parts of ``service.py``.

A Prefect server that is down for a minute while 10,000 queries exceed the tolerance; requests that are
generated from the OpenAPI document (schemathesis); numbers that are none, units that are wrong, bytes that
are no tensors.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np

from serving import LOWER, POINT, PREDICT, UPPER, Served, burst, raw, served

EVENT = "locum.tolerance-exceeded"
_PATIENCE = 240.0  # seconds


class Prefect:
    """A Prefect server that can be taken down and brought back, with its database."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self._environment = os.environ | {
            "PREFECT_HOME": str(folder),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "locum.execution.prefect_server", str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=self._environment)
        wait_for(self._answers)

    def stop(self) -> None:
        """Take it down."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def events(self) -> int:
        """How many retrainings it was asked for."""
        body = json.dumps({"filter": {"event": {"name": [EVENT]}}}).encode()
        request = Request(f"{self.url}/events/filter", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            return int(json.loads(answer.read())["total"])

    def _answers(self) -> bool:
        try:
            urlopen(f"{self.url}/health", timeout=5).close()
        except OSError:
            return False
        return True


@contextmanager
def prefect(folder: Path) -> Iterator[Prefect]:
    server = Prefect(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def wait_for(condition: Any) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("waited too long")
        time.sleep(0.2)
    return found


def exceedances(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Queries over tolerance while the Prefect server is down for a minute; then it comes back.

    None may be lost, and one retraining is asked for; the run that follows settles all of them.
    """
    from locum.queries import Outbox
    from locum.snapshots import Database

    outbox = Outbox(Database(study.parent / "fin-study" / "catalogue.db"))
    before, since = outbox.depth(), time.time()
    with prefect(study.parent / "prefect") as server, served(study, PREFECT_API_URL=server.url) as service:
        questions = _over_tolerance(service)
        server.stop()
        down = time.monotonic()
        found = burst(service, questions, 3600, 64, arguments.exceedances - 63)
        time.sleep(max(0.0, arguments.outage - (time.monotonic() - down)))
        waiting, asked = outbox.depth() - before, len(outbox.retrainings())
        server.start()
        outage = time.monotonic() - down
        wait_for(lambda: outbox.retrainings() and server.events())
        time.sleep(45)  # longer than queries are collected for: a second one would come now
        announced, events = len(outbox.retrainings()), server.events()
        run = [sys.executable, "-m", "locum.cli", "run", str(study), "--quiet"]
        subprocess.run(
            run, check=True, env=os.environ | {"PREFECT_API_URL": server.url}, stdout=subprocess.DEVNULL
        )
        ended = [each for each in outbox.retrainings() if each.outcome]
        mine = [each for each in outbox.recent(10**6) if each.asked >= since]
        settled = Counter(each.outcome for each in mine if each.settled)
    return {
        **found,
        "outage_seconds": outage,
        "waiting": waiting,
        "lost": int(found["requests"]) - waiting,
        "retrainings_during_the_outage": asked,
        "retrainings": announced,
        "events": events,
        "settled": settled.total(),
        "outcomes": list(settled),
        "retrainings_that_ended": len(ended),
    }


def _over_tolerance(service: Served) -> list[bytes]:
    """Questions that the first version, from now on the champion, cannot answer within tolerance."""
    newest = service.ask("/v1/surrogates/fin/versions")[1]["champion"]
    assert service.ask("/v1/surrogates/fin:promote", {"version": 1, "expected": newest})[0] == 200
    sets = [dict(zip(POINT, row, strict=True)) for row in _draws(256).tolist()]
    verdicts = service.ask(PREDICT, {"parameters": sets, "version": 1})[1]["verdict"]
    over = [each for each, verdict in zip(sets, verdicts, strict=True) if verdict == "over tolerance"]
    assert len(over) > 16, "the first version is too good"
    return [raw("POST", PREDICT, {"parameters": each}) for each in over]


def _draws(n: int) -> np.ndarray:
    return LOWER + np.random.default_rng(3).random((n, 3)) * (UPPER - LOWER)


_MOSTLY = """
[dictionaries.names]
values = ["fin"]
[dictionaries.versions]
values = [1, 2]
[parameters]
"path.name" = {dictionary = "names", probability = 0.8}
"path.version" = {dictionary = "versions", probability = 0.8}
"""


def fuzz(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Generated requests against the OpenAPI document, mostly of the surrogate that is served."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    config = study.parent / "schemathesis.toml"
    config.write_text(_MOSTLY)
    with served(study, "--no-retrain") as service:
        operations = sum(len(methods) for methods in service.ask("/openapi.json")[1]["paths"].values())
        checks = (
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        )
        command = [str(program), "--config-file", str(config), "run", f"{service.base}/openapi.json"]
        command += ["--checks", checks, "--seed", "1", "--no-color"]
        command += ["--max-examples", str(max(1, arguments.cases // operations))]
        done = subprocess.run(command, capture_output=True, text=True, cwd=study.parent)
        metrics = urlopen(f"{service.base}/metrics").read().decode()
    lines = [line.strip() for line in done.stdout.splitlines()]
    statuses = [line for line in metrics.splitlines() if line.startswith("locum_refused_total")]
    return {
        "exit_status": done.returncode,
        "operations": operations,
        "generated": next((line for line in lines if " generated, " in line), "none"),
        "refused": statuses,
        "answered": next((x for x in metrics.splitlines() if x.startswith("locum_parameter_sets_total")), ""),
        "said": [line for line in lines if line][-20:],
    }


STRANGE = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "1e308",
    "-1e308",
    "5e-324",
    "-0.0",
    '"400 K"',
    "null",
    "true",
)


def wrong(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Numbers that are none, huge, outside, in other units; in JSON, and as bytes. Nothing of it is claimed.

    Counts answers by status, and sets that are marked within tolerance though they lie outside the ranges or
    their figure is above its tolerance.
    """
    dice = random.Random(5)
    statuses: Counter[str] = Counter()
    falsely = marked = 0
    with served(study, "--no-retrain") as service:
        for number in range(arguments.wrong):
            path, body, headers = (_wrong_json if number % 3 else _wrong_bytes)(dice)
            status, answer = _post(service, path, body, headers)
            statuses[str(status)] += 1
            if status == 200 and path == PREDICT:
                document = json.loads(answer)
                said, bad = _claims(document)
                marked, falsely = marked + said, falsely + bad
    return {
        "requests": arguments.wrong,
        "statuses": dict(statuses),
        "server_errors": sum(n for status, n in statuses.items() if status >= "5"),
        "marked_within": marked,
        "falsely": falsely,
    }


def _wrong_json(dice: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """A prediction with something strange about it, most of the time."""
    columns = []
    for name, lower, upper in zip(POINT, LOWER.tolist(), UPPER.tolist(), strict=True):
        inside = lower + dice.random() * (upper - lower)
        value = repr(inside)
        if dice.random() < 0.3:
            value = dice.choice([*STRANGE, repr(lower - dice.random()), repr(upper * (1 + dice.random()))])
        columns.append(f'"{name}": {f"[{value}, {inside!r}]" if dice.random() < 0.2 else value}')
    units = dice.choice(
        ["", "", ', "units": {"base_temperature": "K"}', ', "units": {"base_temperature": "degC"}']
    )
    return PREDICT, f'{{"parameters": {{{", ".join(columns)}}}{units}}}'.encode(), {}


def _wrong_bytes(dice: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """An inference whose tensors are random bytes, whose sizes may be wrong."""
    size = dice.choice([8, 8, 8, 4, 16, 0, -8, 2**40])
    inputs = [
        {"name": name, "shape": [1], "datatype": dice.choice(["FP64", "FP64", "FP32"])}
        | {"parameters": {"binary_data_size": size}}
        for name in POINT
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": dice.random() < 0.5}}).encode()
    numbers = [dice.choice([float("nan"), float("inf"), 1e300, 0.0, 400.0, 30.0, 150.0]) for _ in POINT]
    ends = str(dice.choice([len(head), len(head), len(head) - 1, 0, 10**12]))
    headers = {"Inference-Header-Content-Length": ends}
    return "/v2/models/fin/infer", head + struct.pack("<3d", *numbers), headers


def _post(service: Served, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    request = Request(service.base + path, body, {"Content-Type": "application/json"} | headers)
    try:
        with urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def _claims(document: dict[str, Any]) -> tuple[int, int]:
    """Sets of an answer that are marked within tolerance, and those among them that must not be."""
    asked = np.array([document["parameters"][name] for name in POINT]).T
    slack = 1e-9 * (UPPER - LOWER)
    good = ((asked >= LOWER - slack) & (asked <= UPPER + slack)).all(axis=1) & document["in_domain"]
    for output in document["outputs"].values():
        if output["tolerance"] is not None:
            figures = np.array(
                output["error_figure"], dtype=float
            )  # null becomes NaN, which is below nothing
            good &= figures <= output["tolerance"]
    within = np.array(document["verdict"]) == "within tolerance"
    return int(within.sum()), int((within & ~good).sum())
