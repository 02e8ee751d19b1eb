"""The factor on a regression's deviation: learnt from errors at other parameters, and saved."""

from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import FitError, StorageError
from locum.surrogates.deviation_scale import DeviationScale, learnt_scale


def ratio(x):
    """Steep in a band: what a stationary process is too sure of."""
    return 0.1 + 10.0 * np.exp(-(((x[:, 0] - 0.6) / 0.2) ** 2)) * (1 + x[:, 1])


@pytest.fixture(scope="module")
def scale():
    generator = np.random.default_rng(0)
    x, deviations = generator.random((150, 2)), generator.uniform(0.5, 2.0, 150)
    return learnt_scale(x, ratio(x) * deviations, deviations)


def test_the_ratio_of_errors_to_deviations_is_learnt(scale):
    x = np.random.default_rng(1).random((200, 2))
    assert np.abs(np.log(scale(x) / ratio(x))).max() < 0.3
    assert np.median(np.abs(np.log(scale(x) / ratio(x)))) < 0.02


def test_far_from_what_was_seen_it_stays_between_what_was_seen(scale):
    far = np.array([[40.0, -30.0], [-9.0, 9.0]])
    assert (np.exp(scale.lowest) <= scale(far)).all() and (scale(far) <= np.exp(scale.highest)).all()


def test_saved_it_answers_the_same_bits(scale):
    arrays, content = scale.to_arrays()
    x = np.random.default_rng(2).random((20, 2))
    assert (DeviationScale.from_arrays(arrays, content)(x) == scale(x)).all()
    for damage in ({"lowest": np.nan}, {"highest": -np.inf}, {"logarithm": {}}):
        with pytest.raises(StorageError, match=r"cannot be read|should be"):
            DeviationScale.from_arrays(arrays, content | damage)


def test_what_is_no_positive_number_teaches_nothing():
    x = np.random.default_rng(3).random((40, 1))
    errors, ones = np.full(40, 2.0) + x[:, 0], np.ones(40)
    errors[:10] = np.nan
    assert learnt_scale(x, errors, ones)(x)[20] == pytest.approx(errors[20], rel=1e-2)
    errors[:21] = 0.0
    with pytest.raises(FitError, match="19 of 40 estimated errors"):
        learnt_scale(x, errors, ones)
