"""Answers to queries from the command line: one parameter set, or a file of them."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from locum.arrays import Array
from locum.errors import CheckedPrediction, CheckedSurrogate
from locum.exceptions import ParameterError, StorageError
from locum.parameters import unknown_name

ROWS = 20_000  # answered at a time


def parse_assignments(assignments: Sequence[str]) -> dict[str, float]:
    """Read ``NAME=VALUE`` arguments.

    Raises
    ------
    ParameterError
        One that is not of that form, not a number, or given twice.
    """
    parameters: dict[str, float] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ParameterError(f"{assignment!r}: expected NAME=VALUE, as gas_temperature=1500")
        if name in parameters:
            raise ParameterError(f"parameter {name!r} is given twice")
        try:
            parameters[name] = float(text)
        except ValueError:
            raise ParameterError(f"parameter {name!r}: expected a number, got {text!r}") from None
    return parameters


@np.errstate(all="ignore")  # far outside the ranges anything may overflow; it is marked as outside
def answer_one(
    surrogate: CheckedSurrogate, parameters: Mapping[str, float], output: Path | None
) -> dict[str, Any]:
    """Answer one query: values, error figures, verdicts; with ``output`` its fields go to a Zarr folder."""
    if output is not None:
        _expect_suffix(output, ".zarr", "one answer with its fields goes to a folder")
    prediction = surrogate.predict(parameters)
    if output is not None:
        _write_fields(prediction, output)
    description = surrogate.description
    inside = bool(prediction.in_domain[0])
    outputs: dict[str, Any] = {}
    for name in description.outputs:
        figure = prediction.error_figures[name]
        is_field = name in description.fields
        outputs[name] = {
            "kind": "field" if is_field else "quantity of interest",
            "value": None if is_field else prediction.item(name),
            "unit": description.fields[name].unit if is_field else description.quantities[name],
            "error_figure": _finite(float(prediction.claimed(name)[0])),
            "error_kind": figure.kind,
            "norm": figure.norm,
            "coverage": figure.coverage if inside else None,
            "tolerance": surrogate.decisive.get(name),
            "verdict": str(prediction.verdicts[name][0]) if name in surrogate.decisive else None,
        }
    return {
        "study": surrogate.manifest.get("study"),
        "version": surrogate.manifest.get("version"),
        "parameters": dict(zip(description.space.names, prediction.parameters[0].tolist(), strict=True)),
        "outputs": outputs,
        "in_domain": inside,
        "reason": prediction.domain_reasons[0],
        "verdict": str(prediction.verdict[0]),
    }


@np.errstate(all="ignore")
def answer_file(
    surrogate: CheckedSurrogate, path: Path, output: Path | None, as_json: bool = False
) -> dict[str, Any] | None:
    """Answer every row of a CSV file, a block at a time, into another CSV file or to standard output.

    What goes to standard output is with ``as_json`` one JSON array, with an object for every row.

    Returns
    -------
    dict or None
        Counts by verdict where a file was written; None where the answers went to standard output.

    Raises
    ------
    ParameterError
        A column that is missing or misspelt, or a value that is not a finite number, with its line.
    StorageError
        The answers cannot be written. A file that was there stays as it was.
    """
    if output is not None:
        _expect_suffix(output, ".csv", "answers to the rows of a file go to a file")
        if output.resolve() == path.resolve():
            raise ParameterError(f"{output}: the answers would replace the questions; choose another name")
    counts: Counter[str] = Counter()
    with _reading(path) as source, _writing(output) as target:
        write = _write_json if as_json and output is None else _write_csv
        for values in _blocks(surrogate, path, source):
            prediction = surrogate.predict(values)
            write(target, _header(surrogate), _rows(prediction), not counts)
            counts.update(map(str, prediction.verdict))
        if not counts:
            raise ParameterError(f"{path}: expected a row for every parameter set, found none")
        if write is _write_json:
            target.write("\n]\n")
    return None if output is None else {"rows": counts.total(), "verdicts": counts, "output": str(output)}


def _expect_suffix(output: Path, suffix: str, why: str) -> None:
    if output.suffix != suffix:
        raise ParameterError(f"{output}: {why}; choose a name that ends in {suffix}")


def _header(surrogate: CheckedSurrogate) -> list[str]:
    description = surrogate.description
    figures = [f"{name}_error_figure" for name in description.outputs]
    return [*description.space.names, *description.quantities, *figures, "in_domain", "verdict"]


def _write_csv(target: IO[str], header: list[str], rows: Iterable[list[Any]], first: bool) -> None:
    writer = csv.writer(target, lineterminator="\n")
    if first:
        writer.writerow(header)
    writer.writerows(
        [*(f"{number:.10g}" for number in numbers), str(inside).lower(), verdict]
        for *numbers, inside, verdict in rows
    )


def _write_json(target: IO[str], header: list[str], rows: Iterable[list[Any]], first: bool) -> None:
    for number, (*numbers, inside, verdict) in enumerate(rows):
        target.write("[\n" if first and not number else ",\n")
        json.dump(dict(zip(header, [*map(_finite, numbers), inside, verdict], strict=True)), target)


def _rows(prediction: CheckedPrediction) -> Iterator[list[Any]]:
    description = prediction.description
    numbers = [
        prediction.parameters,
        *(prediction.quantities[name][:, None] for name in description.quantities),
        *(prediction.claimed(name)[:, None] for name in description.outputs),
    ]
    for row, inside, verdict in zip(
        np.concatenate(numbers, axis=1).tolist(),
        prediction.in_domain.tolist(),
        prediction.verdict,
        strict=True,
    ):
        yield [*row, inside, str(verdict)]


def _blocks(surrogate: CheckedSurrogate, path: Path, source: IO[str]) -> Iterator[Array]:
    """Parameter values (k, p), a block at a time; blank lines do not count."""
    reader = csv.reader(source)
    header = [name.strip() for name in next(reader, [])]
    names = surrogate.space.names
    if missing := [name for name in names if name not in header]:
        close = next((name for name in header if name not in names), "")
        hint = f"; {unknown_name('column', close, names)}" if close else ""
        hint += ", with commas between columns" if len(header) == 1 < len(names) else ""
        raise ParameterError(f"{path}: column {missing[0]!r} is missing{hint}")
    if twice := [name for name in names if header.count(name) > 1]:
        raise ParameterError(f"{path}: column {twice[0]!r} is given twice")
    rows = filter(None, reader)
    while block := [_numbers(path, reader.line_num, row, header, names) for row in islice(rows, ROWS)]:
        yield np.array(block)


def _numbers(path: Path, line: int, row: list[str], header: list[str], names: tuple[str, ...]) -> list[float]:
    if any(row[len(header) :]):  # as decimal commas make them: columns would be taken for others
        raise ParameterError(
            f"{path}, line {line}: expected a value for each of {len(header)} columns, got {len(row)}; "
            "write decimal points, and put text with commas in quotes"
        )
    numbers = []
    for name in names:
        column = header.index(name)
        text = row[column] if column < len(row) else ""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ParameterError(
                f"{path}, line {line}, column {name!r}: expected a finite number, got {text!r}"
            )
        numbers.append(number)
    return numbers


@contextmanager
def _reading(path: Path) -> Iterator[IO[str]]:
    try:
        source = path.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise ParameterError(
            f"{path}: cannot be read ({error.strerror}); expected a CSV file with a column a parameter"
        ) from None
    with source:
        try:
            yield source
        except (UnicodeDecodeError, csv.Error) as error:
            raise ParameterError(f"{path}: expected a CSV file in UTF-8 ({error})") from None


@contextmanager
def _writing(path: Path | None) -> Iterator[IO[str]]:
    """Open a file that appears whole, or standard output."""
    if path is None:
        yield sys.stdout
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as target:
            yield target
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        partial.unlink(missing_ok=True)


def _write_fields(prediction: CheckedPrediction, path: Path) -> None:
    if path.exists():
        raise StorageError(f"{path} exists already; choose another name")
    try:
        prediction.to_xarray().to_zarr(path, zarr_format=3, consolidated=False)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
