"""What a surrogate was trained with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("locum", "numpy", "scipy", "torch", "gpytorch", "scikit-learn", "xarray", "zarr")


def environment() -> dict[str, str]:
    """Versions of Python, the machine and the packages that influence a result, without importing them."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
