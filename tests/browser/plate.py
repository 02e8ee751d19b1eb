"""A model of microseconds with a field in the plane: a plate that is heated at one spot."""

import numpy as np

SIDE = np.linspace(0.0, 1.0, 33)
X, Y = (axis.ravel() for axis in np.meshgrid(SIDE, SIDE))
CORNER = np.arange(33 * 33).reshape(33, 33)
LEFT, RIGHT = (
    (CORNER[:-1, :-1].ravel(), CORNER[:-1, 1:].ravel()),
    (CORNER[1:, 1:].ravel(), CORNER[1:, :-1].ravel()),
)
TRIANGLES = np.concatenate([np.stack([*LEFT, RIGHT[0]], axis=1), np.stack([LEFT[0], *RIGHT], axis=1)])


def simulate(power, place):
    """Temperature for a source of so many watts, so far from the left side."""
    distance = np.hypot(X - place, Y - 0.4)
    temperature = 293.0 + power * np.exp(-((distance / 0.35) ** 2)) * (1 - 0.3 * Y)
    return {
        "coordinates": np.stack([X, Y], axis=1),
        "cells": TRIANGLES,
        "temperature": temperature,
        "hottest": temperature.max(),
    }
