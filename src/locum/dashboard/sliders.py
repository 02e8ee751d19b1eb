"""A slider for each parameter, on the scale that the parameter has, and a box for the exact value."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import panel as pn

from locum.arrays import Array
from locum.dashboard.frame import CONTROLS
from locum.parameters import Parameter, ParameterSpace

STEPS = 400
"""Places of a slider."""


class AtOnce:
    """A slider that is answered as it moves. Panel would collect moves for 50 ms; answers take less."""

    _debounce: ClassVar[int] = 0


class NumberSlider(AtOnce, pn.widgets.FloatSlider):  # type: ignore[misc]
    """For a parameter."""


class PlaceSlider(AtOnce, pn.widgets.IntSlider):  # type: ignore[misc]
    """For one of the saved times."""


class Sliders:
    """Parameter values that are chosen by hand.

    Parameters
    ----------
    space
        The parameters.
    moved
        Told whenever one of them changes.
    """

    def __init__(self, space: ParameterSpace, moved: Callable[[], None]) -> None:
        self.space = space
        self._moved = moved
        self._quiet = False
        middle = space.unwarp(np.full(space.dimension, 0.5))
        self._values = middle
        self._sliders, self._boxes, rows = [], [], []
        for column, parameter in enumerate(space.parameters):
            slider = NumberSlider(
                name=_title(parameter),
                start=0.0,
                end=1.0,
                step=1 / STEPS,
                value=0.5,
                show_value=False,
                tooltips=False,
                stylesheets=CONTROLS,
                sizing_mode="stretch_width",
            )
            box = pn.widgets.FloatInput(
                value=_rounded(middle[column]),
                start=parameter.lower,
                end=parameter.upper,
                step=(parameter.upper - parameter.lower) / 100,
                width=120,
                align="end",
                stylesheets=CONTROLS,
            )
            slider.param.watch(lambda _, column=column: self._slid(column), "value")
            box.param.watch(lambda _, column=column: self._typed(column), "value")
            self._sliders.append(slider)
            self._boxes.append(box)
            rows.append(pn.Row(slider, box, sizing_mode="stretch_width", margin=0))
        self.parts = pn.Column(*rows, sizing_mode="stretch_width", margin=0)

    @property
    def values(self) -> Array:
        """Parameter values, shape (1, p), in the user's units."""
        return self._values[None].copy()

    def _slid(self, column: int) -> None:
        place = self.space.warp(self._values)
        place[column] = self._sliders[column].value
        self._take(column, self.space.unwarp(place)[column])
        self._quietly(lambda: setattr(self._boxes[column], "value", _rounded(self._values[column])))

    def _typed(self, column: int) -> None:
        if self._boxes[column].value is None:
            return
        self._take(column, float(self._boxes[column].value))
        place = float(np.clip(self.space.warp(self._values)[column], 0, 1))
        self._quietly(lambda: setattr(self._sliders[column], "value", place))

    def _take(self, column: int, value: float) -> None:
        if not self._quiet:
            self._values = self._values.copy()
            self._values[column] = value
            self._moved()

    def _quietly(self, change: Callable[[], None]) -> None:
        if not self._quiet:
            self._quiet = True
            try:
                change()
            finally:
                self._quiet = False


def _title(parameter: Parameter) -> str:
    name = parameter.name.replace("_", " ")
    return f"{name} ({parameter.unit})" if parameter.unit else name


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
