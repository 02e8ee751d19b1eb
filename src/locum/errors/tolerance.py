"""What is asked of an output, and how its error is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

ErrorMeasure = Literal["relative", "absolute"]


@dataclass(frozen=True)
class Tolerance:
    """Largest acceptable error of one output.

    Parameters
    ----------
    value
        Positive. Infinite asks for nothing: a figure is given, and the verdict does not depend on it.
    error
        ``relative`` to the true value, or ``absolute`` in the output's unit. Errors of fields are relative,
        in the study's norm.
    """

    value: float = math.inf
    error: ErrorMeasure = "relative"

    def __post_init__(self) -> None:
        if not self.value > 0:
            raise ValueError(f"a tolerance must be positive, got {self.value}")
