"""A sample's identity: the content hash of the model, its version and the parameter values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def sample_identity(model: str, version: str, parameters: Mapping[str, float]) -> str:
    """Hash what determines a simulation's result.

    Parameters
    ----------
    model, version
        Name and version of the high-fidelity model.
    parameters
        Name to value; the order of the names does not matter, every bit of the values does.

    Returns
    -------
    str
        SHA-256 in hexadecimal, over canonical JSON: sorted names, values written by ``float.hex``.
    """
    # 0.0 + x turns -0.0 into 0.0: they are the same point of the parameter space
    values = {name: (0.0 + float(value)).hex() for name, value in parameters.items()}
    canonical = json.dumps(
        {"model": model, "version": version, "parameters": values}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()
