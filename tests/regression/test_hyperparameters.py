from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.arrays import Array
from locum.regression.conditioning import Group
from locum.regression.hyperparameters import (
    LENGTHSCALES,
    NUGGETS,
    HyperparameterSearch,
    bearable_degrees,
    conditioned,
    filling_rows,
)
from locum.regression.kernels import KERNELS, ROUGHEST
from locum.regression.likelihood import ProfiledLikelihood


def test_repeated_columns_of_inputs_bear_no_trend() -> None:
    x = np.random.default_rng(0).random((60, 2))
    assert bearable_degrees(x) == (0, 1, 2)
    assert bearable_degrees(np.hstack([x, x[:, :1]])) == (0,)
    assert bearable_degrees(x[:8]) == (0, 1)


@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_filling_rows_are_distinct_and_in_order(n: int, count: int, seed: int) -> None:
    rows = filling_rows(np.random.default_rng(seed).random((n, 3)), count)
    assert len(rows) == min(n, count)
    assert (np.diff(rows) > 0).all()


def test_filling_rows_reach_every_corner_of_a_grid() -> None:
    x = np.stack(np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)), axis=-1).reshape(-1, 2)
    chosen = x[filling_rows(x, 30)]
    nearest = np.linalg.norm(x[:, None] - chosen, axis=-1).min(axis=1)
    assert nearest.max() < 0.2


def test_search_stays_within_its_bounds() -> None:
    generator = np.random.default_rng(0)
    x = generator.random((40, 2))
    for y in (generator.standard_normal((40, 1)), np.sin(3 * x[:, :1]), np.sign(x[:, :1] - 0.5)):
        group = HyperparameterSearch(x, y, ["rbf", "matern-5/2"], [0, 1]).chosen(None)
        assert (group.lengthscale >= LENGTHSCALES[0] * 0.999).all()
        assert (group.lengthscale <= LENGTHSCALES[1] * 1.001).all()
        assert NUGGETS[0] <= group.nugget <= NUGGETS[1]


def test_singular_correlation_raises_its_nugget_and_no_more() -> None:
    x = np.repeat(np.random.default_rng(0).random((10, 1)), 3, axis=0)
    group = Group((0,), "rbf", 0, np.ones(1), 1e-18)
    repaired = conditioned(x, np.sin(x), [group]).groups[0]
    assert 1e-18 < repaired.nugget < 1e-10


def test_noise_in_a_hint_is_not_contagious() -> None:
    x = np.random.default_rng(0).random((60, 2))
    y = np.sin(8 * x[:, :1]) * np.cos(6 * x[:, 1:])
    noise = Group((), "matern-3/2", 0, np.full(2, 50.0), 1.0)
    group = HyperparameterSearch(x, y, ["rbf", "matern-3/2"], [0, 1]).chosen(noise)
    assert group.nugget < 1e-3
    assert (group.lengthscale < 2).all()


@pytest.mark.parametrize("hint", [None, Group((), "rbf", 0, np.full(1, 0.1), 1e-8)])
def test_what_a_part_of_the_rows_cannot_resolve_is_found_with_all(monkeypatch, hint: Group | None) -> None:
    monkeypatch.setattr("locum.regression.hyperparameters.SEARCH_ROWS", 8)
    x = np.linspace(0, 1, 80)[:, None]
    y = np.sin(20 * x)
    group = HyperparameterSearch(x, y, ["rbf"], [0]).chosen(hint)
    predicted = conditioned(x, y, [Group((0,), group.kernel, group.degree, group.lengthscale, group.nugget)])
    between = x[:-1] + 0.5 / 79
    np.testing.assert_allclose(predicted.mean(between), np.sin(20 * between), atol=1e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_trend_that_leaves_too_few_rows_for_the_correlations_is_given_up(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.random((31, 4))  # a quadratic trend takes half of the rows
    x[15:] = np.round(x[15:])
    distance = np.linalg.norm((x[:, None] - x) / [10.0, 10.0, 0.2, 0.3], axis=2) * np.sqrt(5)
    covariance = (1 + distance + distance**2 / 3) * np.exp(-distance) + 1e-10 * np.eye(31)
    y = np.linalg.cholesky(covariance) @ generator.standard_normal((31, 4))
    left = {}
    for degrees in (bearable_degrees(x), (0, 1)):
        group = HyperparameterSearch(x, y, tuple(KERNELS), degrees).chosen(None)
        left[degrees] = np.linalg.norm(conditioned(x, y, [group]).leave_one_out()[0])
    assert left[0, 1, 2] <= 1.05 * left[0, 1]


@pytest.mark.parametrize(("response", "tried"), [(np.sin, False), (lambda z: np.abs(np.sin(z)), True)])
def test_roughest_kernel_is_tried_only_where_the_one_before_it_is_the_best(
    monkeypatch, response: Callable[[Array], Array], tried: bool
) -> None:
    kernels = set()

    def counted(x: Array, y: Array, kernel: str, degree: int) -> ProfiledLikelihood:
        kernels.add(kernel)
        return ProfiledLikelihood(x, y, kernel, degree)

    monkeypatch.setattr("locum.regression.hyperparameters.ProfiledLikelihood", counted)
    x = np.random.default_rng(0).random((60, 1))
    HyperparameterSearch(x, response(9 * x), tuple(KERNELS), (0, 1)).chosen(None)
    assert kernels >= {"rbf", "rational-quadratic", "matern-5/2"}
    assert (ROUGHEST in kernels) == tried


def test_rough_search_near_a_hint_costs_less_and_is_no_worse() -> None:
    x = np.random.default_rng(0).random((60, 2))
    y = np.sin(8 * x[:, :1]) * np.cos(6 * x[:, 1:])
    first, again = (HyperparameterSearch(x, y, ("rbf",), (0, 1)) for _ in range(2))
    found = first.rough(None)
    better = again.rough(found)
    assert 2 * again.evaluations < first.evaluations
    likelihood = ProfiledLikelihood(x, y, "rbf", 1)
    values = [likelihood(np.log([*group.lengthscale, group.nugget]))[0] for group in (found, better)]
    assert values[1] <= values[0] + 1e-9
    assert better.degree == 1
