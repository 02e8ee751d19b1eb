from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.arrays import Array
from locum.exceptions import FitError, StorageError
from locum.regression.conditioning import Group
from locum.regression.kernels import KERNELS
from locum.regression.predictor import Predictor, predictor, predictor_from_arrays


def groups_of(p: int, *, nugget: float = 1e-6) -> tuple[Group, ...]:
    """Three groups of different kernels, trends and sizes over five columns, not in order."""
    return (
        Group((0, 3), "matern-5/2", 1, np.full(p, 0.8), nugget),
        Group((1,), "rbf", 0, np.linspace(0.4, 1.0, p), nugget),
        Group((2, 4), "rbf", 2, np.full(p, 0.6), nugget),
    )


def responses(x: Array) -> Array:
    t = x.sum(axis=1)
    return np.stack([np.sin(3 * t), 100 + x[:, 0] ** 2, np.exp(-t), 1e-6 * np.cos(5 * x[:, 0]), t**3], axis=1)


@pytest.fixture(scope="module")
def known() -> Predictor:
    x = np.random.default_rng(0).random((40, 2))
    return predictor(x, responses(x), groups_of(2))


@pytest.fixture(scope="module")
def queries() -> Array:
    return np.random.default_rng(1).random((300, 2))


def assert_same_answers(first: Predictor, second: Predictor, x: Array, atol: float) -> None:
    scale = second.amplitude
    for one, other in zip(first.mean_and_deviation(x), second.mean_and_deviation(x), strict=True):
        np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=atol)


def test_leave_one_out_equals_explicit_refits(known: Predictor) -> None:
    errors, deviations = known.leave_one_out()
    for i in range(known.n):
        kept = np.arange(known.n) != i
        refitted = predictor(known.x[kept], known.y[kept], known.groups)
        mean, deviation = refitted.mean_and_deviation(known.x[i : i + 1])
        np.testing.assert_allclose(
            errors[i] / known.amplitude, (known.y[i] - mean[0]) / known.amplitude, atol=1e-10
        )
        # amplitudes are those of all rows, as in Dubrule's formula
        relative = deviation[0] / refitted.amplitude
        np.testing.assert_allclose(deviations[i] / known.amplitude, relative, rtol=1e-6)


def test_append_equals_refit_with_the_same_hyperparameters(known: Predictor, queries: Array) -> None:
    more = np.random.default_rng(2).random((3, 2))
    appended = known.appended(more, responses(more))
    x = np.concatenate([known.x, more])
    assert_same_answers(appended, predictor(x, responses(x), known.groups), queries, 1e-10)
    assert known.n == 40


def test_appending_one_by_one_equals_appending_together(known: Predictor, queries: Array) -> None:
    more = np.random.default_rng(3).random((4, 2))
    one_by_one = known
    for row in more:
        one_by_one = one_by_one.appended(row[None], responses(row[None]))
    assert_same_answers(one_by_one, known.appended(more, responses(more)), queries, 1e-10)


def test_append_of_a_known_input_keeps_the_prediction(known: Predictor, queries: Array) -> None:
    again = known.appended(known.x[:2], known.y[:2])
    scale = np.abs(known.y).max(axis=0)
    np.testing.assert_allclose(again.mean(queries) / scale, known.mean(queries) / scale, atol=1e-4)


def test_small_nugget_interpolates_and_the_deviation_vanishes_there(queries: Array) -> None:
    x = np.random.default_rng(0).random((40, 2))
    tight = predictor(x, responses(x), groups_of(2, nugget=1e-10))
    mean, deviation = tight.mean_and_deviation(x)
    np.testing.assert_allclose(mean / tight.amplitude, tight.y / tight.amplitude, rtol=0, atol=1e-5)
    assert (deviation < 2e-5 * tight.amplitude).all()
    assert (np.median(tight.deviation(queries), axis=0) > 2 * np.median(deviation, axis=0)).all()


def test_deviation_grows_away_from_the_data(known: Predictor) -> None:
    along = np.linspace(1.0, 4.0, 30)[:, None] * np.ones(2)
    deviation = known.deviation(along)
    assert (np.diff(deviation, axis=0) > -1e-9 * known.amplitude).all()
    assert (deviation[-1] > 0.9 * known.amplitude).all()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from(sorted(KERNELS)), st.integers(0, 2))
def test_conditioning_never_increases_a_deviation(seed: int, running: int, kernel: str, degree: int) -> None:
    generator = np.random.default_rng(seed)
    x, x_running, x_new = generator.random((20, 2)), generator.random((running, 2)), generator.random((50, 2))
    before = predictor(
        x, responses(x), [Group(tuple(range(5)), kernel, degree, generator.uniform(0.2, 2, 2), 1e-4)]
    )
    after = before.conditioned_on(x_running)
    np.testing.assert_array_equal(after.mean(x_new), before.mean(x_new))
    assert (after.deviation(x_new) <= before.deviation(x_new) * (1 + 1e-6)).all()
    assert (after.deviation(x_running) <= 0.05 * before.amplitude).all()


def test_conditioning_is_local(known: Predictor) -> None:
    local = known.select([1])
    far, near = np.array([[0.0, 0.0]]), np.array([[3.0, 3.0]])
    after = local.conditioned_on(near)
    assert after.deviation(near) < 0.01 * local.deviation(near)
    np.testing.assert_allclose(after.deviation(far), local.deviation(far), rtol=0.02)


def test_appending_forgets_what_was_running(known: Predictor, queries: Array) -> None:
    x = np.array([[0.5, 0.5]])
    waiting = known.conditioned_on(np.array([[0.9, 0.1], [0.1, 0.9]]))
    assert_same_answers(waiting.appended(x, responses(x)), known.appended(x, responses(x)), queries, 1e-12)


def test_one_query_and_many_agree(known: Predictor, queries: Array) -> None:
    mean, deviation = known.mean_and_deviation(queries)
    one_by_one = [known.mean_and_deviation(query[None]) for query in queries]
    np.testing.assert_allclose(np.concatenate([m for m, _ in one_by_one]), mean, rtol=1e-9)
    np.testing.assert_allclose(np.concatenate([s for _, s in one_by_one]), deviation, rtol=1e-6)
    np.testing.assert_array_equal(known.mean(queries), mean)
    np.testing.assert_array_equal(known.deviation(queries), deviation)


def test_no_queries_give_no_answers(known: Predictor) -> None:
    assert known.mean(np.empty((0, 2))).shape == (0, 5)
    assert known.distance(np.empty((0, 2))).shape == (0,)


def test_select_answers_as_the_whole(known: Predictor, queries: Array) -> None:
    chosen = known.select([4, 1])
    mean, deviation = known.mean_and_deviation(queries)
    mean_chosen, deviation_chosen = chosen.mean_and_deviation(queries)
    assert len(chosen.groups) == 2
    np.testing.assert_allclose(mean_chosen, mean[:, [4, 1]], rtol=1e-9)
    np.testing.assert_allclose(deviation_chosen, deviation[:, [4, 1]], rtol=1e-6)


def test_distance_is_zero_at_the_data_and_is_measured_in_lengthscales() -> None:
    x = np.array([[0.2, 0.2], [0.8, 0.8], [0.2, 0.9]])
    one = predictor(x, x[:, :1], [Group((0,), "rbf", 0, np.array([0.5, 2.0]), 1e-8)])
    np.testing.assert_allclose(one.distance(x), 0.0, atol=1e-7)
    np.testing.assert_allclose(one.distance(np.array([[0.2, 0.0]])), 0.2 / 2.0)
    np.testing.assert_allclose(one.distance(np.array([[1.3, 0.8]])), 0.5 / 0.5)


def test_points_that_run_do_not_widen_the_domain(known: Predictor) -> None:
    outside = np.array([[2.0, 2.0]])
    assert known.conditioned_on(outside).distance(outside) == known.distance(outside)


@pytest.mark.parametrize("running", [0, 2])
def test_saved_form_gives_the_same_bits(known: Predictor, queries: Array, running: int) -> None:
    more = np.random.default_rng(5).random((1, 2))
    saved = known.appended(more, responses(more)).conditioned_on(queries[:running])
    arrays, meta = saved.to_arrays()
    loaded = predictor_from_arrays(arrays, json.loads(json.dumps(meta)))
    for one, other in zip(loaded.mean_and_deviation(queries), saved.mean_and_deviation(queries), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.distance(queries), saved.distance(queries))


def _without(arrays: dict[str, Any], name: str) -> None:
    del arrays[name]


def _cut(arrays: dict[str, Any], name: str) -> None:
    arrays[name] = arrays[name][..., :-1]


def _not_finite(arrays: dict[str, Any], name: str) -> None:
    arrays[name] = np.full_like(arrays[name], np.nan, dtype=np.float64)


@pytest.mark.parametrize("damage", [_without, _cut, _not_finite])
@pytest.mark.parametrize("name", ["inputs", "outputs", "factors", "lengthscale", "nugget", "group_of_column"])
def test_damaged_arrays_are_refused(known: Predictor, damage: Any, name: str) -> None:
    arrays, meta = known.to_arrays()
    damage(arrays, name)
    with pytest.raises(StorageError, match="saved Gaussian processes"):
        predictor_from_arrays(arrays, meta)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "pickle"},
        {"kernels": ["rbf", "rbf", "exotic"]},
        {"degrees": [0, 1]},
        {"degrees": [0, 1, 7]},
        {"kernels": []},
    ],
)
def test_foreign_descriptions_are_refused(known: Predictor, change: dict[str, Any]) -> None:
    arrays, meta = known.to_arrays()
    with pytest.raises(StorageError):
        predictor_from_arrays(arrays, {**meta, **change})


def test_hopeless_correlation_is_refused_in_words() -> None:
    x = np.zeros((3, 1))
    with pytest.raises(FitError, match="raise the nugget"):
        predictor(x, np.ones((3, 1)), [Group((0,), "rbf", 0, np.ones(1), 0.0)])


def test_asking_needs_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, locum.regression; "
        "assert not {'torch', 'gpytorch', 'sklearn', 'scipy.stats', 'scipy.optimize'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
