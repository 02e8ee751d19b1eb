from __future__ import annotations

import numpy as np
import pytest

from locum.exceptions import ModelError
from locum.highfidelity import HighFidelityModel
from locum.highfidelity.finite_elements import lumped_mass
from locum.highfidelity.mesh import Mesh
from locum.highfidelity.self_heating import PARAMETERS, SelfHeating
from locum.highfidelity.snapshot_check import check_snapshot

MODEL = SelfHeating()


def hottest(rate: float, activation: float, model: SelfHeating = MODEL) -> float:
    return float(model.simulate({"reaction_rate": rate, "activation": activation})["highest_temperature"])


def test_it_is_a_model_on_a_line() -> None:
    assert isinstance(MODEL, HighFidelityModel)
    dataset = MODEL.simulate({"reaction_rate": 0.5, "activation": 0.3})
    check_snapshot(dataset)
    weights = lumped_mass(Mesh.from_ugrid(dataset))
    assert weights is not None
    assert weights @ dataset["temperature"].values == pytest.approx(float(dataset["mean_temperature"]))


def test_heat_released_leaves_through_the_face() -> None:
    """Integral of the reaction equals the loss at the face, Biot times the rise there."""
    rate, activation = 1.0, 0.3
    dataset = MODEL.simulate({"reaction_rate": rate, "activation": activation})
    rise = (dataset["temperature"].values - 1) / activation
    weights = lumped_mass(Mesh.from_ugrid(dataset))
    released = rate * weights @ np.exp(rise / (1 + activation * rise))
    assert MODEL.biot * rise[-1] == pytest.approx(released, rel=1e-8)


def test_a_weak_reaction_gives_the_parabola() -> None:
    rate = 1e-4
    dataset = MODEL.simulate({"reaction_rate": rate, "activation": 0.3})
    x = dataset["node_x"].values
    parabola = rate * ((1 - x**2) / 2 + 1 / MODEL.biot)
    assert (dataset["temperature"].values - 1) / 0.3 == pytest.approx(parabola, rel=1e-3)


def test_it_converges_at_order_two() -> None:
    values = [hottest(1.0, 0.3, SelfHeating(cells=cells)) for cells in (25, 50, 100, 200)]
    differences = np.diff(values)
    assert all(1.8 < order < 2.2 for order in np.log2(np.abs(differences[:-1] / differences[1:])))


def test_the_response_is_steep_in_a_corner_only() -> None:
    """Ignition takes up a few per cent of the box, and is far steeper there than in the middle."""
    values = PARAMETERS.sample(400, np.random.default_rng(5))
    step = 1.01
    steepness = np.array(
        [np.log(hottest(step * rate, a) / hottest(rate, a)) / np.log(step) for rate, a in values]
    )
    assert (steepness > 0).all()
    assert np.median(steepness) < 0.5
    assert 0.01 < np.mean(steepness > 2) < 0.15
    assert steepness.max() > 3


def test_two_runs_give_the_same_bits() -> None:
    parameters = {"reaction_rate": 1.2, "activation": 0.275}
    assert MODEL.simulate(parameters).identical(MODEL.simulate(parameters))


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ModelError, match="biot > 0"):
        SelfHeating(biot=0.0)
    assert SelfHeating(biot=5.0).version != MODEL.version
