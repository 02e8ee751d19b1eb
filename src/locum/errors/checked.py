"""The checked surrogate: a surrogate with its error model. It is what is registered, served and asked.

Every answer carries an error figure for each output, whether the query lies in the domain of validity, and a
verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.errors.calibration import Calibration, measured_indicator
from locum.errors.domain import Domain, Mask
from locum.errors.figure import ErrorFigure
from locum.errors.tolerance import Tolerance
from locum.exceptions import ParameterError
from locum.parameters import ParameterSpace, unknown_name
from locum.surrogates import (
    Description,
    Prediction,
    Saved,
    Surrogate,
    load_surrogate,
    read_saved,
    write_saved,
)


class Verdict(StrEnum):
    """What is said of one answer."""

    WITHIN = "within tolerance"
    OVER = "over tolerance"
    OUTSIDE = "outside the domain"


_VERDICTS = np.array([Verdict.WITHIN.value, Verdict.OVER.value, Verdict.OUTSIDE.value])


@dataclass(frozen=True, eq=False)
class CheckedSurrogate:
    """A surrogate with calibration, domain and tolerances.

    Parameters
    ----------
    surrogate
        What answers.
    calibration
        What turns its indicators into error figures.
    domain
        Where it is believed.
    tolerances
        Output to tolerance; at least one is finite. Only outputs with a finite tolerance decide the verdict.
    manifest
        Plain JSON values that travel with it: hashes, versions, metrics.

    Raises
    ------
    ValueError
        No finite tolerance, or one for an output that does not exist.
    """

    surrogate: Surrogate
    calibration: Calibration
    domain: Domain
    tolerances: Mapping[str, Tolerance]
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.tolerances:
            if name not in self.description.outputs:
                raise ValueError(unknown_name("output", name, self.description.outputs))
        if not self.decisive:
            raise ValueError("a checked surrogate needs a finite tolerance for at least one output")

    @property
    def description(self) -> Description:
        """What it is asked and what it answers."""
        return self.surrogate.description

    @property
    def space(self) -> ParameterSpace:
        """The parameters."""
        return self.description.space

    @cached_property
    def decisive(self) -> Mapping[str, float]:
        """Finite tolerances by output: those that decide the verdict."""
        return {
            name: tolerance.value
            for name, tolerance in self.tolerances.items()
            if math.isfinite(tolerance.value)
        }

    def predict(self, parameters: Any) -> CheckedPrediction:
        """Answer for one or a million parameter sets; nothing is computed before it is asked for.

        Raises
        ------
        ParameterError
            A parameter that is missing, misspelt or not a finite number.
        """
        return CheckedPrediction(self.surrogate, self.space.matrix(parameters), self)

    def figures(self, values: Array, outputs: Iterable[str] | None = None) -> dict[str, Array]:
        """Error figures (q,) of some outputs, or of all, at parameter values (q, p): what a sweep needs."""
        prediction = CheckedPrediction(self.surrogate, values, self)
        return {name: prediction.figure(name) for name in outputs or self.description.outputs}

    def conditioned_on(self, values: Array) -> CheckedSurrogate:
        """The same with indicators that know that these points (a, p) are being simulated."""
        return replace(self, surrogate=self.surrogate.conditioned_on(values))

    def save(self, folder: Path) -> None:
        """Write the saved form: JSON and arrays, no pickle.

        Raises
        ------
        StorageError
            When the folder cannot be written.
        """
        self.surrogate.save(folder)
        outputs, arrays = self.calibration.to_saved()
        content = {
            "outputs": outputs,
            "distance_limit": self.domain.distance_limit,
            "tolerances": {
                name: {
                    "value": None if math.isinf(tolerance.value) else tolerance.value,
                    "error": tolerance.error,
                }
                for name, tolerance in self.tolerances.items()
            },
            "manifest": dict(self.manifest),
        }
        write_saved(folder, "checked", Saved("checked", content, arrays))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote. Runs no code from the folder.

        Raises
        ------
        StorageError
            Nothing there, a newer format, or a damaged file.
        """
        surrogate = load_surrogate(folder)
        saved = read_saved(folder, "checked")
        return cls(
            surrogate,
            Calibration.from_saved(saved.content["outputs"], saved.arrays),
            Domain(surrogate.description.space, saved.content["distance_limit"]),
            {
                name: Tolerance(math.inf if entry["value"] is None else entry["value"], entry["error"])
                for name, entry in saved.content["tolerances"].items()
            },
            saved.content["manifest"],
        )


@dataclass(frozen=True, eq=False, repr=False)
class CheckedPrediction(Prediction):
    """A prediction with error figures, domain and verdict, each computed when it is asked for.

    Parameters
    ----------
    checked
        What answered.
    """

    checked: CheckedSurrogate

    @cached_property
    def _quantity_indicators(self) -> Array:
        return self.surrogate.quantity_indicators(self.parameters)

    def figure(self, name: str) -> Array:
        """The error figure of one output as an array (q,); infinite where nothing can be claimed."""
        calibration = self.checked.calibration.outputs[name]
        if name in self.description.fields:
            return calibration.figure(self.surrogate.field_indicator(name, self.parameters))
        column = list(self.description.quantities).index(name)
        values, indicators = self._quantity_values[:, column], self._quantity_indicators[:, column]
        indicators = measured_indicator(values, indicators, calibration.measure, calibration.kind)
        return calibration.figure(indicators)

    def claimed(self, name: str) -> Array:
        """The error figure of one output where it is claimed (q,): infinite outside the domain as well."""
        return np.where(self.in_domain, self.error_figures[name].value, np.inf)

    @cached_property
    def error_figures(self) -> Mapping[str, ErrorFigure]:
        """The error figure of each output; one that is not asked for is not computed.

        They are claimed inside the domain only: :attr:`in_domain` tells, and :meth:`claimed` is infinite
        outside.
        """
        return _ErrorFigures(self)

    @cached_property
    def _distances(self) -> Array:
        return self.surrogate.distance(self.parameters)

    @cached_property
    def in_domain(self) -> Mask:
        """Whether each query lies in the domain of validity, shape (q,)."""
        return self.checked.domain.contains(self.parameters, self._distances)

    @cached_property
    def domain_reasons(self) -> tuple[str, ...]:
        """Why each query lies outside, in words; empty where it lies inside."""
        return self.checked.domain.reasons(self.parameters, self._distances)

    @cached_property
    def verdicts(self) -> Mapping[str, AnyArray]:
        """The verdict on each output with a tolerance: strings as in :class:`Verdict`, shape (q,)."""
        return {
            name: self._verdict(self.error_figures[name].value <= tolerance)
            for name, tolerance in self.checked.decisive.items()
        }

    @cached_property
    def verdict(self) -> AnyArray:
        """The verdict on each query (q,): within tolerance only where every output with a tolerance is."""
        within = np.ones(len(self), dtype=bool)
        for name, tolerance in self.checked.decisive.items():
            within &= self.error_figures[name].value <= tolerance
        return self._verdict(within)

    def _verdict(self, within: Mask) -> AnyArray:
        return np.asarray(_VERDICTS[np.where(self.in_domain, np.where(within, 0, 1), 2)])

    def to_xarray(self) -> xr.Dataset:
        """Everything as one dataset: values, ``NAME_error_figure`` of each, ``in_domain`` and ``verdict``."""
        dataset = super().to_xarray()
        for name, figure in self.error_figures.items():
            attributes: dict[str, Any] = {
                "long_name": f"error figure of {name}",
                "kind": figure.kind,
                "norm": figure.norm,
            }
            if figure.coverage is not None and figure.calibration is not None:
                attributes |= {"coverage": figure.coverage, "calibration": figure.calibration}
            dataset[f"{name}_error_figure"] = ("sample", self.claimed(name), attributes)
            dataset[name].attrs["ancillary_variables"] = f"{name}_error_figure"
        dataset["in_domain"] = ("sample", self.in_domain, {"long_name": "query in the domain of validity"})
        verdict = self.verdict.astype(object)  # text of fixed length has no place in the Zarr specification
        dataset["verdict"] = ("sample", verdict, {"long_name": "verdict"})
        return dataset

    def _lines(self) -> list[tuple[str, str]]:
        lines = []
        for name, text in super()._lines():
            if name in self.description.outputs and len(self):
                figure, claimed = self.error_figures[name], self.claimed(name)[0]
                said = f"{claimed:.3g} {figure.norm}, {figure.kind}" if np.isfinite(claimed) else "none"
                text += f"  (error figure {said})"
            lines.append((name, text))
        counted = [f"{np.sum(self.verdict == verdict)} {verdict}" for verdict in Verdict]
        verdict = str(self.verdict[0]) if len(self) == 1 else ", ".join(counted)
        return [*lines, ("verdict", verdict)]


class _ErrorFigures(Mapping[str, ErrorFigure]):
    """The error figures of a prediction by output, computed at first access and kept."""

    def __init__(self, prediction: CheckedPrediction) -> None:
        self._prediction = prediction
        self._known: dict[str, ErrorFigure] = {}

    def __getitem__(self, name: str) -> ErrorFigure:
        if name not in self._known:
            if name not in self._prediction.description.outputs:
                raise ParameterError(unknown_name("output", name, self))
            calibration = self._prediction.checked.calibration.outputs[name]
            self._known[name] = ErrorFigure(
                value=self._prediction.figure(name),
                kind=calibration.kind,
                norm=calibration.norm,
                coverage=calibration.coverage if calibration.kind == "indicator" else None,
                calibration=calibration.summary,
            )
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._prediction.description.outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self._prediction.description.outputs)

    def __len__(self) -> int:
        return len(self._prediction.description.outputs)
