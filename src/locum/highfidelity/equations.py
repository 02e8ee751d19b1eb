"""A model's equations, asked for in one place and looked at before anything believes them.

A model is somebody's own code. What it raises, and what is not what its capability promises, becomes one
sentence that names the model, what was asked and, where there are any, the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from locum.arrays import AnyArray, Array
from locum.exceptions import LocumError, ModelError
from locum.highfidelity.contract import HasOutputFunctionals, HasTimeDependentLoad
from locum.parameters.expressions import Expressions
from locum.reduction import InnerProduct


@dataclass(frozen=True, eq=False)
class Equations:
    """What a model with unknowns hands over, as arrays of real, finite numbers and fitting shapes.

    Each method asks the model's own of about the same name, whose contract says what the arrays are; it has
    to be there. Matrices are CSR and copies: a model may fill the same one again.

    Parameters
    ----------
    model
        As :class:`~locum.highfidelity.contract.HasUnknowns`.

    Raises
    ------
    ModelError
        By each method: what the model raised, or the first thing that is not as promised.
    """

    model: Any

    def fail(self, text: str) -> ModelError:
        """The error to raise, with the model's name in front."""
        return ModelError(f"{self.model.name}: {text}")

    @property
    def field(self) -> str:
        """Name of the field that holds the unknowns."""
        with self._asked("solution_field"):
            return str(self.model.solution_field)

    @cached_property
    def free(self) -> AnyArray:
        """Places of the unknowns among the values of the field at one time, shape (n,)."""
        with self._asked("free_nodes"):
            places = np.asarray(self.model.free_nodes())
        if places.ndim != 1 or not len(places) or places.dtype.kind not in "iu" or places.min() < 0:
            raise self.fail(
                f"free_nodes must be whole numbers, the places of the unknowns, got {places.dtype} of shape "
                f"{places.shape}"
            )
        return places

    @property
    def size(self) -> int:
        """Number of unknowns, n."""
        return len(self.free)

    def inner_product(self) -> InnerProduct:
        """On all values of the field."""
        with self._asked("inner_product"):
            found = self.model.inner_product(self.field)
            if found is not None:  # the Euclidean one
                found = self._numbers(found, "the inner product")
        try:
            return InnerProduct(found)
        except ModelError as error:
            raise self.fail(str(error)) from error

    def outputs(self) -> dict[str, Array]:
        """Quantity to its functional (n,); none where the model declares none."""
        if not isinstance(self.model, HasOutputFunctionals):
            return {}
        with self._asked("output_functionals"):
            found = dict(self.model.output_functionals())
        return {name: self._vector(row, f"output functional {name!r}") for name, row in found.items()}

    @cached_property
    def affine(self) -> tuple[tuple[Any, ...], Array]:
        """Matrices A_q (n, n) and vectors f_p as rows (P, n)."""
        with self._asked("affine_operators"):
            matrices, vectors = (tuple(each) for each in self.model.affine_operators())
        if not matrices or not vectors:
            raise self.fail("affine_operators must hold at least one matrix and one vector")
        found = tuple(self._matrix(each, f"affine matrix {q}") for q, each in enumerate(matrices))
        return found, np.stack([self._vector(each, f"affine vector {p}") for p, each in enumerate(vectors)])

    def coefficients(self, values: Array) -> tuple[Array, Array]:
        """Theta (m, Q) and phi (m, P) for parameter values (m, p)."""
        with self._asked("affine_coefficients"):
            theta, phi = self.model.affine_coefficients(values)
            theta, phi = self._numbers(theta, "theta"), self._numbers(phi, "phi")
        matrices, vectors = self.affine
        for name, found, terms, what in (
            ("theta", theta, matrices, "matrices"),
            ("phi", phi, vectors, "vectors"),
        ):
            expected = (len(values), len(terms))
            if found.shape != expected:
                raise self.fail(
                    f"{name} has shape {found.shape} for {len(values)} parameter values and {len(terms)} "
                    f"affine {what}; expected {expected}"
                )
            if not np.isfinite(found).all():
                raise self.fail(f"{name} holds values that are not finite")
        return theta, phi

    def expressions(self, names: tuple[str, ...]) -> tuple[Expressions, Expressions]:
        """The coefficients as text, functions of parameters of these names."""
        with self._asked("coefficient_expressions"):
            theta, phi = (tuple(each) for each in self.model.coefficient_expressions())
        for text in (*theta, *phi):
            if not isinstance(text, str):
                raise self.fail(f"coefficient_expressions: expected text, got {text!r}")
        try:
            return Expressions(names, theta), Expressions(names, phi)
        except LocumError as error:
            raise self.fail(f"coefficient_expressions: {error}") from error

    def operators(self, parameters: Mapping[str, float]) -> tuple[Any, Array]:
        """The assembled matrix (n, n) and right-hand side (n,)."""
        with self._asked("operators", parameters):
            matrix, right = self.model.operators(parameters)
        where = _where(parameters)
        return self._matrix(matrix, "operators: the matrix", where), self._vector(
            right, "operators: the right-hand side", where
        )

    def coercivity_bound(self, values: Array) -> Array:
        """Shape (m,) for parameter values (m, p)."""
        with self._asked("coercivity_bound"):
            found = self._numbers(self.model.coercivity_bound(values), "coercivity_bound")
        if found.shape != (len(values),) or not np.isfinite(found).all():
            raise self.fail(
                f"coercivity_bound must hold {len(values)} finite numbers, one for each of as many parameter "
                f"values, got shape {found.shape}"
            )
        return found

    def residual(self, state: Array, parameters: Mapping[str, float]) -> Array:
        """R(u; mu), shape (n,), at a state (n,)."""
        with self._asked("residual", parameters):
            found = self.model.residual(state.copy(), parameters)
        return self._vector(found, "the residual", _where(parameters))

    def jacobian(self, state: Array, parameters: Mapping[str, float]) -> Any:
        """Its derivative (n, n) there."""
        with self._asked("jacobian", parameters):
            found = self.model.jacobian(state.copy(), parameters)
        return self._matrix(found, "the Jacobian", _where(parameters))

    def mass_matrix(self) -> Any:
        """Shape (n, n)."""
        with self._asked("mass_matrix"):
            found = self.model.mass_matrix()
        return self._matrix(found, "the mass matrix")

    def initial_value(self) -> Array:
        """Shape (n,)."""
        with self._asked("initial_value"):
            found = self.model.initial_value()
        return self._vector(found, "the initial value")

    def time_grid(self) -> Array:
        """Increasing times, shape (K + 1,)."""
        with self._asked("time_grid"):
            times = self._numbers(self.model.time_grid(), "time_grid")
        if times.ndim != 1 or len(times) < 2 or not (np.diff(times) > 0).all():
            raise self.fail("time_grid must hold at least two increasing times")
        return times

    def implicitness(self) -> float:
        """Of the scheme, from 0.5 to 1."""
        with self._asked("implicitness"):
            theta = float(self.model.implicitness)
        if not 0.5 <= theta <= 1.0:
            raise self.fail(f"implicitness must lie between 0.5 and 1, got {theta:g}")
        return theta

    def load_factors(self) -> Array | None:
        """At the times of the grid, shape (K + 1, P); None of a load that does not change."""
        if not isinstance(self.model, HasTimeDependentLoad):
            return None
        expected = (len(self.time_grid()), len(self.affine[1]))
        with self._asked("load_factors"):
            factors = self._numbers(self.model.load_factors(), "load_factors")
        if factors.shape != expected or not np.isfinite(factors).all():
            raise self.fail(
                f"load_factors must hold finite numbers for {expected[0]} times and {expected[1]} affine "
                f"vectors, got shape {factors.shape}"
            )
        return factors

    @contextmanager
    def _asked(self, what: str, parameters: Mapping[str, float] | None = None) -> Iterator[None]:
        """One sentence for whatever the model raises."""
        try:
            yield
        except LocumError:
            raise
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            raise self.fail(f"{what} cannot be used{_where(parameters)}: {told}") from error

    def _numbers(self, found: Any, what: str) -> Array:
        """What is real, as it is where it is sparse, else as an array."""
        array = found if sp.issparse(found) else np.asarray(found)
        if array.dtype.kind not in "buif":
            given = "nothing" if found is None else array.dtype
            raise self.fail(f"{what} holds {given}; expected real numbers")
        return array if sp.issparse(found) else np.asarray(array, dtype=np.float64)

    def _matrix(self, found: Any, what: str, where: str = "") -> Any:
        with self._asked(what):
            array = self._numbers(found, what)
        if array.shape != (self.size, self.size):
            raise self.fail(
                f"{what} has shape {array.shape}{where}; expected ({self.size}, {self.size}), one row and "
                "column for each of free_nodes"
            )
        matrix = sp.csr_array(array, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        if not np.isfinite(matrix.data).all():
            raise self.fail(f"{what} holds values that are not finite{where}")
        return matrix

    def _vector(self, found: Any, what: str, where: str = "") -> Array:
        with self._asked(what):
            vector = self._numbers(found, what)
        if vector.shape != (self.size,):
            raise self.fail(f"{what} must hold {self.size} finite numbers, got shape {vector.shape}{where}")
        if not np.isfinite(vector).all():
            raise self.fail(f"{what} holds values that are not finite{where}")
        return vector


def _where(parameters: Mapping[str, float] | None) -> str:
    if not parameters:
        return ""
    return " at " + ", ".join(f"{name} = {value:.4g}" for name, value in parameters.items())
