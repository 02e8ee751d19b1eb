"""What a service may be told: limits, how eager it is to audit and retrain, how long it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from locum.queries import Triggers


@dataclass(frozen=True)
class Limits:
    """What one request, and one caller, may ask.

    Parameters
    ----------
    body
        Bytes of a request.
    rows
        Parameter sets of a request.
    numbers
        Numbers of field values in one answer.
    rate
        Requests a second of one caller, on average; None for no limit.
    waiting
        Large requests that may wait for their turn.
    simulations
        Simulations that one request may ask for.
    """

    body: int = 64 * 2**20
    rows: int = 200_000
    numbers: int = 50_000_000
    rate: float | None = None
    waiting: int = 8
    simulations: int = 16


@dataclass(frozen=True)
class Options:
    """How a service runs.

    Parameters
    ----------
    limits
        Of requests.
    keys
        File of API keys; without one everybody who reaches the service may do everything.
    triggers
        When queries start a retraining.
    retrain
        Whether they do.
    prefect
        Address of the Prefect server whose automation starts retrainings; None starts them as children.
    audit_share
        Share of the answers inside the domain that is simulated in idle time.
    idle
        Seconds without a request after which time is idle.
    retention
        Seconds for which queries are remembered.
    hosts
        Names under which the service may be called; None for any.
    """

    limits: Limits = Limits()
    keys: Path | None = None
    triggers: Triggers = field(default_factory=Triggers)
    retrain: bool = True
    prefect: str | None = None
    audit_share: float = 0.01
    idle: float = 10.0
    retention: float = 30 * 86400.0
    hosts: tuple[str, ...] | None = None
