"""Distributions of one parameter on its range: uniform, log-uniform, and normal cut off at the ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from locum.arrays import Array
from locum.exceptions import ParameterError


class Distribution(Protocol):
    """A distribution on a range, given by its inverse distribution function."""

    def quantile(self, probabilities: Array, lower: float, upper: float) -> Array:
        """Probabilities in [0, 1] to values in [lower, upper], any shape."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the ``kind``."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Every value of the range alike."""

    def quantile(self, probabilities: Array, lower: float, upper: float) -> Array:
        """Inverse distribution function."""
        return lower + probabilities * (upper - lower)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": "uniform"}


@dataclass(frozen=True)
class LogUniform:
    """Every order of magnitude of the range alike; the range is positive."""

    def quantile(self, probabilities: Array, lower: float, upper: float) -> Array:
        """Inverse distribution function."""
        return np.asarray(lower * (upper / lower) ** probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": "log-uniform"}


@dataclass(frozen=True)
class Normal:
    """A normal distribution cut off at the ends of the range.

    Parameters
    ----------
    mean, standard_deviation
        Of the distribution before it is cut off, in the parameter's unit.
    """

    mean: float
    standard_deviation: float

    def __post_init__(self) -> None:
        if not (
            np.isfinite(self.mean) and np.isfinite(self.standard_deviation) and self.standard_deviation > 0
        ):
            raise ParameterError(
                "normal distribution: expected a finite mean and a positive standard_deviation, "
                f"got {self.mean} and {self.standard_deviation}"
            )

    def quantile(self, probabilities: Array, lower: float, upper: float) -> Array:
        """Inverse distribution function of the truncated normal.

        Ranges above the mean are mirrored, so that a range far in the upper tail keeps its digits.
        """
        from scipy.special import ndtr, ndtri

        a, b = (np.array([lower, upper]) - self.mean) / self.standard_deviation
        mirrored = a > 0
        if mirrored:
            a, b, probabilities = -b, -a, 1 - probabilities
        z = ndtri(ndtr(a) + probabilities * (ndtr(b) - ndtr(a)))
        z = -z if mirrored else z
        return np.asarray(np.clip(self.mean + self.standard_deviation * z, lower, upper))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": "normal", "mean": self.mean, "standard_deviation": self.standard_deviation}


def distribution_from_dict(data: Mapping[str, Any]) -> Distribution:
    """Inverse of ``to_dict``.

    Raises
    ------
    ParameterError
        An unknown kind.
    """
    kinds: dict[str, type[Uniform] | type[LogUniform] | type[Normal]] = {
        "uniform": Uniform,
        "log-uniform": LogUniform,
        "normal": Normal,
    }
    kind = data["kind"]
    if kind not in kinds:
        raise ParameterError(f"distribution {kind!r} is unknown; expected one of {', '.join(kinds)}")
    return kinds[kind](**{key: value for key, value in data.items() if key != "kind"})
