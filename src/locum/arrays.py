"""Arrays as they travel through the house, float64 unless a docstring says otherwise; and their names where
those of several parts are saved together.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
AnyArray = NDArray[Any]


def prefixed(arrays: Mapping[str, AnyArray], prefix: str) -> dict[str, AnyArray]:
    """Arrays of one part under names that begin with ``prefix``."""
    return {prefix + name: array for name, array in arrays.items()}


def joined(parts: Mapping[str, Mapping[str, AnyArray]]) -> dict[str, AnyArray]:
    """Arrays of several parts, as ``PART.NAME``."""
    return {f"{part}.{name}": array for part, found in parts.items() for name, array in found.items()}


def taken(arrays: Mapping[str, AnyArray], prefix: str) -> dict[str, AnyArray]:
    """Inverse of :func:`prefixed` and, part by part, of :func:`joined`."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
