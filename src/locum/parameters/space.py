"""A parameter space: named, sized values with a range, a unit, a scale and a distribution.

Every method sees parameters in two coordinates: *values*, in the user's units, and *warped* values in the
unit cube, after the logarithm where the scale asks for it. On the thermal block that warp alone is worth a
factor of five to ten in a regression's error.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from locum.arrays import Array
from locum.exceptions import ParameterError
from locum.parameters.distributions import (
    Distribution,
    LogUniform,
    Normal,
    Uniform,
    distribution_from_dict,
)

Scale = Literal["linear", "log"]

_FARTHEST = 30.0  # standard deviations: beyond, double precision cannot tell the tail from nothing


@dataclass(frozen=True)
class Parameter:
    """One named parameter.

    Parameters
    ----------
    name
        A Python identifier.
    lower, upper
        The range, in ``unit``; ``lower < upper``, and ``lower > 0`` where the scale is ``log``.
    unit
        For people and for attributes of stored arrays; empty where dimensionless.
    scale
        ``log`` warps with the logarithm before anything is fitted.
    distribution
        What queries are expected to look like; uniform in the scale where it is left out.
    description
        A few words for tables and pictures.

    Raises
    ------
    ParameterError
        Range reversed, empty, not finite, or reaching zero on a logarithmic scale.
    """

    name: str
    lower: float
    upper: float
    unit: str = ""
    scale: Scale = "linear"
    distribution: Distribution | None = None
    description: str = ""

    def __post_init__(self) -> None:
        where = f"parameter {self.name!r}"
        if not self.name.isidentifier():
            raise ParameterError(
                f"{where}: the name must be letters, digits and underscores, not starting with a digit"
            )
        if not (math.isfinite(self.lower) and math.isfinite(self.upper)):
            raise ParameterError(f"{where}: range [{self.lower}, {self.upper}] must be two finite numbers")
        if self.lower >= self.upper:
            raise ParameterError(
                f"{where}: range [{self.lower:g}, {self.upper:g}] is reversed or empty; write [lower, upper]"
            )
        if self.scale == "log" and self.lower <= 0:
            raise ParameterError(
                f"{where}: range [{self.lower:g}, {self.upper:g}] goes through zero, which a log scale "
                "cannot; "
                "use a positive lower end or scale: linear"
            )
        if self.distribution is None:
            object.__setattr__(self, "distribution", LogUniform() if self.scale == "log" else Uniform())
        if isinstance(self.density, LogUniform) and self.lower <= 0:
            raise ParameterError(
                f"{where}: a log-uniform distribution needs a positive range, "
                f"got [{self.lower:g}, {self.upper:g}]"
            )
        if isinstance(self.density, Normal):
            away = max(self.lower - self.density.mean, self.density.mean - self.upper)
            if away > _FARTHEST * self.density.standard_deviation:
                raise ParameterError(
                    f"{where}: range [{self.lower:g}, {self.upper:g}] lies more than {_FARTHEST:g} standard "
                    f"deviations from the mean {self.density.mean:g} of its normal distribution; "
                    "correct one of them"
                )

    @property
    def density(self) -> Distribution:
        """The distribution: what the scale implies where none was given."""
        assert self.distribution is not None
        return self.distribution

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            "name": self.name,
            "lower": self.lower,
            "upper": self.upper,
            "unit": self.unit,
            "scale": self.scale,
            "distribution": self.density.to_dict(),
            "description": self.description,
        }


@dataclass(frozen=True)
class ParameterSpace:
    """The product of named parameters.

    Parameters
    ----------
    parameters
        At least one, with distinct names. Columns of every array follow their order.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ParameterError("a parameter space needs at least one parameter")
        repeated = {name for name in self.names if self.names.count(name) > 1}
        if repeated:
            raise ParameterError(f"parameter names must differ: {', '.join(sorted(repeated))} appears twice")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in column order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def dimension(self) -> int:
        """Number of parameters, p."""
        return len(self.parameters)

    @cached_property
    def lower(self) -> Array:
        """Lower ends, shape (p,)."""
        return np.array([parameter.lower for parameter in self.parameters])

    @cached_property
    def upper(self) -> Array:
        """Upper ends, shape (p,)."""
        return np.array([parameter.upper for parameter in self.parameters])

    @cached_property
    def logarithmic(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which columns are warped with the logarithm, shape (p,)."""
        return np.array([parameter.scale == "log" for parameter in self.parameters])

    @cached_property
    def _warped_ends(self) -> tuple[Array, Array]:
        lower = np.where(self.logarithmic, np.log(np.where(self.logarithmic, self.lower, 1.0)), self.lower)
        upper = np.where(self.logarithmic, np.log(np.where(self.logarithmic, self.upper, 1.0)), self.upper)
        return lower, upper - lower

    def warp(self, values: Array) -> Array:
        """Values (..., p) in user's units to the unit cube; outside the range lies outside [0, 1].

        Non-positive values of a logarithmic parameter become ``-inf``.
        """
        offset, width = self._warped_ends
        if self.logarithmic.any():
            with np.errstate(divide="ignore"):
                values = np.where(self.logarithmic, np.log(np.maximum(values, 0.0)), values)
        return (values - offset) / width

    def unwarp(self, warped: Array) -> Array:
        """Inverse of :meth:`warp`."""
        offset, width = self._warped_ends
        values = offset + warped * width
        if self.logarithmic.any():
            values = np.where(self.logarithmic, np.exp(np.where(self.logarithmic, values, 0.0)), values)
        return np.asarray(values)

    def quantile(self, probabilities: Array) -> Array:
        """Inverse distribution function by column: (n, p) in [0, 1] to (n, p) values inside the range."""
        columns = [
            parameter.density.quantile(probabilities[..., j], parameter.lower, parameter.upper)
            for j, parameter in enumerate(self.parameters)
        ]
        return np.clip(np.stack(columns, axis=-1), self.lower, self.upper)

    def sample(self, n: int, generator: np.random.Generator) -> Array:
        """Draw (n, p) values independently from the distribution.

        The first rows do not depend on ``n``: a longer draw from the same seed continues a shorter one.
        """
        return self.quantile(generator.random((n, self.dimension)))

    def inside(self, values: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each of (n, p) values lies within all ranges (up to rounding), shape (n,)."""
        slack = 1e-9 * (self.upper - self.lower)
        return np.asarray(((values >= self.lower - slack) & (values <= self.upper + slack)).all(axis=-1))

    def matrix(self, parameters: Any) -> Array:
        """Parameter values in column order, shape (n, p), from whatever a user holds.

        Parameters
        ----------
        parameters
            A mapping of names to numbers or to equally long sequences, a sequence of such mappings, an
            ``xarray.Dataset`` or ``pandas.DataFrame`` with a column a name, or an array (n, p) or (p,).

        Raises
        ------
        ParameterError
            A name missing or unknown (with the likely one), a value that is not a finite number, lengths that
            differ.
        """
        if hasattr(parameters, "data_vars"):
            self._check_dimensions(parameters)
            parameters = {
                name: np.atleast_1d(parameters[name].values)
                for name in (*parameters.data_vars, *parameters.coords)
                if name in self.names or name in parameters.data_vars
            }
        elif hasattr(parameters, "columns"):
            parameters = {name: parameters[name].to_numpy() for name in parameters.columns}
        if isinstance(parameters, Mapping):
            return self._from_mapping(parameters)
        if isinstance(parameters, Sequence) and parameters and isinstance(parameters[0], Mapping):
            return np.concatenate([self._from_mapping(row) for row in parameters])
        return self._from_array(parameters)

    def _check_dimensions(self, dataset: Any) -> None:
        given = [name for name in self.names if name in dataset.variables]
        along = sorted({str(dimension) for name in given for dimension in dataset[name].dims})
        if len(along) > 1:
            listed = " and ".join(along)
            raise ParameterError(
                f"parameters lie along dimensions {listed}; expected one: broadcast them and stack, as in "
                f"xr.broadcast(...) and .stack(sample={along!r})"
            )

    def _from_mapping(self, parameters: Mapping[str, Any]) -> Array:
        self.check_names(parameters)
        try:
            matrix = np.array([[float(parameters[name]) for name in self.names]])
        except (TypeError, ValueError):
            matrix = self._from_columns(parameters)
        return self._finite(matrix)

    def _from_columns(self, parameters: Mapping[str, Any]) -> Array:
        columns = []
        for name in self.names:
            try:
                columns.append(np.atleast_1d(np.asarray(parameters[name], dtype=np.float64)))
            except (TypeError, ValueError):
                raise ParameterError(
                    f"parameter {name!r}: expected a number, got {parameters[name]!r}"
                ) from None
        lengths = {column.size for column in columns} - {1}
        if len(lengths) > 1 or any(column.ndim > 1 for column in columns):
            sizes = ", ".join(
                f"{name}: {column.size}" for name, column in zip(self.names, columns, strict=True)
            )
            raise ParameterError(f"parameters must be numbers or equally long lists, got lengths {sizes}")
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def _from_array(self, parameters: Any) -> Array:
        try:
            matrix = np.atleast_2d(np.asarray(parameters, dtype=np.float64))
        except (TypeError, ValueError):
            raise ParameterError(
                f"parameters: expected a mapping of {', '.join(self.names)} to numbers, "
                f"got {type(parameters).__name__}"
            ) from None
        if matrix.ndim != 2 or matrix.shape[1] != self.dimension:
            raise ParameterError(
                f"parameters: expected {self.dimension} columns ({', '.join(self.names)}), "
                f"got an array of shape {np.shape(parameters)}"
            )
        return self._finite(matrix)

    def _finite(self, matrix: Array) -> Array:
        if not np.isfinite(matrix).all():
            row, column = np.argwhere(~np.isfinite(matrix))[0]
            where = f" (row {row})" if len(matrix) > 1 else ""
            raise ParameterError(
                f"parameter {self.names[column]!r}{where}: expected a finite number, "
                f"got {matrix[row, column]}"
            )
        return matrix

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse names that are missing or unknown, suggesting the likely one.

        Raises
        ------
        ParameterError
            Naming the first offender.
        """
        given = list(names)
        if len(given) == len(self.names) and set(given) == set(self.names):
            return
        for name in given:
            if name not in self.names:
                raise ParameterError(unknown_name("parameter", str(name), self.names))
        missing = [name for name in self.names if name not in given]
        raise ParameterError(f"parameter {missing[0]!r} is missing; expected {', '.join(self.names)}")

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain values for a manifest; :func:`space_from_dict` reads them back."""
        return [parameter.to_dict() for parameter in self.parameters]


def space_from_dict(data: Sequence[Mapping[str, Any]]) -> ParameterSpace:
    """Inverse of :meth:`ParameterSpace.to_dict`."""
    return ParameterSpace(
        tuple(
            Parameter(**{**entry, "distribution": distribution_from_dict(entry["distribution"])})
            for entry in data
        )
    )


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, with the likely one where there is one."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
    return f"{what} {name!r} is unknown; {hint}"
