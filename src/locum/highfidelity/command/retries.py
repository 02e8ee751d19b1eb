"""What is tried again after which failure, with which settings, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from locum.exceptions import ParameterError
from locum.parameters.expressions import Expressions


@dataclass(frozen=True)
class Retry:
    """One rule.

    Parameters
    ----------
    failures
        Classes of failures that it is for.
    times
        How often at most, for one sample.
    settings
        Setting to an expression of the settings and parameters: ``first_increment / 2``.
    """

    failures: Sequence[str]
    times: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    def undefined(self, known: Sequence[str]) -> list[str]:
        """A sentence for each setting that is no expression of what is known."""
        wrong = []
        for name, text in self.settings.items():
            try:
                Expressions(tuple(known), (text,))
            except ParameterError as error:
                wrong.append(f"retries: {name}: {error}")
        return wrong

    def changed(self, settings: Mapping[str, float], parameters: Mapping[str, float]) -> dict[str, float]:
        """The settings of the next attempt."""
        known = {**parameters, **settings}
        expressions = Expressions(tuple(known), tuple(self.settings.values()))
        values = expressions(np.array([list(known.values())]))[0]
        return {**settings, **dict(zip(self.settings, values.tolist(), strict=True))}


def next_retry(retries: Sequence[Retry], failures: Sequence[str]) -> Retry | None:
    """The rule for what comes after these failures of one sample, the last of which counts; None for nothing.

    Each rule is used at most ``times`` times, so that the number of attempts is bounded.
    """
    used = [0] * len(retries)
    chosen = None
    for failure in failures:
        chosen = next(
            (k for k, rule in enumerate(retries) if failure in rule.failures and used[k] < rule.times), None
        )
        if chosen is None:
            return None
        used[chosen] += 1
    return None if chosen is None else retries[chosen]
