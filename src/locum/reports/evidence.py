"""The sections of a report that show evidence: history, bases, parity, coverage, fields, map."""

from __future__ import annotations

import numpy as np

from locum.reports import field_pictures, pictures, sweep_pictures
from locum.reports.content import Basis, Case, HeldOut, Output, Report, Sweep
from locum.reports.html import (
    Content,
    Markup,
    breakable,
    element,
    join,
    missing,
    paragraph,
    picture,
    section,
    table,
)
from locum.reports.html import pictures as row_of
from locum.reports.sections import parameter_values
from locum.reports.summaries import (
    ObservedCoverage,
    coverage_curve,
    expected_audit,
    expected_coverage,
    influence,
    observed_coverage,
    ratio_to_tolerance,
    silent_misses,
)
from locum.reports.wording import claim_kept, count, error_size, percentage, stated_percentage

_AUDIT_SIZE = 200


def history(report: Report) -> Markup:
    """How the error fell, round by round."""
    how = (
        "Each point is one round of the loop: the solid line is the 95 % quantile, dotted the median, "
        "dashed the largest; the study ends when figures fall below the tolerance over the required share."
    )
    if not report.rounds:
        nothing = missing("No surrogate has been trained yet.", f"locum run {report.path}")
        return section("history", "History of rounds", how, nothing)
    figures = [
        picture(
            pictures.error_history(report.rounds, output), f"{output.name}.",
            f"Error figure ({output.figure_kind}) over the sweep, error measured on the calibration "
            f"simulations; {output.norm}.",
        )
        for output in report.outputs
        if any(output.name in entry.verdict.outputs for entry in report.rounds)
    ]  # fmt: skip
    figures.append(picture(
        pictures.share_history(report.rounds, report.verdict.share_required), "Share within tolerance.",
        f"Of the parameter distribution, at {stated_percentage(report.verdict.confidence)} confidence.",
    ))  # fmt: skip
    return section("history", "History of rounds", how, row_of(figures, "two"), _round_table(report))


def _round_table(report: Report) -> Markup:
    shown = [output for output in report.outputs if output.name in report.rounds[-1].verdict.outputs]
    rows: list[list[Content]] = []
    for entry in report.rounds:
        sizes = [
            error_size(entry.verdict.outputs[o.name].figure.q95, relative=o.relative, unit=o.unit)
            if o.name in entry.verdict.outputs
            else "–"
            for o in shown
        ]
        share = percentage(entry.verdict.share_lower)
        rows.append([str(entry.number), count(entry.simulations), *sizes, share])
    return table(
        [
            "round",
            "simulations",
            *(join([breakable(o.name), ", 95 % quantile"]) for o in shown),
            "share within tolerance",
        ],
        rows,
        numbers=range(len(shown) + 3),
        caption="Error figure over the sweep after each round.",
    )


def bases(report: Report) -> Markup:
    """Singular values and what the basis leaves out."""
    how = (
        "The faster these values fall, the fewer reduced coordinates a field needs; what lies behind the "
        "last filled dot is cut off and is part of every error figure."
    )
    if not report.bases:
        nothing = missing("There is no reduced basis yet.", f"locum run {report.path}")
        return section("bases", "Reduced basis", how, nothing)
    if not report.calibrated:
        how = (
            "The model's own equations are solved on the span of these simulations: the first few lie all "
            "over the parameter space, the others where the error figure was largest."
        )
        rows: list[list[Content]] = [[basis.field, count(basis.rank), basis.method] for basis in report.bases]
        made = table(["field", "basis vectors", "made by"], rows, numbers=(1,), caption="Reduced bases.")
        return section("bases", "Reduced basis", how, made)
    return section("bases", "Reduced basis", how, row_of([_basis(basis) for basis in report.bases], "two"))


def _basis(basis: Basis) -> Markup:
    title = f"{basis.field}{', ' + basis.level if basis.level else ''}."
    return picture(
        pictures.singular_values(basis), title,
        f"{basis.rank} of {len(basis.singular_values)} modes kept; they leave "
        f"{percentage(basis.truncation_error)} of the ensemble (root mean square, "
        f"{basis.norm}). Computed with {basis.method}.",
    )  # fmt: skip


def held_out_groups(report: Report) -> list[HeldOut]:
    """Calibration and audit, as far as they exist."""
    return [group for group in (report.calibration, report.audit) if group is not None]


def parity(report: Report) -> Markup:
    """Predicted against simulated quantities of interest on held-out simulations."""
    how = (
        "Simulations that never trained the surrogate: above, the closer to the line the better; below, the "
        "difference, with vertical bars as long as the error figure and the tolerance dashed."
    )
    groups = held_out_groups(report)
    if not groups:
        nothing = missing("There are no held-out simulations yet.", f"locum run {report.path}")
        return section("parity", "Quantities of interest on held-out simulations", how, nothing)
    drawn = [output for output in report.outputs if all(_has_values(group, output) for group in groups)]
    if not drawn:
        content = paragraph("The study has no quantity of interest.")
    else:
        content = row_of([_parity(output, groups) for output in drawn], "two")
    return section("parity", "Quantities of interest on held-out simulations", how, content)


def _has_values(group: HeldOut, output: Output) -> bool:
    return output.name in group.outputs and group.outputs[output.name].simulated is not None


def _parity(output: Output, groups: list[HeldOut]) -> Markup:
    sizes = []
    for group in groups:
        errors = group.outputs[output.name].errors
        largest = error_size(float(errors.max()), relative=output.relative, unit=output.unit)
        middle = error_size(float(np.median(errors)), relative=output.relative, unit=output.unit)
        sizes.append(f"{group.purpose}: median error {middle}, largest {largest}")
    return picture(pictures.parity(output, groups), f"{output.name}.", "; ".join(sizes) + ".")


def coverage(report: Report) -> Markup:
    """Whether errors stay below their figures as often as claimed."""
    how = (
        "Points above the diagonal are errors that stayed below their figure, as most must; dangerous ones "
        "lie lower right, where the error is over tolerance and its figure is not; observed coverage "
        "should stay in the grey band."
    )
    if not report.calibrated:
        return _equations(report)
    audit_command = f"locum audit {report.path} -n {_AUDIT_SIZE}"
    if report.calibration is None:
        what = "The indicator has not been calibrated: no error figure can be claimed yet."
        return section(
            "coverage", "Error figures against errors", how, missing(what, f"locum run {report.path}")
        )
    groups = held_out_groups(report)
    drawn = [output for output in report.outputs if all(output.name in group.outputs for group in groups)]
    figures = _coverage_curves(report, report.calibration, drawn)
    figures += [_figure_against_error(output, groups) for output in drawn]
    parts: list[Content] = [paragraph(_claim(report))]
    if report.audit is None:
        parts.append(missing(
            "No audit has been made: the claimed coverage has not been checked on simulations drawn after "
            "the calibration.", audit_command,
        ))  # fmt: skip
    else:
        observed = [observed_coverage(report.audit, output) for output in drawn]
        parts.append(_audit_table(observed, report.coverage, report.calibration.simulations))
        missed, within = silent_misses(report.audit, report.outputs)
        parts.append(paragraph(
            f"Of the {count(within)} answers of the audit that were marked within tolerance, {count(missed)} "
            "had an error above a tolerance: silent misses."
        ))  # fmt: skip
    return section("coverage", "Error figures against errors", how, *parts, row_of(figures, "two"))


def _equations(report: Report) -> Markup:
    """Errors against figures that rest on the equations: a few simulations are evidence, not their ground."""
    title, kind = "Error figures against errors", report.outputs[0].figure_kind
    proved = (
        "A bound is proved against the discrete model: no error of it may lie above its figure."
        if kind == "bound"
        else "An estimate follows the residual with a stability constant that is interpolated, not proved."
    )
    how = f"Points above the diagonal are errors that stayed below their figure. {proved}"
    groups = held_out_groups(report)
    if not groups:
        nothing = missing("There are no held-out simulations yet.", f"locum run {report.path}")
        return section("coverage", title, how, nothing)
    drawn = [output for output in report.outputs if all(output.name in group.outputs for group in groups)]
    figures = [_figure_against_error(output, groups) for output in drawn]
    said = paragraph(
        f"The figures come from the residual of the model's own equations and are not calibrated; "
        f"{count(groups[0].simulations)} independent simulations show how they compare with measured errors."
    )
    return section("coverage", title, how, said, row_of(figures, "two"))


def _claim(report: Report) -> str:
    n = report.calibration.simulations if report.calibration else 0
    claimed = stated_percentage(report.coverage)
    span = expected_coverage(report.coverage, n)
    if span is None:
        return f"{claimed} was asked, which {n} calibration simulations are too few to claim."
    return (
        f"Claimed: {claimed} of errors lie below their figure, over queries drawn from the parameter "
        f"distribution. The claim rests on {n} calibration simulations, drawn independently and never used "
        f"for training; a set of this size gives a true coverage between {percentage(span[0])} "
        f"and {percentage(span[1])} (95 % of the time)."
    )


def _audit_table(rows: list[ObservedCoverage], claimed: float, calibrated_on: int) -> Markup:
    expected = expected_audit(claimed, calibrated_on, rows[0].n) if rows else None
    written: list[list[Content]] = []
    for row in rows:
        low, high = percentage(row.lower), percentage(row.upper)
        kept = claim_kept(row.share, row.upper < claimed, expected)
        written.append(
            [row.output, f"{row.covered} of {row.n}", percentage(row.share), f"{low} to {high}", kept]
        )
    return table(
        ["output", "covered", "observed", "95 % binomial interval", "claim kept"], written,
        numbers=(1, 2, 3),
        caption=f"Audit: claimed {stated_percentage(claimed)}" + (
            f"; a claim that is right is observed between {percentage(expected[0])} and "
            f"{percentage(expected[1])} in 95 % of audits." if expected else "."
        ),
    )  # fmt: skip


def _coverage_curves(report: Report, calibration: HeldOut, outputs: list[Output]) -> list[Markup]:
    """The picture of coverage at every level; none where the indicator could not be calibrated."""
    audit = report.audit
    scores = {output.name: calibration.outputs[output.name].scores for output in outputs}
    curves = {
        name: coverage_curve(known, None if audit is None else audit.outputs[name].scores)
        for name, known in scores.items()
        if len(known) > 3 and np.isfinite(known).all()
    }
    if not curves:
        return []
    data = (
        f"Observed on the {audit.simulations} simulations of the audit"
        if audit
        else f"The {calibration.simulations} calibration simulations, each half judged by the other: "
        "this shows the spread that chance makes and is no evidence beyond the calibration"
    )
    return [picture(
        pictures.coverage(curves, report.coverage), "Coverage at every level.",
        f"{data}; dotted: the claimed level.",
    )]  # fmt: skip


def _figure_against_error(output: Output, groups: list[HeldOut]) -> Markup:
    seen = []
    for group in groups:
        entry = observed_coverage(group, output)
        seen.append(f"{group.purpose}: {entry.covered} of {entry.n} errors below their figure")
    caption = f"Error figure ({output.figure_kind}) against measured error; {'; '.join(seen)}."
    return picture(pictures.figure_against_error(output, groups), f"{output.name}.", caption)


def fields(report: Report) -> Markup:
    """Fields of the worst and the median held-out case."""
    how = (
        "The worst and the median of the held-out simulations, by relative error: what the simulation "
        "gave, what the surrogate answers, and the difference on its own scale of colours."
    )
    if not report.cases:
        nothing = missing("There are no held-out simulations yet.", f"locum run {report.path}")
        return section("fields", "Fields on the mesh", how, nothing)
    return section("fields", "Fields on the mesh", how, *(_case(report, case) for case in report.cases))


def _case(report: Report, case: Case) -> Markup:
    drawn = field_pictures.case_pictures(case)
    moment = f" Drawn {drawn.moment}." if drawn.moment else ""
    if drawn.pictures:
        across = "three" if len(drawn.pictures) > 2 else "two"
        shown = row_of([picture(svg, title, caption) for svg, title, caption in drawn.pictures], across)
    else:
        shown = missing(
            "A body in space cannot be drawn here, without Mesa or a graphics card: open the ensemble in "
            "ParaView."
        )
    return element(
        "div",
        element("h3", f"{case.field}, {case.label} {case.purpose} simulation"),
        paragraph(
            f"Error of the whole field {percentage(case.error)}, error figure {percentage(case.figure)}."
            f"{moment} "
            f"Sample {case.identity[:12]}: {parameter_values(report, case.parameters)}.", class_="how",
        ),
        shown,
        class_="case",
    )  # fmt: skip


def parameter_map(report: Report) -> Markup:
    """Where in the parameter space the error figure is large."""
    how = (
        "Largest error figure over its tolerance: above 1 an answer is over tolerance; look for where it "
        "grows, and whether samples lie there."
    )
    title = "Where the error figure is large"
    ratios = ratio_to_tolerance(report)
    if report.sweep is None or ratios is None:
        what = "No sweep of the error figure yet." if report.sweep is None else "No output has a tolerance."
        command = f"locum check {report.path}" if report.sweep is None else None
        return section("map", title, how, missing(what, command))
    usable = np.isfinite(ratios) & (ratios > 0)
    if not usable.any():
        what = "The sweep has no finite error figure: the indicator could not be calibrated."
        return section("map", title, how, missing(what, f"locum run {report.path}"))
    points, ratios = report.sweep.parameters[usable], ratios[usable]
    shares = influence(report.space.warp(points), ratios)
    order = np.argsort(-shares, kind="stable")
    parts: list[Content] = [paragraph(_sweep_sentence(report.sweep, usable.size, int(np.sum(~usable))))]
    if report.space.dimension > 1:
        first, second = int(order[0]), int(order[1])
        svg = sweep_pictures.parameter_map(report.space, (first, second), points, ratios, report.samples)
        caption = (
            f"Colour: 95 % quantile over all other parameters in each cell, from {count(len(points))} sweep "
            "points. Red squares: cells over tolerance. Open circles: samples that were simulated; "
            "crosses: samples that failed."
        )
        parts.append(row_of([picture(svg, "The two most influential parameters.", caption)], "one"))
    samples = None if report.samples is None else report.samples.parameters[~report.samples.failed]
    small = [
        picture(
            sweep_pictures.along_parameter(
                report.space.parameters[j], points[:, j], ratios, None if samples is None else samples[:, j]
            ),
            f"{report.space.names[j]}.",
            f"Alone it explains {percentage(float(shares[j]))} of the variation.",
        )
        for j in order
    ]  # fmt: skip
    reading = "Solid: 95 % quantile; dotted: median; dashed: largest; red: the tolerance; ticks: samples."
    return section("map", title, how, *parts, element("h3", "Along each parameter"),
                   paragraph(reading, class_="how"), row_of(small, "three"))  # fmt: skip


def _sweep_sentence(sweep: Sweep, points: int, unusable: int) -> str:
    sentence = f"{count(points)} points drawn from the parameter distribution"
    if sweep.in_domain is not None:
        outside = int(np.sum(~sweep.in_domain))
        share = percentage(outside / points)
        sentence += f", {count(outside)} of them ({share}) outside the domain of validity"
    return sentence + (f"; {count(unusable)} without a finite figure are not drawn." if unusable else ".")
