"""The Python client: a surrogate behind HTTP is asked like one in memory, xarray out.

It needs nothing of the service but its address. All parts of one prediction come from one version: fields and
further figures are asked of the version that gave the first answer.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen
from zipfile import ZipFile

import numpy as np
import orjson
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.errors import ErrorFigure
from locum.exceptions import LocumError, ParameterError
from locum.parameters import ParameterSpace, space_from_dict, unknown_name

JSON, ZARR = "application/json", "application/zip"
_MOST_ATTEMPTS = 5
IfOver = Literal["answer", "refuse", "simulate"]


class ServiceError(LocumError):
    """A service that does not answer, or refuses.

    Parameters
    ----------
    detail
        What it said.
    status
        Of HTTP; 0 where it does not answer.
    """

    def __init__(self, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.status = status

    def __reduce__(self) -> tuple[type[ServiceError], tuple[str, int]]:
        """Keep both arguments when the error travels between processes."""
        return type(self), (str(self), self.status)


@dataclass(frozen=True)
class Client:
    """A service.

    Parameters
    ----------
    url
        As ``locum serve`` prints it.
    key
        API key, where the service asks for one.
    timeout
        Seconds to wait for an answer.
    """

    url: str
    key: str | None = None
    timeout: float = 60.0

    def surrogates(self) -> list[str]:
        """Names of the surrogates that are served."""
        return [each["name"] for each in self.ask("/v1/surrogates")["surrogates"]]

    def surrogate(self, name: str) -> RemoteSurrogate:
        """One of the surrogates.

        Raises
        ------
        ServiceError
            There is none of that name.
        """
        return RemoteSurrogate(self, self.ask(f"/v1/surrogates/{quote(name)}"))

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask for a JSON document."""
        return orjson.loads(self.content(path, body))

    def content(self, path: str, body: Any = None, accept: str = JSON) -> bytes:
        """Ask, and ask again where the service says that it is busy.

        Raises
        ------
        ParameterError
            The service refuses what was asked.
        ServiceError
            It does not answer, or refuses for another reason.
        """
        headers = {"Accept": accept, "Content-Type": JSON}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        for attempt in range(_MOST_ATTEMPTS):
            try:
                with urlopen(
                    Request(self.url.rstrip("/") + path, data, headers), timeout=self.timeout
                ) as answer:
                    return bytes(answer.read())
            except HTTPError as error:
                if error.code not in (429, 503) or attempt == _MOST_ATTEMPTS - 1:
                    raise _refusal(error) from None
                time.sleep(min(float(error.headers.get("Retry-After") or 1), self.timeout))
            except (URLError, OSError) as error:
                raise ServiceError(f"{self.url} does not answer ({error})") from error
        raise AssertionError("unreachable")


def _refusal(error: HTTPError) -> LocumError:
    try:
        detail = str(orjson.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError):
        detail = error.reason
    return ParameterError(detail) if error.code == 422 else ServiceError(detail, error.code)


@dataclass(frozen=True)
class RemoteSurrogate:
    """A surrogate of a service, asked like one in memory.

    Parameters
    ----------
    client
        Of the service.
    description
        As the service described it: parameters, outputs, domain. The version may have changed since.
    """

    client: Client
    description: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Under which it is served."""
        return str(self.description["name"])

    @cached_property
    def space(self) -> ParameterSpace:
        """The parameters."""
        return space_from_dict(self.description["parameters"])

    def predict(self, parameters: Any, if_over_tolerance: IfOver = "answer") -> RemotePrediction:
        """Answer for one or many parameter sets, in any form that a local surrogate takes.

        Parameters
        ----------
        if_over_tolerance
            ``refuse`` raises where not all is within tolerance, ``simulate`` starts real simulations there;
            see :attr:`RemotePrediction.job`.

        Raises
        ------
        ParameterError
            A parameter that is missing, misspelt or not a finite number.
        ServiceError
            The service does not answer, or refuses.
        """
        values = self.space.matrix(parameters)
        asked = {"parameters": _columns(self.space, values), "if_over_tolerance": if_over_tolerance}
        return RemotePrediction(self, values, self.client.ask(self.path, asked))

    @property
    def path(self) -> str:
        """Where predictions are asked."""
        return f"/v1/surrogates/{quote(self.name)}:predict"


@dataclass(frozen=True, eq=False)
class RemotePrediction:
    """What a service answered; fields are fetched when they are asked for, from the same version.

    Parameters
    ----------
    surrogate
        What was asked.
    parameters
        Parameter values, shape (q, p).
    answer
        The service's answer.
    """

    surrogate: RemoteSurrogate
    parameters: Array
    answer: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def version(self) -> int:
        """The version that answered."""
        return int(self.answer["version"])

    @property
    def verdict(self) -> AnyArray:
        """The verdict on each parameter set, shape (q,)."""
        return np.array(self.answer["verdict"])

    @property
    def in_domain(self) -> AnyArray:
        """Whether each lies in the domain of validity, shape (q,)."""
        return np.array(self.answer["in_domain"])

    @cached_property
    def error_figures(self) -> dict[str, ErrorFigure]:
        """The error figure of each output."""
        return {
            name: ErrorFigure(
                _numbers(each["error_figure"]), each["error_kind"], each["norm"], each["coverage"]
            )
            for name, each in self.answer["outputs"].items()
        }

    @property
    def job(self) -> dict[str, Any] | None:
        """How far the simulations are that were asked for, and what came out; None without any."""
        name = self.answer.get("job")
        return None if name is None else dict(self.surrogate.client.ask(f"/v1/jobs/{name}"))

    def __getitem__(self, name: str) -> Any:
        """A quantity of interest (q,), or a field as a DataArray.

        Raises
        ------
        ParameterError
            An unknown output.
        """
        outputs = self.answer["outputs"]
        if name not in outputs:
            raise ParameterError(unknown_name("output", name, outputs))
        if outputs[name]["kind"] == "field":
            return self._dataset([name])[name]
        return _numbers(outputs[name]["values"])

    def to_xarray(self) -> xr.Dataset:
        """Everything as one dataset, as a local prediction gives it."""
        outputs = self.answer["outputs"].items()
        return self._dataset([name for name, each in outputs if each["kind"] == "field"])

    def _dataset(self, fields: list[str]) -> xr.Dataset:
        columns = _columns(self.surrogate.space, self.parameters)
        asked = {"parameters": columns, "fields": fields, "version": self.version}
        content = self.surrogate.client.content(self.surrogate.path, asked, ZARR)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "answer.zarr"
            with ZipFile(BytesIO(content)) as archive:
                archive.extractall(folder)
            dataset: xr.Dataset = xr.open_zarr(folder, consolidated=False).load()
            return dataset


def _columns(space: ParameterSpace, values: Array) -> dict[str, Array]:
    return dict(zip(space.names, np.ascontiguousarray(values.T), strict=True))


def _numbers(values: list[float | None]) -> Array:
    """Numbers of a JSON list, in which null stands for what is not finite."""
    numbers = np.array(values, dtype=np.float64)  # null becomes NaN
    numbers[np.isnan(numbers)] = np.inf
    return numbers
