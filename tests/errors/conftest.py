"""A scripted surrogate: its answers, errors and indicators are what the test says; no fit is needed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from locum.highfidelity import FieldDescription, Mesh
from locum.parameters import Parameter, ParameterSpace
from locum.surrogates import Description, FieldErrors, Prediction

SPACE = ParameterSpace(
    (Parameter("gas_temperature", 1300.0, 1700.0, "K"), Parameter("film", 0.1, 10.0, scale="log"))
)


@dataclass(frozen=True, eq=False)
class Scripted:
    """One field of one coordinate and two quantities; functions of warped inputs (q, 2) say the rest."""

    indicator: Callable[[np.ndarray], np.ndarray]
    deviations: Callable[[np.ndarray], np.ndarray]
    known: np.ndarray
    kind = "scripted"
    figure_kind = "indicator"

    description = Description(
        space=SPACE,
        fields={"temperature": FieldDescription("temperature", ("node",), (3,), "K")},
        quantities={"highest": "K", "flux": "W"},
        mesh=Mesh(np.arange(3.0)[:, None]),
    )

    def predict(self, parameters):
        return Prediction(self, SPACE.matrix(parameters))

    def quantity_values(self, values):
        x = SPACE.warp(values)
        return np.stack([1.0 + x[:, 0], x[:, 1] - 0.5], axis=1)

    def quantity_indicators(self, values):
        return self.deviations(SPACE.warp(values))

    def coordinates(self, field, values):
        return 1.0 + SPACE.warp(values)[:, :1]

    def expand(self, field, coordinates):
        return np.repeat(coordinates, 3, axis=1)

    def field_indicator(self, field, values):
        return self.indicator(SPACE.warp(values))

    def field_errors(self, field, values, snapshots):
        predicted = self.expand(field, self.coordinates(field, values))
        scale = np.linalg.norm(snapshots, axis=1)
        return FieldErrors(np.linalg.norm(predicted - snapshots, axis=1) / scale, np.zeros(len(values)))

    def distance(self, values):
        offsets = SPACE.warp(values)[:, None] - SPACE.warp(self.known)[None]
        return np.linalg.norm(offsets, axis=2).min(axis=1)

    def conditioned_on(self, values):
        return replace(self, known=np.concatenate([self.known, values]))

    def save(self, folder: Path):
        raise NotImplementedError


@pytest.fixture(scope="session")
def space():
    return SPACE


@pytest.fixture(scope="session")
def scripted():
    """Build a scripted surrogate from functions of warped inputs."""

    def build(indicator=lambda x: np.full(len(x), 0.01), deviations=lambda x: np.full((len(x), 2), 0.02)):
        return Scripted(indicator, deviations, SPACE.sample(64, np.random.default_rng(0)))

    return build
