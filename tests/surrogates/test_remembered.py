"""The same question twice is computed once, and no other question gets its answer."""

from __future__ import annotations

import numpy as np

from locum.surrogates.remembered import ROWS, Remembered


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


def test_answers_to_very_many_queries_are_not_kept() -> None:
    remembered = Remembered(lambda values: values.copy())
    values = np.zeros((ROWS + 1, 1))
    assert remembered(values) is not remembered(values)
