"""A pyMOR model as a high-fidelity model: its users bring what they have, operators and all.

Stationary and instationary models with a matrix operator that is a sum of parameter functionals times
matrices, as pyMOR's own discretisers make them (Milk, Rave and Schindler, SIAM J. Sci. Comput. 38, 2016;
https://pymor.org). pyMOR itself is never imported here: the model that is handed over brings its methods. A
pyMOR parameter of several entries becomes as many parameters: ``diffusion`` of size 4 is ``diffusion_0`` to
``diffusion_3``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.highfidelity.contract import snapshot
from locum.highfidelity.mesh import Mesh
from locum.parameters import ParameterSpace


@dataclass(frozen=True)
class PymorModel:
    """A stationary pyMOR model.

    Parameters
    ----------
    full_order_model
        ``pymor.models.basic.StationaryModel``, linear, on NumPy vectors.
    parameters
        Names as above, with their ranges.
    version
        What changes when a result could: pyMOR keeps no version of a problem.
    points
        Coordinates of the degrees of freedom, shape (N, d): ``data["grid"].centers(d)`` for the continuous
        Galerkin discretisation.
    product
        Which of the model's products errors are measured in; its rows with nothing but a diagonal are taken
        for essential conditions, where the solution is zero.
    solution_field
        Name that the solution gets.

    Raises
    ------
    ModelError
        Parameters or points that do not fit the model, an operator without an affine form or one that depends
        on time, an unknown product.
    """

    full_order_model: Any
    parameters: ParameterSpace
    version: str
    points: Array = field(repr=False)
    product: str = "h1_0_semi"
    solution_field: str = "solution"

    _constant: ClassVar[tuple[str, ...]] = ("operator", "rhs")  # in time

    def __post_init__(self) -> None:
        expected = {name for names in self._entries.values() for name in names}
        if set(self.parameters.names) != expected:
            raise ModelError(
                f"pymor model: expected parameters {', '.join(sorted(expected))}, "
                f"got {', '.join(self.parameters.names)}"
            )
        size = self.full_order_model.solution_space.dim
        if len(self.points) != size:
            raise ModelError(f"pymor model: {size} degrees of freedom, but {len(self.points)} points")
        if self.product not in self.full_order_model.products:
            known = ", ".join(self.full_order_model.products)
            raise ModelError(f"pymor model: unknown product {self.product!r}; expected {known}")
        if not hasattr(self.full_order_model.operator, "operators"):
            raise ModelError("pymor model: its operator is no sum of matrices (pymor LincombOperator)")
        for part in self._constant:
            if "t" in getattr(self.full_order_model, part).parameters:
                raise ModelError(f"pymor model: its {part} depends on time; hold it constant")

    @property
    def name(self) -> str:
        """Name of the pyMOR model."""
        return str(self.full_order_model.name)

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """The solution, computed by pyMOR.

        Raises
        ------
        ParameterError
            A name missing or unknown.
        """
        return self._snapshot(self._solved(parameters)[0])

    def _solved(self, parameters: Mapping[str, float]) -> Array:
        """The solution at each time, shape (T, N), or (1, N)."""
        values = self.parameters.matrix(parameters)[0]
        return _rows(self.full_order_model.solve(self._parsed(values)))

    def _snapshot(self, values: Array, times: Array | None = None) -> xr.Dataset:
        return snapshot(Mesh(self.points, unit=""), {self.solution_field: (values, "")}, None, times, "")

    def inner_product(self, field: str) -> Any:
        """Sparse (N, N)."""
        return sp.csr_matrix(self.full_order_model.products[self.product].matrix)

    def free_nodes(self) -> AnyArray:
        """Degrees of freedom without an essential condition, shape (n,)."""
        product = self.inner_product(self.solution_field)
        product.eliminate_zeros()
        return np.flatnonzero(np.diff(product.indptr) > 1)

    def affine_operators(self) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        """Matrices (n, n) and vectors (n,) of its sums, without those that act on essential rows alone."""
        matrices, vectors = self._parts
        return tuple(part for part, _ in matrices), tuple(part for part, _ in vectors)

    def affine_coefficients(self, parameters: Array) -> tuple[Array, Array]:
        """Coefficients (m, Q) and (m, P), from pyMOR's functionals, one parameter at a time."""
        parsed = [self._parsed(row) for row in parameters]
        tables = [
            np.array([[_evaluated(functionals, mu) for _, functionals in parts] for mu in parsed])
            for parts in self._parts
        ]
        return tables[0], tables[1]

    def coefficient_expressions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The functionals as text.

        Raises
        ------
        ModelError
            A functional that is neither a number, nor one entry of a parameter, nor an expression.
        """
        matrices, vectors = self._parts
        return tuple(self._texts(f) for _, f in matrices), tuple(self._texts(f) for _, f in vectors)

    def _texts(self, functionals: tuple[Any, ...]) -> str:
        """A product as text."""
        found = [self._text(functional) for functional in functionals if not _over_time(functional)]
        return " * ".join(f"({text})" for text in found) if len(found) > 1 else "".join(found) or "1.0"

    def _text(self, functional: Any) -> str:
        if not hasattr(functional, "evaluate"):
            return repr(float(functional))
        if hasattr(functional, "parameter") and hasattr(functional, "index"):
            return self._entries[functional.parameter][functional.index or 0]
        if hasattr(functional, "expression"):
            return re.sub(r"(\w+)\[(\d+)\]", self._entry, str(functional.expression))
        raise ModelError(
            f"pymor model: parameter functional {functional} cannot be written as text; use projections and "
            "expressions of scalar parameters"
        )

    def _entry(self, found: re.Match[str]) -> str:
        """Name of the entry that an expression writes as ``diffusion[2]``."""
        return self._entries[found[1]][int(found[2])]

    @cached_property
    def _entries(self) -> dict[str, list[str]]:
        """PyMOR's parameters to the names of their entries."""
        return {
            name: [name] if size == 1 else [f"{name}_{k}" for k in range(size)]
            for name, size in self.full_order_model.parameters.items()
        }

    def _parsed(self, values: Array) -> Any:
        named = dict(zip(self.parameters.names, values.tolist(), strict=True))
        grouped = {name: [named[entry] for entry in entries] for name, entries in self._entries.items()}
        return self.full_order_model.parameters.parse(grouped)

    @cached_property
    def _parts(self) -> tuple[list[tuple[Any, tuple[Any, ...]]], list[tuple[Array, tuple[Any, ...]]]]:
        """Matrices and vectors on the unknowns, each with the functionals whose product multiplies it."""
        free = self.free_nodes()
        operator, right = self.full_order_model.operator, self.full_order_model.rhs
        found = [
            (sp.csr_array(part.matrix)[free][:, free], _factors(functional))
            for part, functional in zip(operator.operators, operator.coefficients, strict=True)
        ]
        matrices = [(matrix, functional) for matrix, functional in found if abs(matrix).sum() > 0]
        if hasattr(right, "operators"):
            summands = zip(right.operators, right.coefficients, strict=True)
            return matrices, [(_vector(part)[free], _factors(functional)) for part, functional in summands]
        return matrices, [(_vector(right)[free], ())]


@dataclass(frozen=True)
class PymorEvolution(PymorModel):
    """An instationary pyMOR model with the implicit Euler stepper and a mass that depends on no parameter.

    Its right-hand side may depend on time by functionals of time alone, and by products of them with
    functionals of the parameters.
    """

    _constant: ClassVar[tuple[str, ...]] = ("operator",)

    def __post_init__(self) -> None:
        super().__post_init__()
        stepper = type(self.full_order_model.time_stepper).__name__
        if stepper != "ImplicitEulerTimeStepper":
            raise ModelError(f"pymor model: expected an ImplicitEulerTimeStepper, got {stepper}")
        for functional in (each for _, functionals in self._parts[1] for each in functionals):
            if _over_time(functional) and len(functional.parameters) > 1:
                raise ModelError(
                    f"pymor model: {functional} of its rhs depends on parameters and time together; expected "
                    "a product of functionals of one or the other"
                )

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """The trajectory, computed by pyMOR.

        Raises
        ------
        ParameterError
            A name missing or unknown.
        """
        return self._snapshot(self._solved(parameters), self.time_grid())

    def mass_matrix(self) -> Any:
        """Sparse (n, n)."""
        free = self.free_nodes()
        return sp.csr_array(self.full_order_model.mass.matrix)[free][:, free]

    def initial_value(self) -> Array:
        """Shape (n,)."""
        return np.asarray(_rows(self.full_order_model.initial_data.as_range_array())[0][self.free_nodes()])

    def time_grid(self) -> Array:
        """Equal steps of pyMOR's stepper, shape (K + 1,)."""
        model = self.full_order_model
        return np.linspace(0.0, float(model.T), int(model.time_stepper.nt) + 1)

    def load_factors(self) -> Array:
        """Of each vector, the functionals of time, shape (K + 1, P): as pyMOR, at the end of each step."""
        return np.array(
            [[_over(functionals, float(t)) for _, functionals in self._parts[1]] for t in self.time_grid()]
        )

    @property
    def implicitness(self) -> float:
        """One: implicit Euler."""
        return 1.0


def _rows(vectors: Any) -> Array:
    """A pyMOR vector array, which hands over columns, as rows."""
    return np.ascontiguousarray(np.asarray(vectors.to_numpy(), dtype=np.float64).T)


def _vector(operator: Any) -> Array:
    return np.asarray(_rows(operator.as_range_array())[0])


def _factors(functional: Any) -> tuple[Any, ...]:
    """The factors of a product of functionals, or a functional or number alone."""
    if not hasattr(functional, "factors"):
        return (functional,)
    return tuple(found for factor in functional.factors for found in _factors(factor))


def _over_time(functional: Any) -> bool:
    return "t" in getattr(functional, "parameters", ())


def _evaluated(functionals: tuple[Any, ...], mu: Any) -> float:
    """Product of those that do not depend on time."""
    return prod(
        float(each.evaluate(mu)) if hasattr(each, "evaluate") else float(each)
        for each in functionals
        if not _over_time(each)
    )


def _over(functionals: tuple[Any, ...], time: float) -> float:
    """Product of those that do."""
    return prod(
        float(each.evaluate(each.parameters.parse({"t": time}))) for each in functionals if _over_time(each)
    )
