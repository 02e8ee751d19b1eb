"""The query service under load, beside an empty endpoint of the same server.

The study of the five-minute tour (``configs/fin.yaml``) is run once and served by ``locum serve`` in a
process of its own, each part on a copy of its own. Asked for: predictions of quantities of interest at half
the rate of an empty endpoint or more, with 64 clients and no error; 100,000 parameter sets in one request in
2 s; memory that stays flat; a promotion that answers within 2 s; 1,000 promotions and rollbacks under 16
readers without a mixed answer or an error of the server; and what ``service_faults.py`` does.

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
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from service_faults import exceedances, fuzz, wrong
from serving import LOWER, POINT, PREDICT, UPPER, burst, raw, served

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def load(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Predictions beside an empty endpoint, by turns in the same run."""
    empty, asked = raw("GET", "/health/live"), raw("POST", PREDICT, {"parameters": POINT})
    turns: dict[str, list[dict[str, float]]] = {"empty endpoint": [], "predict": []}
    with served(study, "--no-retrain") as service:
        burst(service, [asked], 2.0, 64)
        for _ in range(3):
            for name, request in (("empty endpoint", empty), ("predict", asked)):
                turns[name].append(burst(service, [request], arguments.seconds / 3, 64))
    found = {
        name: {key: float(np.mean([turn[key] for turn in each])) for key in each[0]}
        for name, each in turns.items()
    }
    return found | {
        "seconds": arguments.seconds,
        "ratio": found["predict"]["per_second"] / found["empty endpoint"]["per_second"],
    }


def rows(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """100,000 parameter sets in one request, with all figures and verdicts: arrays in, arrays out."""
    import locum

    values = LOWER + np.random.default_rng(0).random((100_000, 3)) * (UPPER - LOWER)
    with served(study, "--no-retrain") as service:
        surrogate = locum.Client(service.base).surrogate("fin")
        seconds, processor = [], []
        for _ in range(7):
            started, before = time.perf_counter(), service.cpu
            prediction = surrogate.predict(values)
            arrays = [prediction["heat"], prediction.error_figures["heat"].value, prediction.verdict]
            seconds.append(time.perf_counter() - started)
            processor.append(service.cpu - before)
            assert all(len(array) == 100_000 for array in arrays)
    return {
        "shortest": min(seconds),
        "seconds": float(np.median(seconds)),
        "cpu_seconds": float(np.median(processor)),
    }


def memory(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Resident memory over many requests."""
    asked = raw("POST", PREDICT, {"parameters": POINT})
    with served(study, "--no-retrain") as service:
        burst(service, [asked], 3600, 16, arguments.requests // 10)
        sizes = [service.memory]
        for _ in range(9):
            burst(service, [asked], 3600, 16, arguments.requests // 10)
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


def swap(study: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """From a promotion by another process, as the loop makes it, to its first answer over HTTP."""
    from locum.execution.workspace import open_workspace

    seconds = []
    with served(study, "--no-retrain") as service, open_workspace(study, alone=False, quiet=True) as work:
        for version in [each.number for each in work.registry.versions()][: arguments.swaps]:
            before = work.registry.champion
            if version == before:
                continue
            started = time.perf_counter()
            work.registry.promote(version, expected=before)
            while service.ask(PREDICT, {"parameters": POINT})[1]["version"] != version:
                time.sleep(0.005)
            seconds.append(time.perf_counter() - started)
    return {"swaps": len(seconds), "median": float(np.median(seconds)), "longest": max(seconds)}


PARTS = {part.__name__: part for part in (load, rows, memory, swap, promotions, exceedances, wrong, fuzz)}


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
        figure = f"{part['shortest']:.2f} s, {part['seconds']:.2f} s"
        yield "100,000 parameter sets in one request, on the client's clock: shortest, median", figure, "2 s"
        yield "the same: processor time of the server", f"{part['cpu_seconds']:.2f} s", ""
    if "memory" in found:
        part = found["memory"]
        figure = f"{part['first_tenth_mb']:.0f} MB, {part['last_mb']:.0f} MB"
        yield f"memory after a tenth, and after all, of {part['requests']:,} requests", figure, "flat"
    if "swap" in found:
        part = found["swap"]
        figure = f"{part['median']:.2f} s, {part['longest']:.2f} s"
        yield f"from a promotion to its first answer, {part['swaps']} times: median, longest", figure, "2 s"
    if "promotions" in found:
        part = found["promotions"]
        moved = f"{part['moves']:,} promotions and rollbacks under 16 readers"
        yield f"{moved}: mixed of {part['answers']:,} answers", str(part["mixed"]), "0"
        yield f"{moved}: answers that failed", str(part["not_200"]), "0"
        yield f"{moved}: stale ones refused", str(part["stale_refused"]), str(part["moves"] // 2)
    if "exceedances" in found:
        part = found["exceedances"]
        what = f"{part['requests']:,} exceedances, Prefect's server down for {part['outage_seconds']:.0f} s"
        yield f"{what}: lost", str(part["lost"]), "0"
        yield (
            f"{what}: retrainings asked for, events at the server",
            f"{part['retrainings']}, {part['events']}",
            "1",
        )
        yield f"{what}: settled by the retraining", f"{part['settled']:,}", "all"
    if "wrong" in found:
        part = found["wrong"]
        what = f"{part['requests']:,} requests with wrong numbers, units and bytes"
        yield f"{what}: errors of the server", str(part["server_errors"]), "0"
        yield f"{what}: falsely within tolerance, of {part['marked_within']:,}", str(part["falsely"]), "0"
    if "fuzz" in found:
        part = found["fuzz"]
        yield f"schemathesis ({part['generated']}): exit status", str(part["exit_status"]), "0"


def report(found: dict[str, Any]) -> str:
    lines = ["| what | figure | limit |", "|---|---|---|"]
    lines += [f"| {what} | {figure} | {limit} |" for what, figure, limit in rows_of(found)]
    busy = [f"{name} {part['load_average']:.1f}" for name, part in found.items() if "load_average" in part]
    tail = f"\nLoad average of the machine at the end of a part: {', '.join(busy)}.\n" if busy else ""
    head = (
        "# Query service\n\n"
        f"`python benchmarks/service.py` on {os.cpu_count()} shared cores, with its clients.\n"
        "Where they were busy with other work, times on the clock are larger than they need be: compare\n"
        "ratios and processor times.\n\n"
    )
    return head + "\n".join(lines) + "\n" + tail


def main() -> None:
    parser = argparse.ArgumentParser(description="The query service under load.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--promotions", type=int, default=1000)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--exceedances", type=int, default=10_000)
    parser.add_argument("--outage", type=float, default=60.0, help="seconds without a Prefect server")
    parser.add_argument("--wrong", type=int, default=10_000)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keep the study here, to use it again")
    arguments = parser.parse_args()
    path = RESULTS / "service.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch) / "fin"
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / "fin.yaml"
        study = known if known.exists() else finished_study(folder)
        for name in arguments.parts or PARTS:
            copied = Path(shutil.copytree(folder, Path(scratch) / f"{name}-study")) / study.name
            measured = PARTS[name](copied, arguments)
            found[name] = {"cores": os.cpu_count(), "load_average": os.getloadavg()[0], **measured}
            print(name, json.dumps(found[name], indent=2), flush=True)
            path.write_text(json.dumps(found, indent=2) + "\n")
            (RESULTS / "service.md").write_text(report(found))


if __name__ == "__main__":
    main()
