"""The field that is looked at: which one, at which time, of the surrogate and of a real simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import panel as pn

from locum.arrays import Array
from locum.dashboard.field_view import FieldView, drawable
from locum.dashboard.frame import CONTROLS, text
from locum.dashboard.sliders import PlaceSlider
from locum.errors import CheckedSurrogate
from locum.highfidelity.field import FieldDescription
from locum.reports.field_pictures import FIELD_COLOURS, SIGNED_COLOURS
from locum.reports.html import element
from locum.reports.wording import with_unit
from locum.surrogates import Description

LENGTH = "length"
_AXES = ("x", "y", "z")
_DIFFERENCE = (
    "Difference: surrogate less real simulation. A field's error figure is about the whole field, over all "
    "times, in the norm that the study's report names; at a single node the difference may be larger."
)
_SEEN = 24
"""Answers whose fields set the ends of the colours."""
_SEEN_BYTES = 64 * 2**20


class FieldChoice:
    """Which field, which of its components, and which time.

    Parameters
    ----------
    description
        What there is to choose from.
    changed
        Told when something else is chosen.
    """

    def __init__(self, description: Description, changed: Callable[[], None]) -> None:
        self.description, self._changed = description, changed
        names = list(description.fields)
        self._field = pn.widgets.Select(
            name="field", options=names, visible=len(names) > 1, width=220, stylesheets=CONTROLS
        )
        self._component = pn.widgets.Select(name="component", width=160, stylesheets=CONTROLS)
        self._fit = pn.widgets.Checkbox(
            name="fit the scale to this answer", align="end", margin=(0, 10, 12, 10), stylesheets=CONTROLS
        )
        times = description.times
        self._moment = text()
        self._time = PlaceSlider(
            name="time",
            start=0,
            end=1 if times is None else max(len(times) - 1, 1),
            value=0 if times is None else len(times) - 1,
            visible=times is not None,
            show_value=False,
            stylesheets=CONTROLS,
            sizing_mode="stretch_width",
        )
        self._offer_components()
        self._field.param.watch(self._other_field, "value")
        for widget in (self._component, self._fit, self._time):
            widget.param.watch(lambda _: self._tell(), "value")
        self._say_moment()

    def parts(self) -> pn.Column:
        """What stands on the page."""
        return pn.Column(
            pn.Row(self._field, self._component, self._fit),
            self._time,
            self._moment,
            sizing_mode="stretch_width",
            margin=0,
        )

    @property
    def field(self) -> FieldDescription | None:
        """The field that is looked at; None where the study has none."""
        return self.description.fields[self._field.value] if self._field.value else None

    @property
    def component(self) -> str:
        """``x``, ``y``, ``z`` or ``length``; empty where the field has one number a node."""
        return str(self._component.value or "") if self._component.visible else ""

    @property
    def moment(self) -> int:
        """Which saved time."""
        return int(self._time.value)

    @property
    def fits(self) -> bool:
        """Whether the colours belong to this answer alone."""
        return bool(self._fit.value)

    def scalars(self, values: Array) -> Array:
        """What is drawn of fields (..., *shape) at each time and node, (..., T, N); T is 1 where steady."""
        assert self.field is not None
        if "component" in self.field.dimensions:
            component = self.component
            if values.shape[-1] == 1:
                values = values[..., 0]
            elif component in _AXES:
                values = values[..., _AXES.index(component)]
            else:
                values = np.linalg.norm(values, axis=-1)
        return values if "time" in self.field.dimensions else values[..., None, :]

    def _other_field(self, _: object) -> None:
        self._offer_components()
        self._tell()

    def _offer_components(self) -> None:
        field = self.field
        many = field is not None and "component" in field.dimensions and field.shape[-1] > 1
        self._component.visible = many
        if many and field is not None:
            self._component.param.update(options=[LENGTH, *_AXES[: field.shape[-1]]], value=LENGTH)

    def _tell(self) -> None:
        self._say_moment()
        self._changed()

    def _say_moment(self) -> None:
        times = self.description.times
        if times is not None:
            now = with_unit(float(times[self.moment]), self.description.time_unit)
            self._moment.object = element("p", f"at {now}", class_="how")


def _named(field: FieldDescription) -> str:
    name = field.name.replace("_", " ")
    return f"{name} ({field.unit})" if field.unit else name


class FieldPictures:
    """The surrogate's field and, where it is known, that of the real simulation and their difference.

    Parameters
    ----------
    checked
        What answers.
    choice
        What is looked at.
    """

    def __init__(self, checked: CheckedSurrogate, choice: FieldChoice) -> None:
        self._checked, self._choice = checked, choice
        self._mesh, self._drawable = checked.description.mesh, drawable(checked.description.mesh)
        self._values: Array | None = None
        self._answered: tuple[str, bytes] = ("", b"")
        self._simulated: Mapping[str, Array] | None = None
        self._asked = np.empty((0, 0))
        self._ends: dict[tuple[str, str], tuple[float, float]] = {}
        self._views: list[FieldView] = []
        self._titles = [text() for _ in range(3)]
        self._row = pn.Row(sizing_mode="stretch_width", margin=0)
        self._note = text(element("p", _DIFFERENCE, class_="how"), visible=False)

    def parts(self) -> pn.Column:
        """What stands on the page."""
        return pn.Column(self._row, self._note, sizing_mode="stretch_width", margin=0)

    def ask(self, values: Array) -> None:
        """Answer for parameters (1, p) from now on."""
        self._asked = values

    def compare(self, simulated: Mapping[str, Array] | None) -> None:
        """Show the fields of a real simulation beside the answer, or no longer."""
        self._simulated = simulated
        self._note.visible = simulated is not None

    def draw(self) -> None:
        """Draw what is chosen."""
        field = self._choice.field
        if field is None or not len(self._asked):
            return
        self._arrange(field.unit, 1 if self._simulated is None else 3)
        moment = self._choice.moment
        answer = self._choice.scalars(self._answer(field.name))
        low, high = self._limits(field)
        if self._simulated is None:
            self._titles[0].object = element("h3", f"{_named(field)}, as the surrogate answers")
            self._views[0].show(answer[moment], low, high)
            return
        real = self._choice.scalars(self._simulated[field.name])
        difference = answer[moment] - real[moment]
        largest = float(np.abs(difference).max()) or 1e-300
        titles = (
            "Surrogate",
            "Real simulation",
            f"Difference, at most {with_unit(largest, field.unit)}",
        )
        for title, words in zip(self._titles, titles, strict=True):
            title.object = element("h3", words)
        ends = ((low, high), (low, high), (-largest, largest))
        for view, shown, (lower, upper) in zip(
            self._views, (answer[moment], real[moment], difference), ends, strict=True
        ):
            view.show(shown, lower, upper)

    def _answer(self, field: str) -> Array:
        """The field at the parameters asked for; kept until they change, so that time moves at once."""
        asked = (field, self._asked.tobytes())
        if asked != self._answered or self._values is None:
            surrogate = self._checked.surrogate
            self._values = surrogate.expand(field, surrogate.coordinates(field, self._asked))[0]
            self._answered = asked
        return self._values

    def _limits(self, field: FieldDescription) -> tuple[float, float]:
        """Ends of the colours: the same for all parameters, unless they are to fit this answer."""
        if self._choice.fits:
            shown = [self._choice.scalars(self._answer(field.name))]
            if self._simulated is not None:
                shown.append(self._choice.scalars(self._simulated[field.name]))
            return min(float(each.min()) for each in shown), max(float(each.max()) for each in shown)
        chosen = (field.name, self._choice.component)
        if chosen not in self._ends:
            draws = max(2, min(_SEEN, _SEEN_BYTES // field.nbytes))
            values = self._checked.space.sample(draws, np.random.default_rng(0))
            surrogate = self._checked.surrogate
            seen = self._choice.scalars(
                surrogate.expand(field.name, surrogate.coordinates(field.name, values))
            )
            self._ends[chosen] = float(seen.min()), float(seen.max())
        return self._ends[chosen]

    def _arrange(self, unit: str, wanted: int) -> None:
        if len(self._views) != wanted or any(view.unit != unit for view in self._views):
            colours = (FIELD_COLOURS, FIELD_COLOURS, SIGNED_COLOURS)[:wanted]
            self._views = [FieldView(self._mesh, self._drawable, unit, name) for name in colours]
            self._row.objects = [
                pn.Column(title, view, sizing_mode="stretch_width", margin=(0, 10, 0, 0), align="end")
                for title, view in zip(self._titles, self._views, strict=False)
            ]
