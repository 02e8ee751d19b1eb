"""The user's own model by import path: a class that keeps the contract, or any function of the parameters.

``file.py:name`` is looked up beside the study, ``package.module:name`` is imported.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import xarray as xr

from locum.exceptions import ModelError
from locum.highfidelity.contract import HighFidelityModel
from locum.highfidelity.plain_snapshot import plain_snapshot
from locum.parameters import ParameterSpace, unknown_name


@dataclass(frozen=True, eq=False)
class FunctionModel:
    """A function of the parameters as a high-fidelity model.

    Parameters
    ----------
    function
        Takes the parameters by name, or as one mapping of names to numbers; returns what
        :func:`~locum.highfidelity.plain_snapshot.plain_snapshot` understands.
    name, version, parameters
        As in :class:`~locum.highfidelity.contract.HighFidelityModel`.
    options
        Further arguments by name, the same for every simulation.
    units
        Unit of each field, number, and of ``coordinates`` and ``times``.

    Raises
    ------
    ModelError
        A function that does not take these parameters and options.
    """

    function: Callable[..., Any]
    name: str
    version: str
    parameters: ParameterSpace
    options: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", _takes_names(self))

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Call the function; whatever it raises passes through."""
        values = dict(zip(self.parameters.names, self.parameters.matrix(parameters)[0].tolist(), strict=True))
        by_name: bool = self.__dict__["_by_name"]
        result = self.function(**values, **self.options) if by_name else self.function(values, **self.options)
        return plain_snapshot(result, self.units)


def load_python_model(
    path: str,
    *,
    folder: Path | str = ".",
    parameters: ParameterSpace | None = None,
    options: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
    version: str | None = None,
) -> HighFidelityModel:
    """Load a user's model.

    Parameters
    ----------
    path
        ``file.py:name`` or ``package.module:name``.
    folder
        Where a relative file is looked up. The file's own folder joins the end of the import path, so that it
        may import its neighbours.
    parameters
        The space of a function; a class brings its own.
    options
        Arguments by name for the class or function.
    units
        Units of what a function returns as plain arrays.
    version
        Version of a function. Left out: its attribute ``version`` or, failing that, a hash of the source file
        it stands in (comments and formatting do not count) and of the options. Code that the file imports is
        not looked at: who changes that names a version.

    Returns
    -------
    HighFidelityModel
        An instance of the user's class itself, with all its capabilities, or a :class:`FunctionModel`.

    Raises
    ------
    ModelError
        It cannot be imported, is not there, or does not keep the contract.
    """
    found = load_name(path, folder)
    options = dict(options or {})
    if not inspect.isclass(found) and isinstance(found, HighFidelityModel):
        return found
    if inspect.isclass(found):
        return _instance(found, path, options)
    if not callable(found):
        raise ModelError(f"model path {path!r}: expected a class or a function, found {type(found).__name__}")
    if parameters is None:
        raise ModelError(f"model path {path!r}: a function needs parameters in the study, each with a range")
    version = version or function_version(found, options)
    name = path.rpartition(":")[2]
    return FunctionModel(found, name, str(version), parameters, options, dict(units or {}))


def load_name(path: str, folder: Path | str = ".") -> Any:
    """What stands under ``file.py:name`` or ``package.module:name``.

    Raises
    ------
    ModelError
        It cannot be imported, or is not there.
    """
    location, separator, name = path.rpartition(":")
    if not separator or not location or not name:
        raise ModelError(f"model path {path!r}: expected 'file.py:name' or 'package.module:name'")
    module = _module(location, Path(folder))
    found = getattr(module, name, None)
    if found is None:
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ModelError(f"model path {path!r}: " + unknown_name("name", name, public))
    return found


def function_version(function: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """The function's attribute ``version`` or, failing that, a hash of its source file and the options.

    Raises
    ------
    ModelError
        It has no source file.
    """
    return str(getattr(function, "version", None) or _source_version(function, options))


class _FreshLoader(SourceFileLoader):
    """Compiles the text itself: what runs is what the version is taken from, never a stale cached file."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Say that no cached file can be compared with the source."""
        raise OSError(path)


def _module(location: str, folder: Path) -> ModuleType:
    if not location.endswith(".py"):
        try:
            return importlib.import_module(location)
        except Exception as error:
            raise ModelError(f"model module {location!r} cannot be imported: {_described(error)}") from error
    file = (folder / location).resolve()
    if not file.is_file():
        raise ModelError(f"model file {file} does not exist; paths are relative to the study file")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    name = f"_locum_model_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    loader = _FreshLoader(name, str(file))
    module = module_from_spec(ModuleSpec(name, loader, origin=str(file)))
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses and pickling look their module up
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ModelError(f"model file {file} cannot be imported: {_described(error, file)}") from error
    return module


def _described(error: BaseException, file: Path | None = None) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
    ]
    return f"{type(error).__name__}: {error}" + (f" (line {lines[-1]})" if lines else "")


def _instance(kind: type, path: str, options: Mapping[str, Any]) -> HighFidelityModel:
    try:
        model = kind(**options)
    except Exception as error:
        raise ModelError(f"model class {path!r} refuses its options: {_described(error)}") from error
    if not isinstance(model, HighFidelityModel):
        missing = [name for name in ("name", "version", "parameters", "simulate") if not hasattr(model, name)]
        raise ModelError(
            f"model class {path!r} lacks {', '.join(missing)}; a high-fidelity model has name, version, "
            "parameters and simulate(parameters)"
        )
    if not isinstance(model.parameters, ParameterSpace):
        raise ModelError(
            f"model class {path!r}: parameters is {type(model.parameters).__name__}, "
            "expected a ParameterSpace"
        )
    return model


def _takes_names(model: FunctionModel) -> bool:
    """Whether the function takes the parameters by name, rather than as one mapping."""
    where = f"model function {model.name!r}"
    arguments = inspect.signature(model.function).parameters.values()
    catches_all = any(argument.kind is inspect.Parameter.VAR_KEYWORD for argument in arguments)
    named = [
        a
        for a in arguments
        if a.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    ]
    names = [argument.name for argument in named]
    for option in model.options:
        if option not in names and not catches_all:
            raise ModelError(f"{where}: " + unknown_name("option", option, names))
        if option in model.parameters.names:
            raise ModelError(f"{where}: {option!r} is both a parameter and an option; keep one")
    space = model.parameters.names
    free = [a.name for a in named if a.name not in model.options and a.default is inspect.Parameter.empty]
    if not set(space) & set(names) and len(free) == 1:
        return False
    for parameter in space:
        if parameter not in names and not catches_all:
            raise ModelError(f"{where}: " + unknown_name("parameter", parameter, names))
    for name in free:
        if name not in space:
            raise ModelError(
                f"{where} needs {name!r}, which is neither a parameter ({', '.join(space)}) nor an option"
            )
    return True


def _source_version(function: Callable[..., Any], options: Mapping[str, Any]) -> str:
    written = inspect.unwrap(function) if inspect.isroutine(function) else type(function)
    try:
        source = Path(inspect.getfile(written)).read_text(encoding="utf-8")
    except (OSError, TypeError):
        raise ModelError(
            f"model {getattr(function, '__name__', function)!r} has no source file to take a version from; "
            "name a version"
        ) from None
    code = ast.unparse(ast.parse(source))
    given = json.dumps(dict(options), sort_keys=True, default=repr)
    return hashlib.sha256(f"{code}\n{given}".encode()).hexdigest()[:16]
