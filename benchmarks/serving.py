"""A service in a process of its own, and many clients at once: what the benchmarks of it share."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np

POINT = {"base_temperature": 400.0, "film_coefficient": 30.0, "conductivity": 150.0}
LOWER, UPPER = np.array([330.0, 5.0, 15.0]), np.array([450.0, 100.0, 400.0])
PREDICT = "/v1/surrogates/fin:predict"


class Served:
    """A service in a process of its own."""

    def __init__(self, study: Path, *options: str, **environment: str) -> None:
        command = [sys.executable, "-m", "locum.cli", "serve", str(study), "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | environment
        )
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
def served(study: Path, *options: str, **environment: str) -> Iterator[Served]:
    service = Served(study, *options, **environment)
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
    port: int, requests: Sequence[bytes], until: float, most: int, seconds: list[float], failed: list[bytes]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until and len(seconds) < most:
        started = time.perf_counter()
        writer.write(requests[len(seconds) % len(requests)])
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        place = head.index(b"content-length:") + 15
        await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
        seconds.append(time.perf_counter() - started)
        if head[9:12] != b"200":
            failed.append(head[9:12])
    writer.close()


def burst(
    service: Served, requests: Sequence[bytes], length: float, clients: int, most: int = 10**9
) -> dict[str, float]:
    """Many clients that ask the same questions again and again; a client more than ``most`` may overlap."""
    seconds: list[float] = []
    failed: list[bytes] = []

    async def run() -> float:
        started = time.perf_counter()
        until = started + length
        await asyncio.gather(
            *(client(service.port, requests, until, most, seconds, failed) for _ in range(clients))
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
