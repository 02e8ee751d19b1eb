"""Jobs as documents: real simulations that a query asked for, and what they gave."""

from __future__ import annotations

from typing import Any

from locum.service.formats import zipped
from locum.service.problems import Problem
from locum.service.served import Served
from locum.service.service import Service
from locum.service.simulating import Simulations


def find_job(service: Service, name: str) -> tuple[Served, dict[str, Any]]:
    """A job of one of the studies, as it stands.

    Raises
    ------
    Problem
        There is none of that name.
    """
    for served in service.studies.values():
        document = job_document(served, name, service.simulations[served.name])
        if document is not None:
            return served, document
    raise Problem(404, "no job has this name")


def simulated_fields(served: Served, document: dict[str, Any]) -> bytes:
    """What the simulations of a job gave, as a zipped Zarr store.

    Raises
    ------
    Problem
        None is done.
    """
    done = [sample["sample"] for sample in document["samples"] if sample["outcome"] == "done"]
    if not done:
        raise Problem(409, f"no simulation of the job is done; it is {document['state']}")
    by_identity = {record.identity: record for record in served.work.samples()}
    return zipped(served.work.store.dataset([by_identity[identity] for identity in done]))


def job_document(served: Served, name: str, simulations: Simulations) -> dict[str, Any] | None:
    """A job as it stands; None if it is unknown."""
    samples = served.jobs.samples(name)
    if samples is None:
        return None
    by_identity = {record.identity: record for record in served.work.samples()}
    records = [by_identity[identity] for identity in samples if identity in by_identity]
    outcomes = [record.outcome for record in records]
    waiting = outcomes.count("planned")
    state = "waiting"
    if not waiting:
        state = "done" if "done" in outcomes else "failed"
    elif waiting < len(records) or simulations.running in samples:
        state = "running"
    return {
        "job": name,
        "surrogate": served.name,
        "state": state,
        "trouble": (simulations.trouble or None) if waiting else None,
        "progress": {
            "done": outcomes.count("done"),
            "failed": outcomes.count("failed"),
            "waiting": waiting,
        },
        "samples": [
            {
                "sample": record.identity,
                "parameters": dict(record.parameters),
                "outcome": record.outcome,
                "reason": record.reason or None,
                "quantities": dict(record.quantities),
                "seconds": record.seconds,
            }
            for record in records
        ],
    }
