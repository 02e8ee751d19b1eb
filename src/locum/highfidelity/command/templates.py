"""A folder of input files in which parameters stand for numbers: Jinja2, where undefined names are errors.

Files whose name ends in ``.j2`` are templates; all others are copied as they are. Templates can compute
(``{{ speed * cos(angle) }}``), repeat and choose, take rows of tables that lie beside them (``{% for node in
table("nodes.csv") %}{{ node.x }}``), and cannot touch anything outside: they run in Jinja2's sandbox.
"""

from __future__ import annotations

import csv
import hashlib
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from locum.exceptions import ModelError, SimulationError
from locum.parameters import unknown_name

SUFFIX = ".j2"
TABLE = "table"  # the function that gives a table's rows
FUNCTIONS = ("sqrt", "exp", "log", "sin", "cos", "tan", "tanh", "radians", "degrees", "floor", "ceil", "pi")
"""What templates can compute with, besides Jinja2's own filters and tests."""

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
)
_ENVIRONMENT.globals.update({name: getattr(math, name) for name in FUNCTIONS} | {"abs": abs})
_ENVIRONMENT.globals.update({"min": min, "max": max, "round": round})


@dataclass(frozen=True)
class Text:
    """One template: a file, or a line of the study.

    Parameters
    ----------
    where
        What a message calls it.
    source
        Its text.

    Raises
    ------
    ModelError
        Text that is no template, naming the line.
    """

    where: str
    source: str

    def __post_init__(self) -> None:
        _ = self._template

    @cached_property
    def _template(self) -> Template:
        try:
            return _ENVIRONMENT.from_string(self.source)
        except TemplateSyntaxError as error:
            raise ModelError(f"template {self.where}, line {error.lineno}: {error.message}") from None

    @cached_property
    def names(self) -> dict[str, int]:
        """Names that it takes from outside, each with the first line where it stands."""
        tree = _ENVIRONMENT.parse(self.source)
        free = meta.find_undeclared_variables(tree) - {*_ENVIRONMENT.globals, TABLE}
        lines: dict[str, int] = {}
        for node in tree.find_all(nodes.Name):
            if node.name in free:
                lines[node.name] = min(node.lineno, lines.get(node.name, node.lineno))
        return lines

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with values in the places of names.

        Raises
        ------
        SimulationError
            ``did not start``: it cannot be computed with these values.
        """
        try:
            return self._template.render(values)
        except (TemplateError, SecurityError, ArithmeticError, ValueError, TypeError, KeyError) as error:
            what = " ".join(str(error).split())
            raise SimulationError(
                f"template {self.where}{_line_of(error)}: {type(error).__name__}: {what}", "did not start"
            ) from None

    def undefined(self, known: Iterable[str]) -> list[str]:
        """A sentence for each name that is not ``known``, with its line."""
        known = tuple(known)
        return [
            f"template {self.where}, line {line}: {unknown_name('name', name, known)}"
            for name, line in sorted(self.names.items(), key=lambda item: item[1])
            if name not in known
        ]


@dataclass(frozen=True)
class Templates:
    """The input files of a program.

    Parameters
    ----------
    folder
        Where they are; sub-folders are kept.

    Raises
    ------
    ModelError
        No such folder, or a file that is no template.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise ModelError(
                f"templates: there is no folder {self.folder}; paths are relative to the study file"
            )
        _ = self.texts

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """All files, relative to the folder, in order; hidden ones and what Python compiles are left out."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return tuple(
            sorted(
                path
                for path in found
                if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            )
        )

    @cached_property
    def texts(self) -> Mapping[Path, Text]:
        """The templates by file."""
        texts = {}
        for path in self.files:
            if path.name.endswith(SUFFIX):
                try:
                    texts[path] = Text(str(path), (self.folder / path).read_text(encoding="utf-8"))
                except UnicodeDecodeError:
                    raise ModelError(f"template {path}: expected UTF-8 text") from None
        return texts

    @cached_property
    def hash(self) -> str:
        """SHA-256 of names and contents."""
        digest = hashlib.sha256()
        for path in self.files:
            content = (self.folder / path).read_bytes()
            digest.update(f"{path.as_posix()} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def table(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """Rows of a CSV file of the folder, each with its values by column: numbers where they are.

        Raises
        ------
        ValueError
            No such file, or a row that does not fit its column names.
        """
        if Path(name) not in self.files:
            raise ValueError(f"there is no table {name!r} beside the templates")
        if name not in self._tables:
            with (self.folder / name).open(encoding="utf-8", newline="") as file:
                header, *rows = ([cell.strip() for cell in row] for row in csv.reader(file) if row)
            numbered = [tuple(map(_value, row)) for row in rows]
            self._tables[name] = tuple(dict(zip(header, row, strict=True)) for row in numbered)
        return self._tables[name]

    @cached_property
    def _tables(self) -> dict[str, tuple[Mapping[str, Any], ...]]:
        return {}

    def render(self, folder: Path, values: Mapping[str, Any]) -> None:
        """Write the input files of one simulation.

        Raises
        ------
        SimulationError
            As :meth:`Text.render`.
        """
        for path in self.files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path in self.texts:
                target = target.with_name(target.name.removesuffix(SUFFIX))
                target.write_text(self.texts[path].render({**values, TABLE: self.table}), encoding="utf-8")
                shutil.copymode(self.folder / path, target)
            else:
                shutil.copy(self.folder / path, target)


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _line_of(error: BaseException) -> str:
    """Line of the template in which something was raised."""
    line, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    return f", line {line}" if line else ""
