"""Does a model keep what its capabilities promise?

A projected surrogate believes the operators: a model whose operators are not those of its simulation would
get a certified wrong answer. It is found before a study starts.

Everything is checked against simulations at a few parameter values, by backward errors: a residual counts
relative to the largest of its terms, ||A u - f|| / (||A|| ||u|| + ||f||) (Rigal and Gaches, J. ACM 14, 1967).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.sparse.linalg import splu

from locum.arrays import Array
from locum.highfidelity.contract import (
    HasAffineOperators,
    HasCoefficientExpressions,
    HasInnerProduct,
    HasOperators,
    HasResidual,
    HasTimeStepping,
    HasUnknowns,
    HighFidelityModel,
)
from locum.highfidelity.equations import Equations
from locum.reduction.definiteness import is_definite, is_symmetric

# Backward error of a simulation in its own equations: iterative solvers are run to 1e-8 and better.
TOLERANCE = 1e-7
_SINGULAR = 1e-15  # smallest pivot over the largest
_STEP = 1e-6  # of the difference quotient that a Jacobian is compared with
_JACOBIAN_TOLERANCE = 1e-4


def check_capabilities(model: HighFidelityModel, points: int = 2, seed: int = 0) -> None:
    """Check a model's operators, residual, outputs and inner product against simulations of it.

    Parameters
    ----------
    model
        Any model; what it does not offer is not checked.
    points
        Number of simulations, at least one, at parameters drawn from its own space.
    seed
        Of the draw.

    Raises
    ------
    ModelError
        The first promise that is not kept, in one sentence: shapes, singular operators, an inner product that
        is not symmetric and definite, or a simulation that does not solve the equations.
    """
    if isinstance(model, HasUnknowns):
        values = model.parameters.sample(points, np.random.default_rng(seed))
        rows = (dict(zip(model.parameters.names, row.tolist(), strict=True)) for row in values)
        check_simulated(model, values, map(model.simulate, rows))


def check_simulated(model: HighFidelityModel, values: Array, snapshots: Iterable[xr.Dataset]) -> None:
    """Check a model against simulations that there are already; otherwise as :func:`check_capabilities`.

    Parameters
    ----------
    values
        Parameter values of the simulations, shape (m, p).
    snapshots
        What the model gave there, in the same order.

    Raises
    ------
    ModelError
        As :func:`check_capabilities` does.
    """
    if isinstance(model, HasUnknowns):
        _Check(model, values).run(snapshots)


class _Check:
    def __init__(self, model: Any, values: Array) -> None:
        self.model = model
        self.values = values
        self.equations = Equations(model)
        self.fail = self.equations.fail
        self.field, self.free, self.size = self.equations.field, self.equations.free, self.equations.size

    def run(self, snapshots: Iterable[xr.Dataset]) -> None:
        """Check everything that the model offers."""
        model = self.model
        if isinstance(model, HasAffineOperators):
            self._coefficients()
        if isinstance(model, HasInnerProduct):
            self._inner_product()
        for value, dataset in zip(self.values, snapshots, strict=True):
            parameters = dict(zip(model.parameters.names, value.tolist(), strict=True))
            states = self._states(dataset)
            if isinstance(model, HasTimeStepping):
                self._time_steps(value, states, dataset)
            elif isinstance(model, HasAffineOperators):
                self._solves(*assembled(self.equations, value), states[-1], "affine operators")
            if isinstance(model, HasOperators):
                self._solves(*self.equations.operators(parameters), states[-1], "operators")
            if isinstance(model, HasResidual):
                self._residual(states, parameters)
            self._outputs(states[-1], dataset)

    def _states(self, dataset: xr.Dataset) -> Array:
        """Unknowns (T, n) of a snapshot, whose other values must be zero."""
        if self.field not in dataset:
            raise self.fail(f"solution_field is {self.field!r}, which the snapshot does not hold")
        variable = dataset[self.field]
        rows = variable.values.reshape(variable.sizes.get("time", 1), -1)
        if self.free.max() >= rows.shape[1] or len(np.unique(self.free)) < self.size:
            raise self.fail(
                f"free_nodes must be distinct places among the {rows.shape[1]} values of the field"
            )
        rest = np.delete(rows, self.free, axis=1)
        if np.abs(rest).max(initial=0.0) > TOLERANCE * np.abs(rows).max():
            raise self.fail(
                f"field {self.field!r} is not zero at nodes that free_nodes leaves out; "
                "subtract what is given there"
            )
        return np.asarray(rows[:, self.free])

    def _coefficients(self) -> None:
        names, expected = self.model.parameters.names, self.equations.coefficients(self.values)
        if not isinstance(self.model, HasCoefficientExpressions):
            return
        texts = self.equations.expressions(names)
        for name, text, known in zip(("theta", "phi"), texts, expected, strict=True):
            found = text(self.values)
            if found.shape != known.shape or not np.allclose(found, known, rtol=1e-12, atol=0.0):
                raise self.fail(f"coefficient_expressions and affine_coefficients differ in {name}")

    def _inner_product(self) -> None:
        product = self.equations.inner_product()
        if product.matrix is None:
            return
        if self.free.max() >= (product.size or 0):
            raise self.fail(f"inner product is of size {product.size}, too small for free_nodes")
        if product.matrix.ndim == 2 and not is_definite(product.matrix[self.free][:, self.free]):
            raise self.fail("inner product: the matrix is not positive definite on the unknowns")

    def _solves(self, matrix: Any, right: Array, state: Array, name: str) -> None:
        if is_singular(matrix):
            raise self.fail(
                f"{name}: the matrix is singular at {self._where()}, as it is where an essential condition "
                "is missing"
            )
        self._solved(matrix, right, state, name)

    def _solved(self, matrix: Any, right: Array, state: Array, name: str) -> None:
        error = backward_error(matrix, state, right)
        if not error <= TOLERANCE:
            raise self.fail(
                f"{name}: its own simulation leaves a relative residual of {error:.1e}, more than "
                f"{TOLERANCE:.0e}; operators and simulation differ"
            )

    def _where(self) -> str:
        return f"parameters drawn from its space, such as {np.array2string(self.values[0], precision=3)}"

    def _time_steps(self, value: Array, states: Array, dataset: xr.Dataset) -> None:
        equations = self.equations
        times, theta, given = equations.time_grid(), equations.implicitness(), equations.mass_matrix()
        start, factors = equations.initial_value(), equations.load_factors()
        saved = dataset["time"].values if "time" in dataset else np.empty(0)
        if len(saved) != len(times) or not np.allclose(saved, times):
            raise self.fail("the snapshot must be saved at all times of time_grid")
        if not is_symmetric(given) or not is_definite(given):
            raise self.fail("the mass matrix is not symmetric and positive definite")
        scale = np.abs(states).max()
        if np.abs(states[0] - start).max() > TOLERANCE * scale:
            raise self.fail("the snapshot does not start with initial_value")
        if factors is None:
            factors = np.ones((len(times), len(equations.affine[1])))
        matrix, loads = assembled(equations, value, theta * factors[1:] + (1.0 - theta) * factors[:-1])
        for k, step in enumerate(np.diff(times)):
            mass = given / step
            right = loads[k] + mass @ states[k] - (1.0 - theta) * (matrix @ states[k])
            checked = self._solved if k else self._solves
            checked(mass + theta * matrix, right, states[k + 1], f"time step {k + 1}")

    def _residual(self, states: Array, parameters: Mapping[str, float]) -> None:
        if len(states) > 1:
            raise self.fail(
                "a residual is of a steady field, and its own changes in time; leave residual out"
            )
        state, equations = states[0], self.equations
        residual, jacobian = equations.residual(state, parameters), equations.jacobian(state, parameters)
        if is_singular(jacobian):
            raise self.fail(f"the Jacobian is singular at {self._where()}")
        scale = norm(jacobian) * float(np.abs(state).max())
        if np.abs(residual).max() > TOLERANCE * scale:
            raise self.fail(
                f"the residual at its own simulation is {np.abs(residual).max() / scale:.1e} of its terms, "
                f"more than {TOLERANCE:.0e}; residual and simulation differ"
            )
        direction = np.cos(np.arange(self.size)) * np.abs(state).max()
        ahead, behind = (
            equations.residual(state + sign * _STEP * direction, parameters) for sign in (1.0, -1.0)
        )
        expected = jacobian @ direction
        error = np.abs((ahead - behind) / (2 * _STEP) - expected).max()
        if not error <= _JACOBIAN_TOLERANCE * np.abs(expected).max():
            raise self.fail("the Jacobian is not the derivative of the residual at its own simulation")

    def _outputs(self, state: Array, dataset: xr.Dataset) -> None:
        for name, functional in self.equations.outputs().items():
            if name not in dataset or dataset[name].ndim:
                raise self.fail(f"output functional {name!r}: the snapshot holds no such quantity")
            value, expected = float(functional @ state), float(dataset[name])
            scale = float(np.abs(functional) @ np.abs(state)) + abs(expected)
            if abs(value - expected) > TOLERANCE * scale:
                raise self.fail(
                    f"output functional {name!r} gives {value:.6g} where the simulation gives {expected:.6g}"
                )


def assembled(equations: Equations, value: Array, load_factors: Array | float = 1.0) -> tuple[Any, Array]:
    """Matrix (n, n) and right-hand side (n,) of affine operators at one parameter value (p,).

    Load factors of several steps (K, P) make as many right-hand sides (K, n).
    """
    matrices, vectors = equations.affine
    theta, phi = (row[0] for row in equations.coefficients(value[None]))
    matrix = sum(factor * part for factor, part in zip(theta, matrices, strict=True))
    return matrix, np.asarray((phi * load_factors) @ vectors)


def norm(matrix: Any) -> float:
    """Largest absolute row sum."""
    return float(abs(matrix).sum(axis=1).max())


def backward_error(matrix: Any, state: Array, right: Array) -> float:
    """Normwise backward error of a solution, in the maximum norm; 0 is exact and 1 is anything."""
    scale = norm(matrix) * np.abs(state).max() + np.abs(right).max()
    return float(np.abs(matrix @ state - right).max() / scale)


def is_singular(matrix: Any) -> bool:
    """Whether a pivot of a sparse LU factorisation vanishes, up to rounding."""
    try:
        pivots = np.abs(splu(sp.csc_matrix(matrix)).U.diagonal())
    except RuntimeError:  # SuperLU: "Factor is exactly singular"
        return True
    return bool(pivots.min() <= _SINGULAR * pivots.max())
