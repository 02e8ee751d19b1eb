import json
import math

import numpy as np

from locum.adaptivity import Round, Spread, assess, standing


def test_round_survives_json():
    verdict = assess({"field": np.linspace(0, 2, 100)}, {"field": 1.0}, np.ones(100, dtype=bool))
    first = Round(
        number=2,
        training=30,
        calibration=19,
        simulations=51,
        verdict=verdict,
        held_out={"field": Spread(0.1, 0.2, 0.3)},
        basis=0.1,
        factors={"field": math.inf},
        seconds={"train": 1.5},
        version=3,
    )
    assert Round.from_dict(json.loads(json.dumps(first.to_dict(), allow_nan=False))) == first


def test_measured_is_the_worst_output_relative_to_its_tolerance():
    figures = {"field": np.ones(10), "number": np.ones(10)}
    verdict = assess(figures, {"field": 0.1, "number": 2.0}, np.ones(10, dtype=bool))
    held_out = {"field": Spread(0.0, 0.05, 1.0), "number": Spread(0.0, 3.0, 4.0)}
    assert Round(0, 10, 19, 29, verdict, held_out).measured == 1.5


def test_the_round_that_counts_is_that_of_the_version_that_answers():
    verdict = assess({"field": np.ones(10)}, {"field": 2.0}, np.ones(10, dtype=bool))
    history = [Round(k, 10 + k, 19, 29 + k, verdict, version=k + 1) for k in range(3)]
    assert standing(history, 2) is history[1]
    assert standing(history, 7) is history[2]  # a champion that was trained for something else
    assert standing(history, None) is history[2]
    assert standing([], 1) is None
