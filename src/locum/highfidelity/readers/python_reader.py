"""The user's own reader by import path: any function of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from locum.exceptions import ModelError
from locum.highfidelity.python_model import function_version, load_name


@dataclass(frozen=True)
class PythonReader:
    """A function ``read(folder, **options)`` of the user's.

    Parameters
    ----------
    path
        ``file.py:name`` or ``package.module:name``.
    options
        Further arguments by name.

    Raises
    ------
    ModelError
        It cannot be imported, or is no function.
    """

    path: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ModelError(f"reader {self.path!r}: expected a function of a folder")

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The user's function."""
        found: Callable[..., Any] = load_name(self.path)
        return found

    @property
    def version(self) -> str:
        """Changes with the function's source file and the options."""
        return function_version(self.function, self.options)

    def read(self, folder: Path) -> Any:
        """What the function returns."""
        return self.function(folder, **self.options)
