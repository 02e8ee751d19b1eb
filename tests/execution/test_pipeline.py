"""Which batch trains in which round: the same in one go, after a kill, and however fast the workers are."""

from __future__ import annotations

import numpy as np
import pytest

from locum.execution.pipeline import AHEAD, Pipeline
from locum.execution.sampling import first_samples, training_samples
from locum.execution.training import fit, train


@pytest.fixture
def begun(work, finish):
    """The smallest study with its first simulations and its first version."""
    finish(work, first_samples(work))
    train(work)
    return work


def draws(work, n, seed):
    return work.space.sample(n, np.random.default_rng(seed))


def identities(records):
    return {record.identity for record in records}


def test_two_batches_are_chosen_ahead_and_train_one_after_the_other(begun, finish) -> None:
    pipeline = Pipeline(begun)
    batches = [pipeline.append(draws(begun, 2, seed)) for seed in (1, 2)]
    assert not pipeline.has_room and len(batches) == AHEAD
    assert pipeline.held_back == identities([*batches[0], *batches[1]])
    finish(begun, [*batches[1], *batches[0]])  # the newer one first
    assert len(training_samples(begun, pipeline.held_back)) == 8
    pipeline.advance()
    assert pipeline.has_room
    trained = training_samples(begun, pipeline.held_back)
    assert identities(batches[0]) <= identities(trained) and len(trained) == 10
    pipeline.advance()
    assert pipeline.held_back == frozenset()


def test_no_values_are_no_batch(begun) -> None:
    pipeline = Pipeline(begun)
    assert pipeline.append(draws(begun, 0, 1)) == []
    assert pipeline.has_room and not pipeline.held_back


def test_a_run_that_was_killed_goes_on_with_the_round_that_was_trained_last(begun, finish) -> None:
    pipeline = Pipeline(begun)
    for seed in (1, 2):
        finish(begun, pipeline.append(draws(begun, 2, seed)))
    again = Pipeline(begun)
    assert again.held_back == frozenset()
    again.resume()
    assert again.held_back == pipeline.held_back
    pipeline.advance()
    train(begun, pipeline.held_back)
    again.resume()
    assert again.held_back == pipeline.held_back != frozenset()


def test_simulations_that_nothing_was_trained_on_train_at_once(begun, finish) -> None:
    pipeline = Pipeline(begun)
    finish(begun, pipeline.append(draws(begun, 2, 1)))
    finish(begun, begun.plan(draws(begun, 2, 3), "adaptive", 1))  # by a run of other tolerances
    again = Pipeline(begun)
    again.resume()
    assert again.held_back == frozenset()
    assert len(training_samples(begun, again.held_back)) == 12


def test_a_batch_that_was_written_down_but_not_planned_is_planned(begun, monkeypatch) -> None:
    pipeline = Pipeline(begun)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Pipeline, "_plan", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        pipeline.append(draws(begun, 2, 1))
    assert begun.samples("adaptive") == []
    Pipeline(begun)
    assert len(begun.samples("adaptive", "planned")) == 2


def test_a_fit_is_used_only_for_the_samples_that_it_knows(work, finish) -> None:
    finish(work, first_samples(work))
    fitted = fit(work)
    first = train(work, fitted=fitted)
    assert first.checked.surrogate is fitted.surrogate
    finish(work, work.plan(draws(work, 2, 1), "adaptive", 1))
    second = train(work, fitted=fitted)
    assert second.version.manifest["training"] == first.version.manifest["training"] + 2
