"""The rules of the house, read off its source: who imports whom, what is declared, what is never done."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A module imports from its own floor and from those below it.
FLOORS = (
    ("locum", "cli"),
    ("service", "dashboard"),
    ("flows",),
    ("reports",),
    ("execution",),
    ("study",),
    ("queries",),
    ("registry",),
    ("adaptivity",),
    ("errors",),
    ("surrogates",),
    ("snapshots",),
    ("highfidelity",),
    ("inference",),
    ("reduction",),
    ("regression",),
    ("parameters",),
    ("arrays", "exceptions", "data", "lazily"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MATHEMATICS = FLOORS[FLOORS.index(("adaptivity",)) :]
SCREEN_AND_CLUSTER = {
    "prefect",
    "distributed",
    "dask.distributed",
    "fastapi",
    "starlette",
    "uvicorn",
    "panel",
    "bokeh",
    "tornado",
    "rich",
    "typer",
}
UNSAFE_IMPORTS = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib"}
UNSAFE_CALLS = {"torch.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "eval", "exec"}
# The one place that runs a user's code, because the study asks for it by name.
RUNS_MODELS = "locum.highfidelity.python_model"
# Another library finds it by its name.
ONLY_NAMED = {"h5netcdf"}


def room(name: str) -> str:
    """Room of a dotted name: ``reduction`` of ``locum.reduction.pod``; ``locum`` of the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def modules() -> dict[str, Path]:
    """Dotted name and file of every module that is installed; scripts that lie beside data are none."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {}
    for package in setuptools["packages"]:
        if room(package) == "data":
            continue
        folder = ROOT / setuptools["package-dir"].get(package, f"src/{package.replace('.', '/')}")
        for path in sorted(folder.glob("*.py")):
            found[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    return found


MODULES = modules()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, wherever the import stands."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{path}:{node.lineno}: write imports from the top, not relative to the file"
            )
            yield node.lineno, str(node.module)
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_imports_go_down_only() -> None:
    homeless = {room(module) for module in MODULES} - set(FLOOR)
    assert not homeless, "add the room to FLOORS, where the design puts it"
    upwards = [
        f"{path}:{line}: imports {name}"
        for module, path in MODULES.items()
        for line, name in imports(path)
        if name.startswith("locum.") and FLOOR.get(room(name), 99) < FLOOR[room(module)]
    ]
    assert not upwards


def test_mathematics_knows_nothing_of_screen_and_cluster() -> None:
    known = [
        f"{path}:{line}: imports {name}"
        for module, path in MODULES.items()
        if any(room(module) in floor for floor in MATHEMATICS)
        for line, name in imports(path)
        if any(name == banned or name.startswith(f"{banned}.") for banned in SCREEN_AND_CLUSTER)
    ]
    assert not known


def unsafe(module: str, path: Path) -> Iterator[str]:
    """Where a module could run what it reads."""
    for line, name in imports(path):
        if name.split(".")[0] in UNSAFE_IMPORTS:
            yield f"{path}:{line}: imports {name}"
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        unsafe_yaml = called == "yaml.load" and "Safe" not in ast.unparse(node)
        if unsafe_yaml or (called in UNSAFE_CALLS and module != RUNS_MODELS):
            yield f"{path}:{node.lineno}: calls {called}"
        if any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords):
            yield f"{path}:{node.lineno}: allows pickle"


def test_nothing_read_can_run_code() -> None:
    """No pickle, no evaluation of text, no YAML loader but the safe one."""
    assert not [place for module, path in MODULES.items() for place in unsafe(module, path)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(function, clean=False) else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_a_module_and_its_functions_can_be_read_at_a_sitting() -> None:
    """At most 400 lines a file, and 60 a function without its docstring."""
    paths = MODULES.values()
    assert not [path for path in paths if path.read_text(encoding="utf-8").count("\n") > 400]
    too_long = [
        f"{path}:{function.lineno}: {function.name}"
        for path in paths
        for function in functions(path)
        if length(function) > 60
    ]
    assert not too_long


def silent(path: Path) -> Iterator[str]:
    """What is public in a file and does not say what it is."""
    if not ast.get_docstring(tree(path)):
        yield f"{path}: the first lines say what idea the module holds"
    for scope in (tree(path), *(node for node in tree(path).body if isinstance(node, ast.ClassDef))):
        for node in scope.body:
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                yield f"{path}:{node.lineno}: {node.name}"


def test_everything_public_says_what_it_is() -> None:
    written = [path for path in MODULES.values() if path.read_text(encoding="utf-8").strip()]
    assert not [place for path in written for place in silent(path)]


def test_modules_have_what_they_export() -> None:
    missing = [
        f"{module.__name__}: {name}"
        for module in map(importlib.import_module, MODULES)
        for name in getattr(module, "__all__", ())
        if not hasattr(module, name)
    ]
    assert not missing


def test_help_imports_nothing_heavy() -> None:
    """``locum --help`` answers at once: numerical libraries and Prefect are imported where needed."""
    program = (
        "import sys\n"
        "from locum.cli import main\n"
        "sys.argv = ['locum', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'prefect', 'xarray', 'distributed', 'sklearn', 'matplotlib', 'pandas', 'scipy'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "HEAVY []"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str | None = None) -> set[str]:
    """Distributions that ``pyproject.toml`` asks for, or those of one of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {canonical(re.match(r"[\w.-]+", line)[0]) for line in lines}


def imported_distributions(paths: Iterator[Path] | list[Path]) -> dict[str, str]:
    """Distributions that files import, each with one place that does; what lies beside a file is none."""
    owners = importlib.metadata.packages_distributions()
    found = {}
    for path in paths:
        own = {"locum", path.parent.name, *(each.stem for each in path.parent.iterdir())}
        for line, name in imports(path):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in own:
                for owner in owners.get(top, [top]):
                    found[canonical(owner)] = f"{path}:{line}"
    return found


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    imported = imported_distributions(list(MODULES.values()))
    undeclared = {name: place for name, place in imported.items() if name not in declared()}
    assert not undeclared
    assert declared() - set(imported) == ONLY_NAMED


def test_tests_and_benchmarks_use_only_what_is_declared() -> None:
    paths = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    undeclared = {
        name: place
        for name, place in imported_distributions(paths).items()
        if name not in declared() | declared("dev") | {"tests", "benchmarks"}
    }
    assert not undeclared


def test_the_lock_file_holds_every_dependency_at_one_version() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [canonical(line.split("==")[0]) for line in lines if line and not line.startswith("#")]
    assert all("==" in line and "+" not in line for line in lines if line and not line.startswith("#"))
    assert len(pinned) == len(set(pinned))
    assert declared() | declared("dev") | {"setuptools"} <= set(pinned)
