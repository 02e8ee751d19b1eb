"""A model that lies about its capabilities is found, and told in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.highfidelity import (
    HasOutputFunctionals,
    HasResidual,
    HasUnknowns,
    HeatEquation,
    SelfHeating,
    ThermalBlock,
    check_capabilities,
)
from locum.highfidelity.capability_check import is_singular
from locum.reduction.definiteness import is_definite

SMALL = ThermalBlock(blocks=2, cells=12)


def lying(**lies: Any) -> Any:
    """A thermal block with other methods."""
    return type("Lying", (_Delegating,), {name: lie for name, lie in lies.items()})()


@dataclass(frozen=True)
class _Delegating:
    name = "lying"
    version = "1"
    parameters = SMALL.parameters
    solution_field = "temperature"

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        return SMALL.simulate(parameters)

    def inner_product(self, field: str) -> Any:
        return SMALL.inner_product(field)

    def operators(self, parameters: Mapping[str, float]) -> tuple[Any, Array]:
        return SMALL.operators(parameters)

    def affine_operators(self) -> Any:
        return SMALL.affine_operators()

    def affine_coefficients(self, parameters: Array) -> tuple[Array, Array]:
        return SMALL.affine_coefficients(parameters)

    def free_nodes(self) -> AnyArray:
        return SMALL.free_nodes()

    def output_functionals(self) -> Mapping[str, Array]:
        return SMALL.output_functionals()


class BlackBox:
    name = "black_box"
    version = "1"
    parameters = SMALL.parameters

    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        return SMALL.simulate(parameters)


def indefinite(_: Any, field: str) -> Any:
    matrix = SMALL.inner_product(field).tolil()
    first, second = SMALL.free_nodes()[:2]
    matrix[first, second] = matrix[second, first] = 100.0
    return matrix.tocsr()


def unsymmetric(_: Any, field: str) -> Any:
    matrix = SMALL.inner_product(field).tolil()
    matrix[14, 15] += 0.5
    return matrix.tocsr()


def one_theta_too_few(_: Any, values: Array) -> tuple[Array, Array]:
    return values[:, :-1], np.ones((len(values), 1))


def other_theta(_: Any, values: Array) -> tuple[Array, Array]:
    return 1.001 * values, np.ones((len(values), 1))


def other_expressions(_: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(f"{name} ** 2" for name in SMALL.parameters.names), ("1",)


def singular(_: Any, parameters: Mapping[str, float]) -> tuple[Any, Array]:
    matrix, load = SMALL.operators(parameters)
    keep = np.ones(len(load))
    keep[3] = 0.0
    return sp.diags_array(keep) @ matrix, load


def not_square(_: Any, parameters: Mapping[str, float]) -> tuple[Any, Array]:
    matrix, load = SMALL.operators(parameters)
    return matrix[:, :-1], load


def raising(_: Any, *given: Any) -> Any:
    raise KeyError("oops")


def complex_entries(_: Any, parameters: Mapping[str, float]) -> tuple[Any, Array]:
    matrix, load = SMALL.operators(parameters)
    return matrix * (1.0 + 0.0j), load


def not_finite(_: Any, parameters: Mapping[str, float]) -> tuple[Any, Array]:
    matrix, load = SMALL.operators(parameters)
    return matrix, np.where(np.arange(len(load)) == 7, np.nan, load)


def matrix_alone(_: Any, parameters: Mapping[str, float]) -> Any:
    return SMALL.operators(parameters)[0]


def texts(_: Any, values: Array) -> Any:
    return values.astype(str), np.ones((len(values), 1))


def numbers(_: Any) -> Any:
    return (1.0, 2.0, 3.0, 4.0), ("1",)


def mask(_: Any) -> AnyArray:
    inside = np.zeros(169, dtype=bool)
    inside[SMALL.free_nodes()] = True
    return inside


def other_nodes(_: Any) -> AnyArray:
    return SMALL.free_nodes()[::-1]


def fewer_nodes(_: Any) -> AnyArray:
    return SMALL.free_nodes()[1:]


def other_output(_: Any) -> Mapping[str, Array]:
    return {"mean_temperature": 2 * SMALL.output_functionals()["mean_temperature"]}


def test_an_honest_model_passes() -> None:
    check_capabilities(SMALL)
    check_capabilities(lying())
    assert isinstance(SMALL, HasUnknowns)
    assert isinstance(SMALL, HasOutputFunctionals)


def test_a_black_box_has_nothing_to_check() -> None:
    assert not isinstance(BlackBox(), HasUnknowns)
    check_capabilities(BlackBox())


class Shifted(SelfHeating):
    def residual(self, state: Array, parameters: Mapping[str, float]) -> Array:
        return super().residual(state, parameters) + 1.0


class Halved(SelfHeating):
    def jacobian(self, state: Array, parameters: Mapping[str, float]) -> Any:
        return super().jacobian(state, parameters) / 2.0


class Warming(SelfHeating):
    def simulate(self, parameters: Mapping[str, float]) -> xr.Dataset:
        return super().simulate(parameters).expand_dims(time=[0.0, 1.0])


def test_a_residual_is_checked_with_its_jacobian() -> None:
    assert isinstance(SelfHeating(cells=30), HasResidual)
    check_capabilities(SelfHeating(cells=30))
    with pytest.raises(ModelError, match="residual and simulation differ"):
        check_capabilities(Shifted(cells=30))
    with pytest.raises(ModelError, match="not the derivative"):
        check_capabilities(Halved(cells=30))
    with pytest.raises(ModelError, match="a residual is of a steady field"):
        check_capabilities(Warming(cells=30))


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"inner_product": indefinite}, "not positive definite|must be positive"),
        ({"inner_product": unsymmetric}, "must be symmetric"),
        ({"affine_coefficients": one_theta_too_few}, r"theta has shape \(2, 3\).* expected \(2, 4\)"),
        ({"affine_coefficients": other_theta}, "relative residual of .* operators and simulation differ"),
        ({"coefficient_expressions": other_expressions}, "differ in theta"),
        ({"operators": singular}, "singular at"),
        ({"operators": not_square}, r"expected \(121, 121\)"),
        ({"free_nodes": other_nodes}, "operators and simulation differ"),
        ({"free_nodes": fewer_nodes}, r"expected \(120, 120\)"),
        ({"output_functionals": other_output}, "'mean_temperature' gives .* where the simulation gives"),
        ({"solution_field": "pressure"}, "which the snapshot does not hold"),
        ({"affine_coefficients": raising}, "affine_coefficients cannot be used: KeyError: 'oops'"),
        ({"affine_coefficients": texts}, "theta holds <U32; expected real numbers"),
        ({"coefficient_expressions": numbers}, "expected text, got 1.0"),
        ({"affine_operators": lambda _: None}, "affine_operators cannot be used: TypeError"),
        ({"operators": raising}, "operators cannot be used at conductivity_11 = .*: KeyError"),
        ({"operators": matrix_alone}, "operators cannot be used at conductivity_11 = "),
        ({"operators": complex_entries}, "the matrix holds complex128; expected real numbers"),
        ({"operators": not_finite}, "right-hand side holds values that are not finite at conductivity_11 = "),
        ({"free_nodes": mask}, "free_nodes must be whole numbers.* got bool"),
        ({"inner_product": lambda _, field: "H1"}, "the inner product holds <U2; expected real numbers"),
        ({"output_functionals": raising}, "output_functionals cannot be used: KeyError"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_lie_is_told_in_one_sentence(lie: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        check_capabilities(lying(**lie))
    assert "\n" not in str(caught.value)


def test_pivots_tell_definite_from_indefinite_and_singular_from_regular() -> None:
    path = sp.diags_array([2.0 * np.ones(50), -np.ones(49), -np.ones(49)], offsets=[0, 1, -1])
    closed = path.tolil()
    closed[0, 0] = closed[-1, -1] = 1.0  # constants are in the kernel
    assert is_definite(path)
    assert not is_definite(path - 0.1 * sp.eye_array(50))
    assert not is_singular(path)
    assert is_singular(closed)


class Doubled(HeatEquation):
    """Its quantity is not the functional of the last state that it declares."""

    def output_functionals(self) -> Mapping[str, Array]:
        return {name: 2.0 * row for name, row in super().output_functionals().items()}


class Skewed(HeatEquation):
    """Its mass is not symmetric."""

    def mass_matrix(self) -> Any:
        return super().mass_matrix() + sp.diags_array([1e-3], offsets=[1], shape=(9, 9))


class Indefinite(HeatEquation):
    """Its mass is not definite."""

    def mass_matrix(self) -> Any:
        return -super().mass_matrix()


class Pulsed(HeatEquation):
    """Its load is said to end before the last time, and never does."""

    def load_factors(self) -> Array:
        return (np.arange(self.steps + 1) < self.steps)[:, None].astype(float)


class Fickle(HeatEquation):
    """Its load factors are those of the steps, not of the times."""

    def load_factors(self) -> Array:
        return np.ones((self.steps, 1))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Pulsed(2, 4, 3), "time step 3: its own simulation leaves"),
        (Fickle(2, 4, 3), r"for 4 times and 1 affine vectors, got shape \(3, 1\)"),
        (Doubled(2, 4, 3), "'final_mean_temperature' gives"),
        (Skewed(2, 4, 3), "the mass matrix is not symmetric and positive definite"),
        (Indefinite(2, 4, 3), "the mass matrix is not symmetric and positive definite"),
    ],
)
def test_promises_of_time_steps_are_checked(model: HeatEquation, told: str) -> None:
    check_capabilities(HeatEquation(2, 4, 3))
    with pytest.raises(ModelError, match=told):
        check_capabilities(model)
