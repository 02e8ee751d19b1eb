"""What a surrogate was trained with."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("locum", "numpy", "scipy", "torch", "gpytorch", "scikit-learn", "xarray", "zarr")


def environment() -> dict[str, str]:
    """Versions of Python, the machine and the packages that influence a result, without importing them."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    return found | {package: _installed(package) for package in _PACKAGES}


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
