"""The same question twice is computed once, and no other question gets its answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from locum.surrogates.remembered import Remembered


def test_the_same_values_are_computed_once() -> None:
    asked: list[int] = []

    def function(values):
        asked.append(len(values))
        return values.sum(axis=1)

    remembered = Remembered(function)
    values = np.arange(6.0).reshape(3, 2)
    first = remembered(values)
    assert remembered(values.copy()) is first and asked == [3]
    values[0] = 7.0  # in place: another question
    assert remembered(values).tolist() == [14.0, 5.0, 9.0] and asked == [3, 3]
    assert remembered(values[:1]).tolist() == [14.0]
    assert remembered.known(values) is None and remembered.known(values[:1]).tolist() == [14.0]


def test_threads_do_not_take_answers_from_each_other() -> None:
    remembered = Remembered(np.sum)
    mine = np.ones((3, 2))
    remembered(mine)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(remembered, np.zeros((1, 2))).result()
    assert remembered.known(mine) == 6.0
