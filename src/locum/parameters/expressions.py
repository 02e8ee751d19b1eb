"""Functions of the parameters written as text: what a saved surrogate can hold where it may not hold code.

``"conductivity_11"``, ``"cos(angle)"`` or ``"1 / (1 + exp(-rate * load))"``: numbers, parameters, the four
operations, powers, and a fixed list of functions. Text is parsed once into its tree; a tree with anything
else in it is refused, so that reading a file can compute numbers and nothing more.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from locum.arrays import Array
from locum.exceptions import ParameterError

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    name: getattr(np, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "tanh", "abs")
} | {"min": np.minimum, "max": np.maximum}
_CONSTANTS = {"pi": np.pi}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_ARGUMENTS = {"min": 2, "max": 2}
_SHOWN = 100  # characters of a text that is refused
_DEEPEST = 200  # operations within each other: far below what the interpreter bears


@dataclass(frozen=True)
class Expressions:
    """Several functions of the same parameters.

    Parameters
    ----------
    names
        Parameters in column order.
    texts
        One expression a function.

    Raises
    ------
    ParameterError
        Text that is no expression of these parameters; the message quotes it.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        for text, tree in zip(self.texts, self._trees, strict=True):
            self._check(tree, _quoted(text))

    def __call__(self, values: Array) -> Array:
        """Values (m, p) of the parameters to values (m, k) of the functions; not finite where undefined."""
        columns: dict[str, Any] = {name: values[:, j] for j, name in enumerate(self.names)}
        result = np.empty((len(values), len(self.texts)))
        with np.errstate(all="ignore"):
            for k, tree in enumerate(self._trees):
                result[:, k] = _evaluated(tree, columns)
        return result

    @cached_property
    def _trees(self) -> tuple[ast.expr, ...]:
        return tuple(_parsed(text) for text in self.texts)

    def _check(self, node: ast.AST, quoted: str, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise ParameterError(f"expression {quoted}: over {_DEEPEST} operations in each other")
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            if abs(node.value) > sys.float_info.max:
                raise ParameterError(f"expression {quoted}: a number is too large")
            return
        if isinstance(node, ast.Name):
            if node.id in self.names or node.id in _CONSTANTS:
                return
            raise ParameterError(
                f"expression {quoted}: unknown name {node.id!r}; expected {', '.join(self.names)} or pi"
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            return self._check(node.operand, quoted, depth + 1)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            self._check(node.left, quoted, depth + 1)
            return self._check(node.right, quoted, depth + 1)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            if node.keywords or len(node.args) != _ARGUMENTS.get(node.func.id, 1):
                raise ParameterError(f"expression {quoted}: wrong number of arguments of {node.func.id}")
            for argument in node.args:
                self._check(argument, quoted, depth + 1)
            return None
        raise ParameterError(
            f"expression {quoted}: expected numbers, parameters, + - * / **, and {', '.join(_FUNCTIONS)}"
        )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ParameterError(
            f"expression {_quoted(text)} cannot be read; check brackets and operators"
        ) from None


def _evaluated(node: ast.expr, columns: Mapping[str, Any]) -> Any:
    """The value of a tree that was checked."""
    if isinstance(node, ast.Constant):
        return np.float64(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return columns[node.id] if node.id in columns else _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp):
        value = _evaluated(node.operand, columns)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_evaluated(node.left, columns), _evaluated(node.right, columns))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return _FUNCTIONS[node.func.id](*(_evaluated(argument, columns) for argument in node.args))
