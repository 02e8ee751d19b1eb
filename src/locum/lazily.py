"""Packages that import a module of theirs when one of its names is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package (PEP 562).

    Parameters
    ----------
    package
        Its name.
    modules
        Its modules, each to the names that the package takes from it, with spaces between.
    """
    where = {name: module for module, names in modules.items() for name in names.split()}

    def attribute(name: str) -> Any:
        if name in where:
            return getattr(import_module(f"{package}.{where[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return attribute
