import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.adaptivity import batch_size, choose_batch


def setting(seed, q=200, n=20, p=3):
    generator = np.random.default_rng(seed)
    return generator.random((q, p)), generator.random(q) + 0.1, generator.random((n, p))


seeds = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 30), st.integers(0, 40))
def test_batch_has_no_duplicates(seed, batch, n):
    candidates, figures, known = setting(seed, n=n)
    chosen = choose_batch(candidates, figures, batch, known)
    assert len(set(chosen.tolist())) == len(chosen) == batch


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_order_of_the_candidates_carries_no_meaning(seed):
    candidates, figures, known = setting(seed)
    order = np.random.default_rng(seed + 1).permutation(len(candidates))
    there = choose_batch(candidates[order], figures[order], 5, known)
    here = choose_batch(candidates, figures, 5, known)
    assert order[there].tolist() == here.tolist()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_order_of_the_known_samples_carries_no_meaning(seed):
    candidates, figures, known = setting(seed)
    surprise = np.random.default_rng(seed).random(len(known)) * 3
    order = np.random.default_rng(seed + 1).permutation(len(known))
    there = choose_batch(candidates, figures, 5, known[order], surprise[order])
    assert there.tolist() == choose_batch(candidates, figures, 5, known, surprise).tolist()


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 20), st.integers(1, 20))
def test_a_longer_batch_continues_a_shorter_one(seed, first, more):
    candidates, figures, known = setting(seed)
    longer = choose_batch(candidates, figures, first + more, known)
    assert longer[:first].tolist() == choose_batch(candidates, figures, first, known).tolist()


def test_known_and_running_samples_are_not_chosen_again():
    candidates, figures, known = setting(0, q=30)
    chosen = choose_batch(candidates, figures, 30, np.concatenate([known, candidates[:12]]))
    assert set(chosen) == set(range(12, 30))


def test_a_candidate_that_appears_twice_is_chosen_once():
    candidates, figures, known = setting(1, q=10)
    twice = np.concatenate([candidates, candidates])
    chosen = choose_batch(twice, np.concatenate([figures, figures]), 20, known)
    assert sorted(chosen % 10) == list(range(10))


def test_running_samples_move_the_choice_elsewhere():
    """With the first choice already running, the batch starts where it would have gone on."""
    candidates, figures, known = setting(2)
    first, second = choose_batch(candidates, figures, 2, known)
    assert choose_batch(candidates, figures, 1, np.concatenate([known, candidates[[first]]]))[0] != first
    assert np.linalg.norm(candidates[first] - candidates[second]) > 0.1


def test_samples_go_where_figures_are_large():
    candidates, _, known = setting(3, q=1000, n=30, p=2)
    corner = (candidates < 0.4).all(axis=1)
    chosen = choose_batch(candidates, np.where(corner, 10.0, 0.1), 8, known)
    # at the very edge of the region there is little to gain
    assert (candidates[chosen] < 0.45).all()


def test_samples_go_where_predictions_were_worse_than_expected():
    candidates, _, known = setting(4, q=1000, n=40, p=2)
    surprise = np.where((known > 0.5).all(axis=1), 20.0, 0.5)
    chosen = choose_batch(candidates, np.ones(1000), 8, known, surprise)
    plain = choose_batch(candidates, np.ones(1000), 8, known)
    assert (candidates[chosen] > 0.4).all(axis=1).mean() >= 0.75
    assert (candidates[plain] > 0.4).all(axis=1).mean() <= 0.6


def test_a_batch_fills_the_space_where_all_is_alike():
    candidates, _, known = setting(5, q=1000, n=16, p=2)

    def largest_hole(batch):
        points = np.concatenate([known, candidates[batch]])
        return np.linalg.norm(candidates[:, None] - points, axis=2).min(axis=1).max()

    chosen = largest_hole(choose_batch(candidates, np.ones(1000), 16, known))
    generator = np.random.default_rng(0)
    assert all(chosen < largest_hole(generator.choice(1000, 16, replace=False)) for _ in range(50))


def test_a_parameter_without_effect_does_not_attract_samples():
    """Its lengthscale is long, so in lengthscales its column hardly varies: the rest is filled."""
    candidates, _, known = setting(6, q=1000, n=10, p=2)
    metric = np.array([5.0, 1e-3])
    chosen = choose_batch(candidates * metric, np.ones(1000), 10, known * metric)
    columns = np.sort(np.concatenate([candidates[chosen, 0], known[:, 0]]))
    assert np.diff(columns).max() < 0.15


@pytest.mark.parametrize("value", [np.inf, np.nan, 0.0])
def test_figures_that_say_nothing_leave_a_design_that_fills_the_space(value):
    candidates, _, known = setting(7, q=300)
    chosen = choose_batch(candidates, np.full(300, value), 10, known)
    assert chosen.tolist() == choose_batch(candidates, np.ones(300), 10, known).tolist()


def test_infinite_figures_count_as_the_largest_finite_one():
    candidates, figures, known = setting(8)
    largest = figures.max()
    infinite = np.where(figures > 0.9 * largest, np.inf, figures)
    capped = np.where(figures > 0.9 * largest, infinite[np.isfinite(infinite)].max(), figures)
    assert (
        choose_batch(candidates, infinite, 5, known).tolist()
        == choose_batch(candidates, capped, 5, known).tolist()
    )


def test_choice_lowers_the_true_mean_square_more_than_random_points_do():
    """The criterion itself: after the batch the conditioned process varies less than after random batches."""
    candidates, figures, known = setting(9, q=400, n=15)

    def left(points):
        def correlation(a, b):
            r = np.sqrt(5) * np.linalg.norm(a[:, None] - b, axis=2) / 0.5
            return (1 + r + r**2 / 3) * np.exp(-r)

        all_points = np.concatenate([known, points])
        cross = correlation(all_points, candidates)
        gram = correlation(all_points, all_points) + 1e-8 * np.eye(len(all_points))
        prior = correlation(known, candidates)
        before = 1 - np.einsum(
            "nq,nq->q", prior, np.linalg.solve(correlation(known, known) + 1e-8 * np.eye(15), prior)
        )
        after = 1 - np.einsum("nq,nq->q", cross, np.linalg.solve(gram, cross))
        return np.mean(figures**2 * after / before)

    chosen = left(candidates[choose_batch(candidates, figures, 8, known)])
    generator = np.random.default_rng(0)
    assert all(chosen < left(candidates[generator.choice(400, 8, replace=False)]) for _ in range(50))


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_auto_batch_grows_with_the_training_set_and_keeps_all_workers_busy(training, workers):
    size = batch_size(training, workers)
    assert size % workers == 0
    assert training / 6 <= size < training / 6 + workers or size == workers


@given(st.integers(1, 1000), st.integers(1, 64), st.integers(0, 50), st.none() | st.integers(1, 100))
def test_batch_never_leaves_the_budget(training, workers, remaining, wanted):
    assert batch_size(training, workers, remaining, wanted) <= remaining


def test_batch_of_the_study_is_kept():
    assert batch_size(1000, 2, None, 7) == 7


@given(seeds)
def test_what_runs_is_taken_for_chosen(seed):
    """Two batches chosen one after the other, the first still running, are one batch of both."""
    candidates, figures, known = setting(seed)
    both = choose_batch(candidates, figures, 6, known)
    first = choose_batch(candidates, figures, 3, known)
    second = choose_batch(candidates, figures, 3, known, running=candidates[first])
    assert both.tolist() == [*first, *second]
