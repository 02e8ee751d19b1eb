"""The solver against a manufactured solution, conservation, and its own derivative."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from locum.arrays import Array
from locum.exceptions import SimulationError
from locum.highfidelity.finite_elements import lumped
from locum.highfidelity.heat_conduction import ConvectiveSurface, HeatConduction, film_conductance
from locum.highfidelity.material import TabulatedMaterial

# k(T) and c(T) linear in T: the table represents them exactly, so the error is the discretisation's alone.
MATERIAL = TabulatedMaterial(np.array([200.0, 1000.0]), np.array([8.0, 28.0]), np.array([2.0e6, 6.0e6]))
SIDE, PERIOD, FILM = 0.02, 40.0, 900.0


def unit_square(n: int) -> tuple[Array, np.ndarray]:
    grid = np.linspace(0, 1, n + 1)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    lower = np.stack([corner, corner + n + 1, corner + n + 2], axis=1)
    upper = np.stack([corner, corner + n + 2, corner + 1], axis=1)
    return points, np.concatenate([lower, upper])


class Manufactured:
    """T = 600 + 150 sin(w t + 1) cos(a x) cos(b y + 0.4) on a square with convection on all four sides."""

    def __init__(self, n: int) -> None:
        points, triangles = unit_square(n)
        self.points = SIDE * points
        self.problem = HeatConduction(self.points, triangles, MATERIAL, tolerance=1e-8)
        self.surfaces = [self.side(axis, end, n) for axis in (0, 1) for end in (0, 1)]

    def waves(self) -> tuple[Array, Array, Array, Array]:
        a, b = 2.0 / SIDE, 3.0 / SIDE
        x, y = a * self.points[:, 0], b * self.points[:, 1] + 0.4
        shape = np.cos(x) * np.cos(y)
        return shape, -a * np.sin(x) * np.cos(y), -b * np.cos(x) * np.sin(y), -(a**2 + b**2) * shape

    def exact(self, time: float) -> Array:
        return 600 + 150 * np.sin(2 * np.pi * time / PERIOD + 1) * self.waves()[0]

    def source(self, time: float) -> Array:
        """c T_t - k lap T - k' |grad T|^2."""
        shape, dx, dy, laplacian = self.waves()
        amplitude = 150 * np.sin(2 * np.pi * time / PERIOD + 1)
        rate = 150 * 2 * np.pi / PERIOD * np.cos(2 * np.pi * time / PERIOD + 1) * shape
        state = MATERIAL.evaluate(self.exact(time))
        slope = (28.0 - 8.0) / 800.0
        return (
            state.heat_capacity * rate
            - state.conductivity * amplitude * laplacian
            - slope * amplitude**2 * (dx**2 + dy**2)
        )

    def side(self, axis: int, end: int, n: int) -> ConvectiveSurface:
        nodes = np.flatnonzero(np.isclose(self.points[:, axis], end * SIDE))
        nodes = nodes[np.argsort(self.points[nodes, 1 - axis])]
        film = FILM * (1 + self.points[:, 0] / SIDE)
        conductance = film_conductance(self.points, np.stack([nodes[:-1], nodes[1:]], axis=1), film)

        def fluid(time: float) -> Array:
            """The temperature that drives the exact flux through this side: T + k dT/dn / h."""
            temperature = self.exact(time)
            amplitude = 150 * np.sin(2 * np.pi * time / PERIOD + 1)
            outward = (1 if end else -1) * amplitude * self.waves()[1 + axis]
            return temperature + MATERIAL.evaluate(temperature).conductivity * outward / film

        return ConvectiveSurface(conductance, fluid)

    def error(self, steps: int, end: float) -> float:
        """Relative L2 error at the end."""
        times = np.linspace(0, end, steps + 1)
        found = self.problem.transient(self.exact(0.0), times, self.surfaces, source=self.source)[-1]
        weights = lumped(self.points, self.problem.triangles)
        exact = self.exact(end)
        return float(np.sqrt(weights @ (found - exact) ** 2 / (weights @ (exact - 600) ** 2)))


def observed_orders(errors: list[float]) -> list[float]:
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:])).tolist()


def report(what: str, sizes: list[int], errors: list[float]) -> None:
    orders = ["     -", *(f"{order:6.3f}" for order in observed_orders(errors))]
    print(f"\nmanufactured solution, {what}: relative L2 error and observed order")
    for size, error, order in zip(sizes, errors, orders, strict=True):
        print(f"{size:8d} {error:12.4e} {order}")


def test_order_two_in_space(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [6, 12, 24, 48]
    errors = [Manufactured(n).error(steps=80, end=8.0) for n in sizes]
    with capsys.disabled():
        report("cells per side", sizes, errors)
    assert all(1.85 < order < 2.15 for order in observed_orders(errors)[1:])


def test_order_two_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Against the same mesh with many steps: the error in space cancels."""
    problem, end, sizes = Manufactured(6), 30.0, [15, 30, 60, 120]

    def run(steps: int) -> Array:
        times = np.linspace(0, end, steps + 1)
        return problem.problem.transient(problem.exact(0.0), times, problem.surfaces, source=problem.source)[
            -1
        ]

    reference = run(960)
    errors = [float(np.linalg.norm(run(n) - reference) / np.linalg.norm(reference - 600)) for n in sizes]
    with capsys.disabled():
        report("time steps", sizes, errors)
    assert all(1.8 < order < 2.25 for order in observed_orders(errors)[1:])


def slab(
    film: float, fluid: Callable[[float], float], n: int = 6
) -> tuple[HeatConduction, list[ConvectiveSurface]]:
    """A square that exchanges heat through its left side and is insulated elsewhere."""
    points, triangles = unit_square(n)
    left = np.flatnonzero(points[:, 0] == 0)
    edges = np.stack([left[:-1], left[1:]], axis=1)
    points = SIDE * points
    return HeatConduction(points, triangles, MATERIAL), [
        ConvectiveSurface(film_conductance(points, edges, film), fluid)
    ]


def test_newton_correction_is_the_inverse_of_the_derivative() -> None:
    """The derivative along the correction is the residual itself: a consistent Jacobian."""
    problem, surfaces = slab(500.0, lambda time: 900.0)
    balance = problem.balance(surfaces, step=0.7)
    generator = np.random.default_rng(3)
    temperature = 350 + 500 * generator.random(len(problem.points))
    right = balance.value(temperature) * (1 + 0.1 * generator.random(len(temperature)))
    correction = balance.correction(temperature, right)
    step = 1e-6
    derivative = (
        balance.value(temperature + step * correction) - balance.value(temperature - step * correction)
    ) / (2 * step)
    residual = right - balance.value(temperature)
    assert derivative == pytest.approx(residual, rel=1e-6, abs=1e-8 * np.abs(residual).max())


def test_energy_gained_is_energy_that_came_through_the_wall() -> None:
    """Both stages' heat flux, weighed as the method weighs them, is the gain in enthalpy: nothing is lost."""
    problem, surfaces = slab(2000.0, lambda time: 900.0)
    weights = lumped(problem.points, problem.triangles)
    initial = np.full(len(problem.points), 300.0)
    gamma = 1 - 1 / np.sqrt(2)
    end = 3.0
    final = problem.transient(initial, np.array([0.0, end]), surfaces)[-1]
    order = problem._banded[0]
    balance = problem.balance(surfaces, gamma * end)
    supply = (surfaces[0].conductance * 900.0)[order]
    first = balance.mass * MATERIAL.evaluate(initial).enthalpy + balance.step * supply
    middle = balance.solve(first, initial, 1e-8)
    flux = [float(surfaces[0].conductance[order] @ (900.0 - stage)) for stage in (middle, final[order])]
    gained = weights @ (MATERIAL.evaluate(final).enthalpy - MATERIAL.evaluate(initial).enthalpy)
    assert gained == pytest.approx(end * ((1 - gamma) * flux[0] + gamma * flux[1]), rel=1e-7)


def test_an_insulated_body_keeps_its_energy() -> None:
    problem, surfaces = slab(0.0, lambda time: 900.0)
    initial = 300 + 400 * problem.points[:, 0] / SIDE
    weights = lumped(problem.points, problem.triangles)
    history = problem.transient(initial, np.linspace(0, 50, 6), surfaces)
    energy = MATERIAL.evaluate(history).enthalpy @ weights
    assert energy == pytest.approx(energy[0], rel=1e-8)
    assert np.ptp(history[-1]) < 0.6 * np.ptp(initial)


def test_after_long_times_the_body_is_as_hot_as_the_fluid() -> None:
    problem, surfaces = slab(300.0, lambda time: 750.0)
    history = problem.transient(np.full(len(problem.points), 300.0), np.linspace(0, 1e6, 11), surfaces)
    assert history[-1] == pytest.approx(np.full(len(problem.points), 750.0), abs=1e-4)


def test_newton_that_fails_names_the_time_and_the_step() -> None:
    problem, surfaces = slab(300.0, lambda time: 750.0 if time < 1.5 else float("nan"))
    with pytest.raises(SimulationError, match=r"at 1 s: Newton's method did not converge"):
        problem.transient(np.full(len(problem.points), 300.0), np.array([0.0, 1.0, 2.0]), surfaces)
