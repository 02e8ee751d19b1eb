"""What is known of one field before any of its numbers: name, dimensions, sizes and unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FieldDescription:
    """One field of a snapshot.

    Parameters
    ----------
    name
        Name of the field.
    dimensions
        Out of ``("time", "node", "component")``, in this order.
    shape
        Sizes along ``dimensions``.
    unit
        Unit of the values.
    """

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    unit: str

    @property
    def nbytes(self) -> int:
        """Bytes of one snapshot of this field."""
        return 8 * int(np.prod(self.shape))
