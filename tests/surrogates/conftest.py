"""A bump that spreads and sinks: an analytic transient family with three quantities of interest."""

from types import SimpleNamespace

import numpy as np
import pytest

from locum.highfidelity import Mesh
from locum.highfidelity.field import FieldDescription
from locum.parameters import Parameter, ParameterSpace, sobol_design
from locum.reduction import InnerProduct
from locum.surrogates import Description, FieldData, InterpolatedOptions, TrainingData, train_interpolated

NODES, TIMES = np.linspace(0.0, 1.0, 41), np.linspace(0.0, 1.0, 11)
SPACE = ParameterSpace(
    (
        Parameter("diffusivity", 0.01, 0.1, "m2/s", scale="log"),
        Parameter("amplitude", 50.0, 150.0, "K"),
        Parameter("position", 0.35, 0.65, "m"),
    )
)
DESCRIPTION = Description(
    space=SPACE,
    fields={
        "temperature": FieldDescription("temperature", ("time", "node"), (11, 41), "K"),
        "flux": FieldDescription("flux", ("node", "component"), (41, 2), "W/m2"),
    },
    quantities={"hottest": "K", "mean_end": "K"},
    mesh=Mesh(NODES[:, None], np.stack([np.arange(40), np.arange(1, 41)], axis=1)),
    times=TIMES,
)


def simulate(values):
    """Fields and quantities at values (q, 3)."""
    diffusivity, amplitude, position = values.T[:, :, None, None]
    width = 0.01 + 2 * diffusivity * TIMES[:, None]
    bump = 0.1 * amplitude / np.sqrt(width) * np.exp(-((NODES - position) ** 2) / (2 * width))
    temperature = 300.0 + bump
    flux = np.stack([bump[:, -1], np.gradient(bump[:, -1], NODES, axis=1)], axis=-1)
    quantities = {"hottest": temperature[:, :, 20].max(axis=1), "mean_end": temperature[:, -1].mean(axis=1)}
    return {"temperature": temperature, "flux": flux}, quantities


def training_data(n, tolerance=0.01):
    values = sobol_design(SPACE, n, np.random.default_rng(0))
    fields, quantities = simulate(values)

    def blocks(name):
        return lambda: (fields[name][start : start + 7] for start in range(0, n, 7))

    product = InnerProduct(np.full(41, 1 / 41))
    data = {name: FieldData(blocks(name), product, tolerance) for name in fields}
    return TrainingData(DESCRIPTION, values, data, quantities)


@pytest.fixture(scope="session")
def bump():
    """The family and one surrogate trained on 30 samples of it."""
    data = training_data(30)
    trained = train_interpolated(data, InterpolatedOptions())
    return SimpleNamespace(
        space=SPACE,
        description=DESCRIPTION,
        simulate=simulate,
        training_data=training_data,
        data=data,
        trained=trained,
        surrogate=trained.surrogate,
        query={"diffusivity": 0.03, "amplitude": 100.0, "position": 0.45},
    )
