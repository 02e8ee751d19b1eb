"""The answer as a file: NetCDF with everything, or the field that is looked at as a table of nodes."""

from __future__ import annotations

import csv
import io

import panel as pn

from locum.dashboard.fields import FieldChoice
from locum.dashboard.frame import CONTROLS, text
from locum.dashboard.sliders import Sliders
from locum.errors import CheckedSurrogate
from locum.reports.html import section

_HOW = (
    "NetCDF holds all fields, times and quantities with their error figures; the table has the field that is "
    "looked at, a row a node."
)


def downloads(checked: CheckedSurrogate, sliders: Sliders, choice: FieldChoice) -> pn.Column:
    """Buttons that save the answer as it is now."""
    study = str(checked.manifest.get("study") or "answer")

    def netcdf() -> io.BytesIO:
        answer = checked.predict(sliders.values).to_xarray()
        return io.BytesIO(bytes(answer.to_netcdf(engine="scipy")))

    def nodes() -> io.StringIO:
        return io.StringIO(table_of_nodes(checked, sliders, choice))

    buttons = [
        pn.widgets.FileDownload(
            callback=callback, filename=f"{study}.{ending}", label=label, stylesheets=CONTROLS
        )
        for callback, ending, label in ((netcdf, "nc", "Save as NetCDF"), (nodes, "csv", "Save as CSV"))
    ]
    return pn.Column(
        text(section("save", "Save this answer", _HOW, class_="plain")), pn.Row(*buttons), margin=0
    )


def table_of_nodes(checked: CheckedSurrogate, sliders: Sliders, choice: FieldChoice) -> str:
    """Coordinates and values at each node as CSV; parameters and quantities stand above as comments."""
    prediction = checked.predict(sliders.values)
    written = io.StringIO()
    for name, value in zip(checked.space.names, prediction.parameters[0], strict=True):
        written.write(f"# {name} = {value:.10g}\n")
    for name, values in prediction.quantities.items():
        unit = checked.description.quantities[name]
        figure = prediction.claimed(name)[0]
        written.write(f"# {name} = {values[0]:.10g} {unit}, error figure {figure:.4g}\n")
    field, mesh = choice.field, checked.description.mesh
    if field is None:
        return written.getvalue()
    figure = float(prediction.claimed(field.name)[0])
    written.write(
        f"# error figure of {field.name}: {figure:.4g}, {prediction.error_figures[field.name].norm}\n"
    )
    if checked.description.times is not None:
        now = checked.description.times[choice.moment]
        written.write(f"# time = {now:.10g} {checked.description.time_unit}\n")
    expanded = checked.surrogate.expand(field.name, prediction.coordinates(field.name))[0]
    shown = choice.scalars(expanded)[choice.moment]
    name = f"{field.name}_{choice.component}" if choice.component else field.name
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow([*("x", "y", "z")[: mesh.dimension], name])
    rows.writerows(
        [f"{number:.10g}" for number in (*place, value)]
        for place, value in zip(mesh.points.tolist(), shown.tolist(), strict=True)
    )
    return written.getvalue()
