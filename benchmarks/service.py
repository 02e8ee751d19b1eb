"""The query service under load, beside an empty endpoint of the same server.

The study of the five-minute tour (``configs/fin.yaml``) is run once and served by ``locum serve`` in a
process of its own. Asked for: predictions of quantities of interest at half the rate of an empty endpoint or
more, with 64 clients and no error; 100,000 parameter sets in one request in 2 s; memory that stays flat;
1,000 promotions and rollbacks under 16 readers without a mixed answer or an error of the server; 10,000
exceedances, of which none is lost while a Prefect server is down; generated requests (schemathesis) without
an error of the server.

    python benchmarks/service.py                    # everything, at full length: about an hour
    python benchmarks/service.py load rows --seconds 10
    python benchmarks/service.py fuzz --cases 10000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import yaml

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
POINT = {"base_temperature": 400.0, "film_coefficient": 30.0, "conductivity": 150.0}
LOWER, UPPER = np.array([330.0, 5.0, 15.0]), np.array([450.0, 100.0, 400.0])
PREDICT = "/v1/surrogates/fin:predict"


class Served:
    """A service in a process of its own."""

    def __init__(self, study: Path, *options: str) -> None:
        command = [sys.executable, "-m", "locum.cli", "serve", str(study), "--port", "0", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.base = self.process.stderr.readline().split()[3]
        self.port = int(self.base.rsplit(":", 1)[1])

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and document."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.base + path, data, {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def cpu(self) -> float:
        """Processor time in seconds."""
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def served(study: Path, *options: str) -> Iterator[Served]:
    service = Served(study, *options)
    try:
        yield service
    finally:
        service.stop()


def raw(method: str, path: str, body: Any = None) -> bytes:
    """A request as it goes over the wire."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}\r\n".encode() + content


async def client(
    port: int, request: bytes, until: float, most: int, seconds: list[float], failed: list[bytes]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until and len(seconds) < most:
        started = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        place = head.index(b"content-length:") + 15
        await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
        seconds.append(time.perf_counter() - started)
        if head[9:12] != b"200":
            failed.append(head[9:12])
    writer.close()


def burst(
    service: Served, request: bytes, length: float, clients: int, most: int = 10**9
) -> dict[str, float]:
    """Many clients that ask the same again and again."""
    seconds: list[float] = []
    failed: list[bytes] = []

    async def run() -> float:
        started = time.perf_counter()
        until = started + length
        await asyncio.gather(
            *(client(service.port, request, until, most, seconds, failed) for _ in range(clients))
        )
        return time.perf_counter() - started

    before = service.cpu
    elapsed = asyncio.run(run())
    return {
        "requests": len(seconds),
        "per_second": len(seconds) / elapsed,
        "cpu_us": 1e6 * (service.cpu - before) / len(seconds),
        "p50_ms": 1e3 * float(np.quantile(seconds, 0.5)),
        "p99_ms": 1e3 * float(np.quantile(seconds, 0.99)),
        "failed": len(failed),
    }


def load(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Predictions beside an empty endpoint, by turns in the same run."""
    empty, asked = raw("GET", "/health/live"), raw("POST", PREDICT, {"parameters": POINT})
    turns: dict[str, list[dict[str, float]]] = {"empty endpoint": [], "predict": []}
    with served(study, "--no-retrain") as service:
        burst(service, asked, 2.0, 64)
        for _ in range(3):
            for name, request in (("empty endpoint", empty), ("predict", asked)):
                turns[name].append(burst(service, request, arguments.seconds / 3, 64))
    found = {
        name: {key: float(np.mean([turn[key] for turn in each])) for key in each[0]}
        for name, each in turns.items()
    }
    return found | {
        "seconds": arguments.seconds,
        "ratio": found["predict"]["per_second"] / found["empty endpoint"]["per_second"],
    }


def rows(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """100,000 parameter sets in one request, with all figures and verdicts."""
    values = LOWER + np.random.default_rng(0).random((100_000, 3)) * (UPPER - LOWER)
    body = {"parameters": dict(zip(POINT, values.T.tolist(), strict=True))}
    with served(study, "--no-retrain") as service:
        seconds, processor = [], []
        for _ in range(3):
            started, before = time.perf_counter(), service.cpu
            status, answer = service.ask(PREDICT, body)
            seconds.append(time.perf_counter() - started)
            processor.append(service.cpu - before)
            assert status == 200 and answer["rows"] == 100_000
    return {"seconds": min(seconds), "cpu_seconds": min(processor)}


def memory(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Resident memory over many requests."""
    asked = raw("POST", PREDICT, {"parameters": POINT})
    with served(study, "--no-retrain") as service:
        burst(service, asked, 3600, 16, arguments.requests // 10)
        sizes = [service.memory]
        for _ in range(9):
            burst(service, asked, 3600, 16, arguments.requests // 10)
            sizes.append(service.memory)
    return {"requests": arguments.requests, "first_tenth_mb": sizes[0], "last_mb": sizes[-1]}


def promotions(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Promotions and rollbacks while readers ask; every answer must be that of one whole version."""
    with served(study, "--no-retrain") as service:
        newest = service.ask("/v1/surrogates/fin/versions")[1]["champion"]
        known = {}
        for version in (1, newest):
            answer = service.ask(PREDICT, {"parameters": POINT, "version": version})[1]
            known[version] = (answer["training_set"], answer["outputs"]["heat"]["values"][0])
        counted = {"answers": 0, "mixed": 0, "not_200": 0, "stale_refused": 0}
        done = asyncio.Event()

        async def read() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            request = raw("POST", PREDICT, {"parameters": POINT})
            while not done.is_set():
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                place = head.index(b"content-length:") + 15
                body = await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
                counted["answers"] += 1
                if head[9:12] != b"200":
                    counted["not_200"] += 1
                    continue
                answer = json.loads(body)
                training_set, heat = known[answer["version"]]
                same = abs(answer["outputs"]["heat"]["values"][0] / heat - 1) < 1e-9
                counted["mixed"] += not (same and answer["training_set"] == training_set)

        async def move() -> None:
            for _ in range(arguments.promotions // 2):
                forward = {"version": 1, "expected": newest}
                for path, body, wanted in (
                    (":promote", forward, 200),
                    (":promote", forward, 409),
                    (":rollback", {"expected": 1}, 200),
                ):
                    status, _ = await asyncio.to_thread(service.ask, f"/v1/surrogates/fin{path}", body)
                    assert status == wanted, (path, status)
                    counted["stale_refused"] += wanted == 409
            done.set()

        async def run() -> None:
            await asyncio.gather(move(), *(read() for _ in range(16)))

        asyncio.run(run())
    return {"moves": arguments.promotions, **counted}


def exceedances(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Queries outside the domain while no Prefect server answers; all must wait in the outbox."""
    from locum.queries import Outbox
    from locum.snapshots import Database

    os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    asked = raw("POST", PREDICT, {"parameters": POINT | {"conductivity": 500.0}})
    outbox = Outbox(Database(study.parent / "fin-study" / "catalogue.db"))
    try:
        before = outbox.depth()
        with served(study) as service:
            found = burst(service, asked, 3600, 64, arguments.exceedances - 63)
        waiting = outbox.depth() - before
    finally:
        del os.environ["PREFECT_API_URL"]
    return {**found, "waiting": waiting, "lost": int(found["requests"]) - waiting}


def fuzz(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Generated requests against the OpenAPI document."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    with served(study, "--no-retrain") as service:
        operations = sum(len(methods) for methods in service.ask("/openapi.json")[1]["paths"].values())
        checks = (
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        )
        command = [str(program), "run", f"{service.base}/openapi.json", "--checks", checks, "--seed", "1"]
        command += ["--max-examples", str(max(1, arguments.cases // operations)), "--no-color"]
        done = subprocess.run(command, capture_output=True, text=True)
        metrics = urlopen(f"{service.base}/metrics").read().decode()
    tail = done.stdout.strip().splitlines()[-25:]
    sets = next(line for line in metrics.splitlines() if line.startswith("locum_parameter_sets_total"))
    return {"exit_status": done.returncode, "operations": operations, "answered": sets, "said": tail}


PARTS = {part.__name__: part for part in (load, rows, memory, promotions, exceedances, fuzz)}


def finished_study(folder: Path) -> Path:
    """The study of the tour, run to its end."""
    study = yaml.safe_load((HERE.parent / "configs" / "fin.yaml").read_text())
    study["storage"] = {"folder": "fin-study"}
    shutil.copy(HERE.parent / "configs" / "fin.py", folder)
    path = folder / "fin.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    command = [sys.executable, "-m", "locum.cli", "run", str(path), "-q"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def rows_of(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What was measured, the figure, and its limit."""
    if "load" in found:
        part = found["load"]
        empty, asked = part["empty endpoint"], part["predict"]
        yield (
            "predict over an empty endpoint, 64 clients: requests a second",
            f"{part['ratio']:.2f}",
            ">= 0.5",
        )
        yield "empty endpoint: processor time a request", f"{empty['cpu_us']:.0f} µs", ""
        yield "predict: processor time a request", f"{asked['cpu_us']:.0f} µs", ""
        yield "predict: median, 99 % quantile", f"{asked['p50_ms']:.0f} ms, {asked['p99_ms']:.0f} ms", ""
        yield "predict: requests that failed", f"{asked['failed']:.0f}", "0"
    if "rows" in found:
        part = found["rows"]
        yield "100,000 parameter sets in one request: processor time", f"{part['cpu_seconds']:.2f} s", "2 s"
        yield "the same on the clock, client and network included", f"{part['seconds']:.2f} s", ""
    if "memory" in found:
        part = found["memory"]
        figure = f"{part['first_tenth_mb']:.0f} MB, {part['last_mb']:.0f} MB"
        yield f"memory after a tenth, and after all, of {part['requests']:,} requests", figure, "flat"
    if "exceedances" in found:
        part = found["exceedances"]
        yield f"{part['requests']:,} exceedances without a Prefect server: lost", str(part["lost"]), "0"
    if "promotions" in found:
        part = found["promotions"]
        moved = f"{part['moves']:,} promotions and rollbacks under 16 readers"
        yield f"{moved}: mixed of {part['answers']:,} answers", str(part["mixed"]), "0"
        yield f"{moved}: answers that failed", str(part["not_200"]), "0"
        yield f"{moved}: stale ones refused", str(part["stale_refused"]), str(part["moves"] // 2)
    if "fuzz" in found:
        part = found["fuzz"]
        yield f"generated requests ({part['answered']}): exit status", str(part["exit_status"]), "0"


def report(found: dict[str, Any]) -> str:
    lines = ["| what | figure | limit |", "|---|---|---|"]
    lines += [f"| {what} | {figure} | {limit} |" for what, figure, limit in rows_of(found)]
    head = (
        "# Query service\n\n"
        f"`python benchmarks/service.py` on {os.cpu_count()} shared cores, with its clients.\n"
        "Where they were busy with other work, times on the clock are larger than they need be: compare\n"
        "ratios and processor times.\n\n"
    )
    return head + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="The query service under load.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--promotions", type=int, default=1000)
    parser.add_argument("--exceedances", type=int, default=10_000)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keep the study here, to use it again")
    arguments = parser.parse_args()
    path = RESULTS / "service.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / "fin.yaml"
        study = known if known.exists() else finished_study(folder)
        for name in arguments.parts:
            found[name] = {"cores": os.cpu_count(), **PARTS[name](study, arguments)}
            print(name, json.dumps(found[name], indent=2), flush=True)
            path.write_text(json.dumps(found, indent=2) + "\n")
            (RESULTS / "service.md").write_text(report(found))


if __name__ == "__main__":
    main()
