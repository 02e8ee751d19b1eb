"""Answers as bytes: JSON, a NumPy table, an Arrow stream, or a zipped Zarr store.

All hold the same: values, error figures with what they are, domain, verdict, version, training set and the
answer's identity. JSON has no infinity: null stands where nothing is claimed.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ParameterError
from locum.parameters import unknown_name
from locum.service.answering import Answers
from locum.service.problems import Problem
from locum.service.selection import Selection

JSON, NPY = "application/json", "application/x-npy"
ARROW, ZARR = "application/vnd.apache.arrow.stream", "application/zip"
_BLOCK = 32 * 2**20  # bytes of whole fields held at a time


@dataclass(frozen=True, eq=False)
class Response:
    """All that one request is answered with.

    Parameters
    ----------
    identity
        Of the answer, in logs too.
    surrogate
        Its name.
    answers
        What is said about the parameter sets.
    fields
        Fields that were wanted, each (q, ...) in the part that was wanted.
    selection
        That part.
    asked
        What the part was asked by: nodes, points and times.
    job
        The job that simulates, where one was asked for.
    note
        What else is to be known.
    """

    identity: str
    surrogate: str
    answers: Answers
    fields: Mapping[str, Array]
    selection: Selection
    asked: Mapping[str, Any]
    job: str | None = None
    note: str = ""

    @property
    def head(self) -> dict[str, Any]:
        """What does not depend on the parameter sets."""
        loaded = self.answers.loaded
        head: dict[str, Any] = {
            "answer": self.identity,
            "surrogate": self.surrogate,
            "version": loaded.number,
            "training_set": loaded.training_set,
        }
        if self.job is not None:
            head["job"] = self.job
        if self.note:
            head["note"] = self.note
        return head


def wanted_fields(answers: Answers, names: list[str], selection: Selection, limit: int) -> dict[str, Array]:
    """Values of fields, a block of parameter sets at a time.

    Raises
    ------
    ParameterError
        An unknown field.
    Problem
        More numbers than are allowed.
    """
    description = answers.loaded.checked.description
    numbers = 0
    for name in names:
        if name not in description.fields:
            raise ParameterError(unknown_name("field", name, description.fields))
        numbers += len(answers) * int(np.prod(selection.shape(description, name)))
    if numbers > limit:
        raise Problem(413, f"{numbers} numbers are more than {limit}; ask for fewer sets, nodes or times")
    return {name: _field(answers, name, selection) for name in dict.fromkeys(names)}


def _field(answers: Answers, name: str, selection: Selection) -> Array:
    description, surrogate = answers.loaded.checked.description, answers.loaded.checked.surrogate
    field = description.fields[name]
    values = np.empty((len(answers), *selection.shape(description, name)))
    rows = max(1, _BLOCK // field.nbytes)
    for first in range(0, len(answers), rows):
        block = slice(first, first + rows)
        with np.errstate(all="ignore"):
            whole = surrogate.expand(name, surrogate.coordinates(name, answers.values[block]))
        values[block] = selection.of(whole, field.dimensions)
    return values


def encoder(accept: str) -> tuple[str, Callable[[Response], bytes]]:
    """Media type and encoder that a caller accepts; JSON where nothing else is named.

    Raises
    ------
    Problem
        Nothing that is accepted can be sent.
    """
    if not accept:
        return JSON, to_json
    offered = {JSON: to_json, NPY: to_npy, ARROW: to_arrow, ZARR: to_zarr}
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type in ("*/*", "application/*", ""):
            return JSON, to_json
        if media_type in offered:
            return media_type, offered[media_type]
    raise Problem(406, f"expected to accept one of {', '.join(offered)}")


def document(response: Response) -> dict[str, Any]:
    """The answer as a document whose arrays are NumPy's."""
    answers = response.answers
    description = answers.loaded.checked.description
    outputs = {}
    quantities = {name: j for j, name in enumerate(description.quantities)}
    figures = np.ascontiguousarray(answers.figures.T)
    values = np.ascontiguousarray(answers.quantities.T)
    for j, (name, known) in enumerate(answers.loaded.outputs.items()):
        outputs[name] = known | {"error_figure": figures[j]}
        if name in quantities:
            outputs[name]["values"] = values[quantities[name]]
        elif name in response.fields:
            outputs[name]["values"] = np.ascontiguousarray(response.fields[name])
            outputs[name]["dimensions"] = ["sample", *description.fields[name].dimensions]
    parameters = np.ascontiguousarray(answers.values.T)
    reasons: list[str] | None = None
    if answers.reasons:
        reasons = [answers.reasons.get(row, "") for row in range(len(answers))]
    return {
        **response.head,
        "rows": len(answers),
        "parameters": dict(zip(description.space.names, parameters, strict=True)),
        "outputs": outputs,
        "in_domain": answers.in_domain,
        "reasons": reasons,
        "verdict": answers.verdicts,
        **response.asked,
    }


def to_json(response: Response) -> bytes:
    """One JSON document; every value is a list over the parameter sets."""
    return orjson.dumps(document(response), option=orjson.OPT_SERIALIZE_NUMPY)


def columns(response: Response) -> dict[str, AnyArray]:
    """The answer as a table: a column for each parameter, quantity, figure and wanted field; the verdict."""
    answers = response.answers
    description = answers.loaded.checked.description
    return {
        **dict(zip(description.space.names, answers.values.T, strict=True)),
        **dict(zip(description.quantities, answers.quantities.T, strict=True)),
        **response.fields,
        **{f"{name}_error_figure": answers.figures[:, j] for j, name in enumerate(description.outputs)},
        "in_domain": answers.in_domain,
        "verdict": np.array(answers.verdicts),
    }


def to_npy(response: Response) -> bytes:
    """A table in one .npy file: a structured array, a row for each parameter set; fields are subarrays."""
    table = columns(response)
    kind = [(name, column.dtype, column.shape[1:]) for name, column in table.items()]
    array = np.empty(len(response.answers), dtype=kind)
    for name, column in table.items():
        array[name] = column
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def to_arrow(response: Response) -> bytes:
    """A stream of one record batch; fields are lists of fixed size, their shape is in the metadata."""
    import pyarrow as pa

    arrays, kinds = [], []
    known = response.answers.loaded.outputs
    for name, column in columns(response).items():
        about = {"shape": list(column.shape[1:])} | known.get(name.removesuffix("_error_figure"), {})
        if column.ndim > 1:
            flat = pa.array(np.ascontiguousarray(column).ravel())
            array = pa.FixedSizeListArray.from_arrays(flat, int(np.prod(column.shape[1:])))
        else:
            array = pa.array(column)
        arrays.append(array)
        kinds.append(pa.field(name, array.type, metadata={"locum": json.dumps(about)}))
    schema = pa.schema(kinds, metadata={"locum": json.dumps(response.head | dict(response.asked))})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.record_batch(arrays, schema=schema))
    return sink.getvalue()


def to_dataset(response: Response) -> xr.Dataset:
    """The answer as a dataset after UGRID; whole fields keep their mesh."""
    answers, selection = response.answers, response.selection
    prediction = answers.loaded.checked.predict(answers.values)
    dataset = prediction.to_xarray().drop_vars(answers.loaded.checked.description.fields)
    for name, values in response.fields.items():
        field = answers.loaded.checked.description.fields[name]
        place = "node" if selection.nodes is None else "place"
        dimensions = ("sample", *(place if each == "node" else each for each in field.dimensions))
        if selection.times is not None:
            dimensions = tuple("asked_time" if each == "time" else each for each in dimensions)
        about = {"units": field.unit, "ancillary_variables": f"{name}_error_figure"}
        dataset[name] = (dimensions, values, about)
        if place == "node":
            dataset[name].attrs |= {"location": "node", "mesh": "mesh"}
    for j, name in enumerate(answers.loaded.outputs):
        dataset[f"{name}_error_figure"].values[:] = answers.figures[:, j]
    dataset["verdict"] = ("sample", np.array(answers.verdicts, dtype=object), {"long_name": "verdict"})
    return dataset.assign_attrs(response.head | dict(response.asked))


def to_zarr(response: Response) -> bytes:
    """A Zarr store in a zip file, as xarray reads it."""
    return zipped(to_dataset(response))


def zipped(dataset: xr.Dataset) -> bytes:
    """A dataset as a Zarr store in a zip file."""
    for variable in dataset.variables.values():
        variable.encoding.clear()  # chunks and codecs of the store that it may come from
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "answer.zarr"
        dataset.load().to_zarr(folder, zarr_format=3, consolidated=False)
        return Path(shutil.make_archive(str(folder), "zip", folder)).read_bytes()
