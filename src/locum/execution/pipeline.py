"""Which simulations train in which round, so that the next ones run while a surrogate is trained.

The loop chooses two batches ahead: when the older has finished, the surrogate is trained on it while the
newer runs, and the next is chosen with the newer in view. Which batch a simulation belongs to, not when it
finished, decides in which round it trains; batches are written down before they are planned. So a run that
was killed, or had faster workers, goes through the same rounds to the same bits.
"""

from __future__ import annotations

import numpy as np

from locum.arrays import Array
from locum.execution.training import known_version
from locum.execution.workspace import Workspace
from locum.snapshots import SampleRecord

AHEAD = 2
"""Batches that are chosen ahead of the training."""

_DOCUMENT = "batches"


class Pipeline:
    """The batches that the loop has chosen for this study, in order; all but the first few are held back.

    Parameters
    ----------
    work
        The study. Batches that an interrupted run chose and could not plan any more are planned.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._of = {"study": work.study.hash, "model_version": work.model.version}
        document = work.store.document(_DOCUMENT) or {}
        mine = {key: document.get(key) for key in self._of} == self._of
        self._batches = [np.array(batch) for batch in document["batches"]] if mine else []
        for batch in self._batches:
            self._plan(batch)
        self._included = len(self._batches)

    @property
    def held_back(self) -> frozenset[str]:
        """Identities of the samples that do not train yet."""
        return frozenset(
            self._work.identity(row) for batch in self._batches[self._included :] for row in batch
        )

    @property
    def has_room(self) -> bool:
        """Whether another batch may be chosen."""
        return len(self._batches) < self._included + AHEAD

    def append(self, values: Array) -> list[SampleRecord]:
        """Add a batch of samples at parameter values (n, p) and plan them; nothing where there are none."""
        if not len(values):
            return []
        self._batches.append(values)
        batches = [batch.tolist() for batch in self._batches]
        self._work.store.save_document(_DOCUMENT, self._of | {"batches": batches})
        return self._plan(values)

    def advance(self) -> None:
        """From now on the oldest batch that is held back trains."""
        self._included = min(self._included + 1, len(self._batches))

    def resume(self) -> None:
        """Return to the newest round that was trained; where there is none, nothing is held back."""
        newest = len(self._batches)
        for included in range(newest, -1, -1):
            self._included = included
            if known_version(self._work, self.held_back) is not None:
                return
        self._included = newest

    def _plan(self, values: Array) -> list[SampleRecord]:
        return self._work.plan(values, "adaptive", len(self._work.rounds()))
