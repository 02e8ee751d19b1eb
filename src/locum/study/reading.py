"""Reading a study file: every mistake becomes one sentence that names file and key.

The file is read as YAML 1.2: ``1e-3`` is a number, ``on`` and ``no`` are words, a key stands once.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from locum.exceptions import StudyError
from locum.study.study import Study

_OVERRIDE = "--set"

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "finite_number": "a finite number",
}


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study.

    Parameters
    ----------
    path
        A study file, or the folder of a study that was run: its catalogue keeps the study.
    overrides
        ``key.subkey=value`` each, the value as it would stand in the file.

    Raises
    ------
    StudyError
        The file cannot be read or understood; one line a mistake.
    StorageError
        The folder's catalogue cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        document = _kept(path)
    elif path.exists():
        document = _parse(_text(path), str(path))
    else:
        raise StudyError(f"{path}: no such file{_near(path)}")
    overridden = [_override(document, override) for override in overrides]
    try:
        study = Study.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise StudyError("\n".join(_sentences(error, document, str(path), overridden))) from None
    except ValueError:  # of JSON: an alias within what it stands for
        raise StudyError(f"{path}: a section contains itself; write it out instead of the alias") from None
    study._path = path
    return study


def _kept(folder: Path) -> Any:
    """The study that was run in a folder; the folder may have moved since."""
    from locum.snapshots import SnapshotStore
    from locum.snapshots.store import CATALOGUE

    if not (folder / CATALOGUE).is_file():
        raise StudyError(
            f"{folder}: a folder in which no study was run; name a study file{_near(folder / 'x')}"
        )
    store = SnapshotStore.open(folder, readonly=True)
    try:
        document = _parse(store.study_document, str(folder))
    finally:
        store.close()
    if isinstance(document, dict):
        document["storage"] = {**document.get("storage", {}), "folder": str(folder.absolute())}
    return document


def _near(path: Path) -> str:
    """Study files with a similar name there or in ``configs``, or else those that are there at all."""
    here = sorted(file for file in path.parent.glob("*.y*ml") if file.suffix in (".yaml", ".yml"))
    names = {file.name: file for file in (*sorted(path.parent.glob("configs/*.yaml")), *here)}
    close = difflib.get_close_matches(path.name, names, n=1)
    if close:
        return f"; did you mean {names[close[0]]}?"
    return f"; there are {', '.join(map(str, here))}" if 0 < len(here) <= 10 else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise StudyError(f"{path}: expected a YAML file, found bytes that are not UTF-8 text") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with the scalars of YAML 1.2, and keys that may stand only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that stands twice."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} stands here and in line {lines[key.value]}; keep one",
                    problem_mark=key.start_mark,
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _decimal(loader: yaml.Loader | yaml.FullLoader | yaml.UnsafeLoader, node: Any) -> int:
    return int(str(loader.construct_scalar(node)))  # 010 is ten


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


def _parse(text: str, where: str) -> Any:
    try:
        return _Loader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise StudyError(f"{where}{line}: {error.problem or error.context}") from None
    except RecursionError:
        raise StudyError(f"{where}: not a study: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise StudyError(f"{where}: not a YAML file: {' '.join(str(error).split())}") from None


def _override(document: Any, override: str) -> str:
    """Put one override into the document, and return its key."""
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise StudyError(
            f"{_OVERRIDE} {override}: expected key.subkey=value, such as accuracy.tolerance=0.02"
        )
    value = _parse(text, f"{_OVERRIDE} {override}")
    section = document
    for part in parts[:-1]:
        if isinstance(section, dict):
            if section.get(part) is None:
                section[part] = {}
            section = section[part]
    if not isinstance(section, dict):
        raise StudyError(f"{_OVERRIDE} {override}: {'.'.join(parts[:-1])} has no keys below it")
    section[parts[-1]] = value
    return ".".join(parts)


def _sentences(error: ValidationError, document: Any, where: str, overridden: Sequence[str]) -> list[str]:
    sentences = []
    found = [(_keys(problem, document), problem) for problem in error.errors(include_url=False)]
    for keys, problem in found:
        others = [place for place, other in found if other is not problem]
        if _says_less(problem, keys, others):
            continue
        if any(_came_from(override, keys, problem["msg"]) for override in overridden):
            place = f"{_OVERRIDE} {keys}".rstrip()
        else:
            place = f"{where}: {keys}".removesuffix(": ")
        sentences.append(f"{place}: {_sentence(problem)}")
    return list(dict.fromkeys(sentences))


def _says_less(problem: Mapping[str, Any], keys: str, others: Sequence[str]) -> bool:
    """Whether one mistake where text or a list may stand is told better by what else was found there."""
    if problem["type"] == "string_type" and isinstance(problem["input"], list):
        return any(place.startswith(f"{keys}[") for place in others)
    return problem["type"] == "list_type" and keys in others


def _came_from(override: str, keys: str, message: str) -> bool:
    """Whether an override made this problem: at its key or below, or above where its key is named."""
    if keys == override or keys.startswith((f"{override}.", f"{override}[")):
        return True
    if keys and not override.startswith(f"{keys}."):
        return False
    key = override.removeprefix(f"{keys}.").partition(".")[0]
    return f"key {key!r} " in message or message.removeprefix("Value error, ").startswith(f"{key} ")


def _keys(problem: Mapping[str, Any], document: Any) -> str:
    """A place in the file: ``parameters.load.range[1]``. Kinds of models, readers and so on are no keys."""
    location: list[int | str] = []
    for number, part in enumerate(problem["loc"]):
        if number == 1 and location == ["model"]:
            continue
        inside = isinstance(document, dict) and part in document
        if inside or (isinstance(document, list) and isinstance(part, int)):
            document = document[part]
        elif part != problem["loc"][-1] or problem["type"] != "missing":
            continue
        location.append(part)
    if problem["type"].startswith("union_tag"):
        location.append("kind")
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _sentence(problem: Mapping[str, Any]) -> str:
    kind, context, given = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "kind_by_key":
        return f"expected one of the keys {context['expected']}, got {given!r}"
    if kind in ("missing", "union_tag_not_found"):
        return "this key is missing"
    if kind in ("literal_error", "union_tag_invalid"):
        expected = context.get("expected_tags", context.get("expected"))
        value = context.get("tag", given)
        return f"expected {expected}, got {value!r}{_meant(value, expected)}"
    if kind in ("too_short", "too_long"):
        return f"expected a list of {context.get('min_length', context.get('max_length'))}, got {given!r}"
    if kind == "string_pattern_mismatch":
        return f"expected letters, digits and _ . -, starting with a letter or digit, got {given!r}"
    if kind in _EXPECTED:
        hint = "; put it in quotes" if kind == "string_type" and isinstance(given, int | float) else ""
        return f"expected {_EXPECTED[kind]}, got {given!r}{hint}"
    return f"{problem['msg'][0].lower()}{problem['msg'][1:]}, got {given!r}"


def _meant(value: Any, expected: str) -> str:
    close = difflib.get_close_matches(str(value), re.findall(r"'([^']*)'", expected), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
