"""What locum asks of a simulation, and what a simulation may offer beyond it.

A black box is enough: parameters in, a snapshot out. Capabilities are separate small protocols, found by
``isinstance``; a method states which it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import SimulationError
from locum.highfidelity.mesh import MESH_VARIABLES, Mesh
from locum.parameters import ParameterSpace

FIELD_DIMENSIONS = ("time", "node", "component")


@runtime_checkable
class HighFidelityModel(Protocol):
    """The simulation.

    ``name`` and ``version`` are part of every sample's identity: whatever changes a result changes the
    version. ``parameters`` is the space on which the model makes sense; a study may narrow it.
    """

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a result could change: code, mesh, tables, options."""
        ...

    @property
    def parameters(self) -> ParameterSpace:
        """Names, units, and default ranges."""
        ...

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        """Run one simulation and return its snapshot, as :func:`snapshot` builds it."""
        ...


@runtime_checkable
class HasInnerProduct(Protocol):
    """The model knows the inner product in which errors of its fields mean something."""

    def inner_product(self, field: str) -> Any:
        """Sparse symmetric positive definite matrix (N, N) on the nodes of ``field`` (``scipy.sparse``)."""
        ...


@runtime_checkable
class HasUnknowns(Protocol):
    """The model says where the unknowns of its equations lie: what every capability below builds on.

    Unknowns are nodal values of one field, in an order of the model's own; nodal values that are not among
    them are zero for every parameter (homogeneous essential conditions).
    """

    @property
    def solution_field(self) -> str:
        """Name of the field that holds the unknowns."""
        ...

    def free_nodes(self) -> AnyArray:
        """Place of each unknown among the field's values at one time, flattened from (N,) or (N, c): (n,)."""
        ...


@runtime_checkable
class HasOperators(HasUnknowns, Protocol):
    """The model hands over its assembled linear system A(mu) u = f(mu) on the unknowns."""

    def operators(self, parameters: Mapping[str, float]) -> tuple[Any, Array]:
        """Sparse matrix (n, n) and right-hand side (n,)."""
        ...


@runtime_checkable
class HasAffineOperators(HasUnknowns, Protocol):
    """The system is A(mu) = sum_q theta_q(mu) A_q, f(mu) = sum_p phi_p(mu) f_p with known functions."""

    def affine_operators(self) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        """Matrices A_q (n, n) and vectors f_p (n,)."""
        ...

    def affine_coefficients(self, parameters: Array) -> tuple[Array, Array]:
        """Coefficients theta (m, Q) and phi (m, P) for parameter values (m, p), columns as ``parameters``."""
        ...


@runtime_checkable
class HasCoefficientExpressions(HasAffineOperators, Protocol):
    """The coefficients of the affine operators as text, so that a saved surrogate can hold them."""

    def coefficient_expressions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """One expression of the parameters for each theta_q, and one for each phi_p."""
        ...


@runtime_checkable
class HasCoercivityBound(Protocol):
    """The model knows how stable its operators are in the norm of its inner product."""

    def coercivity_bound(self, parameters: Array) -> Array:
        """Proved lower bounds (m,) on the coercivity or inf-sup constant of A(mu) for parameters (m, p)."""
        ...


@runtime_checkable
class HasTimeStepping(HasAffineOperators, Protocol):
    """The affine operators are those of M du/dt + A(mu) u = f(mu), u(0) = u_0, stepped by a one-step scheme.

    With t_k the time grid and theta = 1 (implicit Euler) or 1/2 (Crank-Nicolson), the unknowns satisfy

        M (u_k - u_{k-1}) / (t_k - t_{k-1}) + A (theta u_k + (1 - theta) u_{k-1}) = f.
    """

    def mass_matrix(self) -> Any:
        """M: sparse symmetric positive definite (n, n)."""
        ...

    def initial_value(self) -> Array:
        """u_0, shape (n,), the same for every parameter."""
        ...

    def time_grid(self) -> Array:
        """t_0 < ... < t_K, shape (K + 1,): the saved times of the snapshot."""
        ...

    @property
    def implicitness(self) -> float:
        """Theta of the scheme: 1 for implicit Euler, 0.5 for Crank-Nicolson."""
        ...


@runtime_checkable
class HasTimeDependentLoad(HasTimeStepping, Protocol):
    """The load changes in time by known factors: f(mu, t) = sum_p phi_p(mu) g_p(t) f_p.

    Step k of the scheme takes theta f(mu, t_k) + (1 - theta) f(mu, t_{k-1}) for f. A load that is a function
    of parameters and time together is given as a sum of such products. Without this capability all g_p are 1.
    """

    def load_factors(self) -> Array:
        """The g_p at the times of the grid, shape (K + 1, P)."""
        ...


@runtime_checkable
class HasOutputFunctionals(HasUnknowns, Protocol):
    """Some quantities of interest are linear functionals of the unknowns, the same for every parameter.

    Of a model that evolves in time they are functionals of the unknowns at the last saved time.
    """

    def output_functionals(self) -> Mapping[str, Array]:
        """Quantity to l, shape (n,): its value is l . u, in time l . u_K."""
        ...


@runtime_checkable
class HasResidual(HasUnknowns, Protocol):
    """A steady model evaluates its (perhaps nonlinear) equations R(u; mu) = 0 at any state."""

    def residual(self, state: Array, parameters: Mapping[str, float]) -> Array:
        """R(u; mu), shape (n,), for unknowns ``state`` (n,); zero at the solution."""
        ...

    def jacobian(self, state: Array, parameters: Mapping[str, float]) -> Any:
        """Derivative of R with respect to u: sparse (n, n)."""
        ...


def snapshot(
    mesh: Mesh,
    fields: Mapping[str, tuple[Array, str]],
    quantities: Mapping[str, tuple[float, str]] | None = None,
    times: Array | None = None,
    time_unit: str = "s",
) -> xr.Dataset:
    """Build the dataset that a simulation returns.

    Parameters
    ----------
    mesh
        Where the fields live.
    fields
        Name to (values, unit); values of shape (N,), (T, N), (N, c) or (T, N, c), time first where ``times``
        is given and components last.
    quantities
        Name to (number, unit): quantities of interest.
    times
        Saved times, shape (T,), increasing; None for a steady problem.
    time_unit
        Unit of the times.

    Returns
    -------
    xarray.Dataset
        Fields with dimensions out of (time, node, component), quantities of interest as scalars, mesh after
        UGRID, units as attributes.

    Raises
    ------
    SimulationError
        A field whose shape does not fit mesh and times, or a name that the mesh or the ensemble has taken.
    """
    ugrid = mesh.to_ugrid()
    for name in (*fields, *(quantities or {})):
        if name in {*ugrid.variables, *ugrid.sizes, "sample", *FIELD_DIMENSIONS}:
            raise SimulationError(
                f"{name!r} cannot name a field or quantity: the ensemble calls so what describes its mesh, "
                "times or samples; choose another name",
                "shape",
            )
    variables: dict[str, Any] = {}
    if times is not None:
        described = {"units": time_unit, "long_name": "time"}
        variables["time"] = ("time", np.asarray(times, dtype=np.float64), described)
    expected = (mesh.nodes,) if times is None else (len(times), mesh.nodes)
    for name, (values, unit) in fields.items():
        array = np.asarray(values, dtype=np.float64)
        if array.shape[: len(expected)] != expected or array.ndim > len(expected) + 1:
            raise SimulationError(
                f"field {name!r} has shape {array.shape}; expected {expected}, with components last if any",
                "shape",
            )
        dimensions = ("time", "node", "component")[0 if times is not None else 1 :][: array.ndim]
        variables[name] = (dimensions, array, {"units": unit, "location": "node", "mesh": "mesh"})
    for name, (value, unit) in (quantities or {}).items():
        variables[name] = ((), np.float64(value), {"units": unit})
    return ugrid.assign(variables)


def field_names(dataset: xr.Dataset) -> tuple[str, ...]:
    """Names of the fields of a snapshot: variables on nodes that do not describe the mesh."""
    return tuple(
        str(name)
        for name, variable in dataset.data_vars.items()
        if "node" in variable.dims and name not in MESH_VARIABLES
    )


def quantity_names(dataset: xr.Dataset) -> tuple[str, ...]:
    """Names of the quantities of interest of a snapshot: its scalar variables."""
    return tuple(
        str(name) for name, variable in dataset.data_vars.items() if not variable.dims and name != "mesh"
    )
