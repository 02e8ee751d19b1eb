"""From parameter values to what is said about them, for one request or for several at once.

A prediction costs about as much for twenty parameter sets as for one. Requests that arrive together are
therefore answered together: while one batch is computed the next gathers by itself, and nobody waits for
company. Every answer comes from one whole version, whatever is promoted meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.errors import CheckedSurrogate
from locum.errors.checked import Verdict
from locum.errors.domain import Mask
from locum.execution.environment import available_cores

VERDICTS = (Verdict.WITHIN.value, Verdict.OVER.value, Verdict.OUTSIDE.value)
WITHIN, OVER, OUTSIDE = range(3)
SMALL = 512
"""Parameter sets that are answered at once, without a thread."""
_PART = 8192  # parameter sets that one thread answers at a time


@dataclass(frozen=True, eq=False)
class Loaded:
    """One whole version, as it answers.

    Parameters
    ----------
    number
        Of the version.
    checked
        What answers.
    training_set
        Hash of its training set.
    """

    number: int
    checked: CheckedSurrogate
    training_set: str

    @cached_property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """What is the same in every answer, by output."""
        description, calibration = self.checked.description, self.checked.calibration
        units = {name: field.unit for name, field in description.fields.items()} | dict(
            description.quantities
        )
        return {
            name: {
                "kind": "field" if name in description.fields else "quantity of interest",
                "unit": units[name],
                "error_kind": calibration.outputs[name].kind,
                "norm": calibration.outputs[name].norm,
                "coverage": self.coverage(name),
                "tolerance": self.checked.decisive.get(name),
            }
            for name in description.outputs
        }

    def coverage(self, output: str) -> float | None:
        """Coverage that the figures of an output claim; None for bounds and estimates."""
        calibration = self.checked.calibration.outputs[output]
        return calibration.coverage if calibration.kind == "indicator" else None


@dataclass(frozen=True, eq=False)
class Answers:
    """What is said about q parameter sets.

    Parameters
    ----------
    loaded
        The version that answered.
    values
        Parameter values, shape (q, p).
    quantities
        Quantities of interest, shape (q, k).
    figures
        Error figures of all outputs, shape (q, o); infinite where nothing can be claimed.
    ratios
        Error figure over tolerance, the largest over the outputs that have a tolerance, shape (q,).
    in_domain
        Shape (q,).
    codes
        Verdicts, as places in ``VERDICTS``, shape (q,).
    reasons
        Why a set lies outside the domain, by its row; rows inside are left out.
    """

    loaded: Loaded
    values: Array
    quantities: Array
    figures: Array
    ratios: Array
    in_domain: Mask
    codes: np.ndarray[Any, np.dtype[np.int8]]
    reasons: dict[int, str]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def verdicts(self) -> list[str]:
        """In words, one for each parameter set."""
        return [VERDICTS[code] for code in self.codes.tolist()]

    @cached_property
    def counts(self) -> tuple[int, int]:
        """Parameter sets over tolerance, and outside the domain."""
        if len(self.codes) == 1:
            code = self.codes.item()
            return int(code == OVER), int(code == OUTSIDE)
        return int((self.codes == OVER).sum()), int((self.codes == OUTSIDE).sum())

    def part(self, first: int, last: int) -> Answers:
        """Rows from ``first`` to before ``last``, as an answer of their own."""
        rows = slice(first, last)
        return Answers(
            self.loaded,
            self.values[rows],
            self.quantities[rows],
            self.figures[rows],
            self.ratios[rows],
            self.in_domain[rows],
            self.codes[rows],
            {row - first: text for row, text in self.reasons.items() if first <= row < last},
        )

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """Inverse of :meth:`part`: answers of one version, one below the other."""
        reasons: dict[int, str] = {}
        first = 0
        for part in parts:
            reasons |= {first + row: text for row, text in part.reasons.items()}
            first += len(part)
        return cls(
            parts[0].loaded,
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.quantities for part in parts]),
            np.concatenate([part.figures for part in parts]),
            np.concatenate([part.ratios for part in parts]),
            np.concatenate([part.in_domain for part in parts]),
            np.concatenate([part.codes for part in parts]),
            reasons,
        )


def answer_many(loaded: Loaded, values: Array, trusted: bool = True) -> Answers:
    """As :func:`answer`, for many parameter sets: a part of them in a thread on each core."""
    parts = [values[first : first + _PART] for first in range(0, len(values), _PART)]
    with ThreadPoolExecutor(available_cores()) as threads:
        return Answers.joined(list(threads.map(lambda part: answer(loaded, part, trusted), parts)))


def answer(loaded: Loaded, values: Array, trusted: bool = True) -> Answers:
    """Answer for parameter values (q, p).

    Parameters
    ----------
    trusted
        Whether the claims of the version stand; if audits have refuted them nothing is within tolerance.
    """
    with np.errstate(all="ignore"):  # far outside the ranges anything may overflow; it is marked as outside
        return _answer(loaded, values, trusted)


def _answer(loaded: Loaded, values: Array, trusted: bool) -> Answers:
    prediction = loaded.checked.predict(values)
    outputs = loaded.checked.description.outputs
    figures = np.stack([prediction.claimed(name) for name in outputs], axis=1)
    in_domain = prediction.in_domain
    columns = [outputs.index(name) for name in loaded.checked.decisive]
    tolerances = np.array(list(loaded.checked.decisive.values()))
    within = (figures[:, columns] <= tolerances).all(axis=1) & trusted
    codes = np.where(in_domain, np.where(within, WITHIN, OVER), OUTSIDE).astype(np.int8)
    reasons = {}
    if not in_domain.all():
        reasons = {row: text for row, text in enumerate(prediction.domain_reasons) if text}
    known = list(prediction.quantities.values())
    quantities = np.stack(known, axis=1) if known else np.empty((len(values), 0))
    ratios = (figures[:, columns] / tolerances).max(axis=1)
    return Answers(loaded, values, quantities, figures, ratios, in_domain, codes, reasons)


class Together:
    """Answers small requests to one version in batches: those that arrive together."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.trusted = True
        self._waiting: list[tuple[Array, asyncio.Future[Answers]]] = []

    async def answer(self, values: Array) -> Answers:
        """Answer for parameter values (q, p), together with whoever asks in the same moment."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answers] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer_all)
        self._waiting.append((values, future))
        return await future

    def _answer_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for block in _blocks(waiting):
            self._answer_block(block)

    def _answer_block(self, block: list[tuple[Array, asyncio.Future[Answers]]]) -> None:
        try:
            answers = answer(self.loaded, np.concatenate([values for values, _ in block]), self.trusted)
        except Exception as error:
            for values, future in block:
                if len(block) > 1:
                    self._answer_block([(values, future)])  # what one asks is no fault of the others
                elif not future.done():
                    future.set_exception(error)
            return
        first = 0
        for values, future in block:
            if not future.done():  # the caller may have gone
                future.set_result(answers.part(first, first + len(values)))
            first += len(values)


def _blocks(waiting: list[Any]) -> Iterator[list[Any]]:
    """Requests in blocks of not much more than ``SMALL`` parameter sets."""
    block: list[Any] = []
    rows = 0
    for each in waiting:
        block.append(each)
        rows += len(each[0])
        if rows >= SMALL:
            yield block
            block, rows = [], 0
    if block:
        yield block
