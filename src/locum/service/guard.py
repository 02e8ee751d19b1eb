"""Who may ask what, and how often: API keys with scopes, and a bucket of requests for each caller."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from locum.exceptions import StorageError
from locum.queries import Keys, Scope
from locum.service.problems import Problem

_LOOK_AGAIN = 1.0  # seconds after which the file of keys is looked at again
_CALLERS = 10_000  # remembered at most


@dataclass
class Bucket:
    """Requests that one caller has left, filled at a constant rate up to those of two seconds."""

    rate: float
    left: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.left, self.at = self._full, time.monotonic()

    @property
    def _full(self) -> float:
        return max(1.0, 2 * self.rate)

    def take(self) -> float:
        """Take one request; seconds to wait where there is none, 0 otherwise."""
        now = time.monotonic()
        self.left = min(self._full, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return (1 - self.left) / self.rate
        self.left -= 1
        return 0.0


class Guard:
    """Lets requests in, or refuses them.

    Parameters
    ----------
    path
        File of keys; without one everybody may do everything. It is read again when it changes.
    rate
        Requests a second of one caller; None for no limit.
    """

    def __init__(self, path: Path | None, rate: float | None) -> None:
        self._path, self._rate = path, rate
        self._buckets: dict[str, Bucket] = {}
        self._looked, self._changed = -math.inf, 0
        self._keys = Keys({})
        if path is not None:
            self._keys = Keys.load(path)

    def admit(self, request: Request, scope: Scope) -> str:
        """Let a request in that may do this; returns who asks.

        Raises
        ------
        Problem
            No key or an unknown one, one without the scope, or too many requests.
        """
        caller = request.client.host if request.client else ""
        if self._path is not None:
            caller = self._caller(request, scope)
        if self._rate is not None:
            self._count(caller, self._rate)
        return caller

    def _caller(self, request: Request, scope: Scope) -> str:
        self._refresh()
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        key = self._keys.find(secret.strip()) if kind.lower() == "bearer" else None
        if key is None:
            raise Problem(
                401, "expected an API key: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"}
            )
        if scope not in key.scopes:
            raise Problem(403, f"the key {key.name!r} lacks the scope {scope.value!r}")
        return key.name

    def _count(self, caller: str, rate: float) -> None:
        if caller not in self._buckets and len(self._buckets) >= _CALLERS:
            self._buckets.pop(next(iter(self._buckets)))
        wait = self._buckets.setdefault(caller, Bucket(rate)).take()
        if wait:
            raise Problem(429, f"more than {rate:g} requests a second", {"Retry-After": str(math.ceil(wait))})

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._path is None or now - self._looked < _LOOK_AGAIN:
            return
        self._looked = now
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._changed:
                self._keys, self._changed = Keys.load(self._path), changed
        except (OSError, StorageError):
            self._keys, self._changed = Keys({}), 0  # a file that is gone or damaged lets nobody in
