"""The sections of a report about the study itself: verdict, outputs, parameters, cost, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping

from locum.highfidelity.attempts import Attempt
from locum.parameters import Parameter
from locum.reports.content import Cost, FailedSample, Output, Report
from locum.reports.html import Content, Markup, code, element, join, missing, paragraph, section, table
from locum.reports.summaries import expected_coverage, observed_coverage
from locum.reports.wording import (
    NO_BREAK,
    THIN_SPACE,
    as_stated,
    count,
    date,
    duration,
    error_size,
    percentage,
    stated_percentage,
    times_as_many,
    tolerance_size,
    with_unit,
)

_STATES = {"within tolerance": ("within", "✓"), "over tolerance": ("over", "!")}
_FAILURES_SHOWN = 20


def headline(report: Report) -> Markup:
    """Name, sentence, model, and when the report was made."""
    return element(
        "header",
        paragraph("Study report", class_="kicker"),
        element("h1", report.study),
        paragraph(report.description, class_="lead") if report.description else "",
        paragraph(
            "High-fidelity model ",
            code(report.model),
            " version ",
            code(report.model_version),
            f" · {date(report.created)} · study file ",
            code(report.path),
            class_="meta",
        ),
    )


def verdict(report: Report) -> Markup:
    """The verdict, its advice, and the numbers that it rests on."""
    state, sign = _STATES.get(report.verdict.words, ("open", "?"))
    words = report.verdict.words[:1].upper() + report.verdict.words[1:]
    return element(
        "section",
        paragraph("Verdict", class_="kicker"),
        element("h2", f"{sign} {words}", id="verdict-title"),
        paragraph(verdict_sentence(report)),
        paragraph(report.verdict.advice) if report.verdict.advice else "",
        element("dl", *_tiles(report), class_="tiles"),
        id="verdict",
        class_=f"verdict {state}",
        aria_labelledby="verdict-title",
    )


def verdict_sentence(report: Report) -> str:
    """What the verdict means, in numbers."""
    required = stated_percentage(report.verdict.share_required)
    if report.verdict.share_within is None:
        return (
            f"No sweep has been made yet. The study is within tolerance when at least {required} of the "
            f"parameter distribution has every error figure below its tolerance; "
            f"locum check {report.path} makes the sweep."
        )
    return (
        f"At {stated_percentage(report.verdict.confidence)} confidence, at least "
        f"{percentage(report.verdict.share_within)} of the parameter distribution has every "
        f"error figure below its tolerance; {required} is required."
    )


def tile(name: str, number: str, note: Content) -> Markup:
    """A number that is read at a glance."""
    return element(
        "div",
        element("dt", name),
        element("dd", number, class_="big"),
        element("dd", note, class_="note"),
        class_="tile",
    )


def _tiles(report: Report) -> list[Markup]:
    share = report.verdict.share_within
    tiles = [
        tile(
            "Share within tolerance",
            "unknown" if share is None else percentage(share),
            f"required: {stated_percentage(report.verdict.share_required)}, "
            f"at {stated_percentage(report.verdict.confidence)} confidence",
        ),
        *_figure_tile(report),
        *_coverage_tiles(report),
    ]
    if report.cost is not None:
        counted = [entry for entry in report.cost.simulations if entry.purpose != "audit"]
        done, failed = sum(entry.done for entry in counted), sum(entry.failed for entry in counted)
        audited = sum(entry.done for entry in report.cost.simulations) - done
        allowed = "no limit" if report.budget is None else f"budget {count(report.budget)}"
        besides = f"; besides, {count(audited)} of audits" if audited else ""
        note = f"{count(failed)} failed; {allowed}{besides}"
        tiles.append(tile("Simulations", count(done), note))
        if report.cost.speed_up is not None and report.cost.query_seconds is not None:
            query, simulation = duration(report.cost.query_seconds), duration(report.cost.simulation_seconds)
            tiles.append(
                tile(
                    "Speed-up of one query",
                    times_as_many(report.cost.speed_up),
                    f"{query} instead of {simulation}",
                )
            )
    return tiles


def _worst_output(report: Report) -> tuple[Output, float] | None:
    """The output with the largest error figure over its tolerance, and that figure's 95 % quantile."""
    last = report.standing.verdict.outputs if report.standing else {}
    known = [(output, last[output.name].figure.q95) for output in report.outputs if output.name in last]
    return max(known, key=lambda pair: pair[1] / (pair[0].tolerance or math.inf), default=None)


def _figure_tile(report: Report) -> list[Markup]:
    worst = _worst_output(report)
    if worst is None:
        return []
    output, q95 = worst
    note = f"{output.name} ({output.figure_kind})"
    if output.tolerance is not None:
        note += f"; tolerance {tolerance_size(output.tolerance, relative=output.relative, unit=output.unit)}"
    return [
        tile("Error figure, 95 % quantile", error_size(q95, relative=output.relative, unit=output.unit), note)
    ]


def _typical_figure(report: Report) -> str:
    """No speed-up without the error beside it."""
    worst = _worst_output(report)
    if worst is None:
        return ""
    size = error_size(worst[1], relative=worst[0].relative, unit=worst[0].unit)
    return f", at an error figure of {size} ({worst[0].name}, 95 % quantile)"


def _coverage_tiles(report: Report) -> list[Markup]:
    if not report.calibrated:
        return _evidence_tile(report)
    claimed = stated_percentage(report.coverage)
    if report.calibration is None:
        return [tile("Coverage claimed", "none yet", f"{claimed} is asked; there is no calibration yet")]
    n = report.calibration.simulations
    span = expected_coverage(report.coverage, n)
    if span is None:
        return [
            tile("Coverage claimed", "none", f"{n} calibration simulations are too few to claim {claimed}")
        ]
    note = f"{n} calibration simulations: truly {percentage(span[0])} to {percentage(span[1])}"
    tiles = [tile("Coverage claimed", claimed, note)]
    if report.audit is None:
        return [*tiles, tile("Coverage observed", "unknown", "no audit yet")]
    observed = [observed_coverage(report.audit, o) for o in report.outputs if o.name in report.audit.outputs]
    worst = min(observed, key=lambda entry: entry.share)
    note = f"lowest of all outputs ({worst.output}), in an audit of {worst.n} simulations"
    return [*tiles, tile("Coverage observed", percentage(worst.share), note)]


def _evidence_tile(report: Report) -> list[Markup]:
    """How many independent simulations were within the figures that the equations gave."""
    if report.calibration is None:
        return []
    seen = [observed_coverage(report.calibration, output) for output in report.outputs]
    worst = min(seen, key=lambda entry: entry.share)
    kind = report.outputs[0].figure_kind
    note = f"independent simulations had an error below the {kind}, which rests on the equations alone"
    return [tile("Seen to hold", f"{worst.covered} of {worst.n}", note)]


def outputs(report: Report) -> Markup:
    """Every output with its tolerance and its error figure."""
    last = report.standing.verdict.outputs if report.standing else {}
    rows: list[list[Content]] = []
    for output in report.outputs:
        found = last.get(output.name)
        sizes = (
            ["–"] * 3
            if found is None
            else [
                error_size(value, relative=output.relative, unit=output.unit)
                for value in (found.figure.q50, found.figure.q95, found.figure.max)
            ]
        )
        tolerance = (
            "none"
            if output.tolerance is None
            else tolerance_size(output.tolerance, relative=output.relative, unit=output.unit)
        )
        figure = ", of the ".join(filter(None, (output.figure_kind, output.indicator)))
        rows.append([output.name, output.kind, output.norm, figure, tolerance, *sizes])
    return section(
        "outputs", "What the surrogate answers, and how well",
        "Each row is one answer: the three last columns tell how large its error figure is over the "
        "parameter distribution, to be compared with its tolerance.",
        table(
            ["output", "kind", "error measured in", "kind of figure", "tolerance", "median",
             "95 % quantile", "largest"],
            rows, numbers=(4, 5, 6, 7),
            caption="Error figures of the champion's sweep." if last else "No sweep yet: no figure is known.",
        ),
    )  # fmt: skip


def parameter_space(report: Report) -> Markup:
    """The parameter space as a table."""
    return section(
        "parameters", "Parameter space",
        "Every statement of this report holds for queries drawn from these distributions inside these "
        "ranges, and for no others.",
        table(
            ["parameter", "meaning", "from", "to", "unit", "scale", "distribution"],
            [[p.name, p.description, as_stated(p.lower), as_stated(p.upper),
              p.unit.replace(" ", THIN_SPACE) or "–", p.scale,
              _distribution(p)] for p in report.space.parameters],
            numbers=(2, 3), caption=f"{report.space.dimension} parameters.",
        ),
    )  # fmt: skip


def _distribution(parameter: Parameter) -> str:
    values = parameter.density.to_dict()
    if values["kind"] != "normal":
        return str(values["kind"])
    mean, deviation = (with_unit(values[key], parameter.unit) for key in ("mean", "standard_deviation"))
    return f"normal, mean {mean}, standard deviation {deviation}, cut off"


def cost(report: Report) -> Markup:
    """Where the time went, and when the study has paid."""
    how = "What was spent before the first answer, and what an answer costs since; core time adds up cores."
    if report.cost is None:
        return section(
            "cost", "Cost", how, missing("Nothing has been simulated yet.", f"locum run {report.path}")
        )
    spent = report.cost
    rows: list[list[Content]] = [
        [
            f"simulations: {entry.purpose}",
            count(entry.done),
            count(entry.failed),
            duration(entry.core_seconds),
        ]
        for entry in spent.simulations
    ]
    rows += [["training, all rounds", "", "", duration(spent.training_seconds)],
             ["sweeps, all rounds", "", "", duration(spent.sweep_seconds)]]  # fmt: skip
    done, failed = sum(e.done for e in spent.simulations), sum(e.failed for e in spent.simulations)
    total = ["total", count(done), count(failed), duration(spent.study_seconds)]
    elapsed = (
        f"; elapsed time over all its runs: {duration(spent.wall_seconds)}" if spent.wall_seconds else ""
    )
    return section(
        "cost", "Cost", how,
        table(["spent on", "done", "failed", "core time"], rows, numbers=(1, 2, 3), footer=total,
              caption=f"Cost of the study{elapsed}."),
        _answer_cost(report, spent),
    )  # fmt: skip


def _answer_cost(report: Report, spent: Cost) -> Markup:
    if spent.query_seconds is None or spent.speed_up is None:
        return missing("The time of a query has not been measured.", f"locum report {report.path}")
    rows: list[list[Content]] = [
        ["one simulation (median)", duration(spent.simulation_seconds), ""],
        ["one query with its error figures", duration(spent.query_seconds), times_as_many(spent.speed_up)],
    ]
    if spent.query_rows and spent.query_rows_seconds:
        each = spent.query_rows_seconds / spent.query_rows
        rows.append(
            [
                f"each of {count(spent.query_rows)} queries in one call",
                duration(each),
                times_as_many(spent.simulation_seconds / each),
            ]
        )
    paid = spent.paid_after
    sentence = (
        "A query takes no less time than a simulation: the study cannot pay for itself."
        if paid is None
        else f"The study has paid after {count(paid)} queries: its whole cost, "
        f"{duration(spent.study_seconds)}, "
        f"divided by what each query saves, {duration(spent.simulation_seconds - spent.query_seconds)}."
    )
    return join([
        table(["answer by", "time", "speed-up, end to end"], rows, numbers=(1, 2),
              caption=f"What an answer costs, measured{_typical_figure(report)}."),
        paragraph(element("strong", sentence)),
    ])  # fmt: skip


def failures(report: Report) -> Markup:
    """Failed samples with their reasons."""
    how = "A simulation that failed is recorded with its reason and is not part of any surrogate."
    if report.retried:
        how += f" {count(report.retried)} took more than one attempt, with other settings."
    if not report.failures:
        return section("failures", "Failed samples", how, paragraph("No simulation failed."))
    shown = report.failures[:_FAILURES_SHOWN]
    caption = f"{count(len(report.failures))} failed"
    if len(shown) < len(report.failures):
        caption += f", the first {len(shown)} shown; locum status {report.path} --json lists all"
    return section(
        "failures", "Failed samples", how,
        table(["sample", "purpose", "failure", "reason", "parameters"],
              [[code(f.identity[:12]), f.purpose, f.failure, _tried(f),
                parameter_values(report, f.parameters)] for f in shown], caption=caption + "."),
    )  # fmt: skip


def _tried(failed: FailedSample) -> Markup:
    """Why it failed; of a program what was tried, with the last lines of the log, to be unfolded."""
    said = [
        element(
            "details",
            element("summary", f"attempt {number}{_settings(attempt)}: {attempt.failure}, "
                               f"{duration(attempt.seconds)}"),
            paragraph(f"{attempt.reason}. {f'Its logs are in {attempt.folder}.' if attempt.folder else ''}"),
            element("pre", attempt.log),
        )
        for number, attempt in enumerate(failed.attempts, 1)
    ]  # fmt: skip
    return join([failed.reason, *said])


def _settings(attempt: Attempt) -> str:
    given = ", ".join(f"{name} = {value:g}" for name, value in attempt.settings.items())
    return f" with {given}" if given else ""


def parameter_values(report: Report, values: Mapping[str, float]) -> str:
    """Parameters with their units in one line."""
    units = {p.name: p.unit for p in report.space.parameters}
    return ", ".join(f"{name} = {with_unit(value, units.get(name, ''), 4)}" for name, value in values.items())


def versions(report: Report) -> Markup:
    """Registered surrogates; the champion is marked."""
    how = "Each trained surrogate is kept unchanged under its number; the champion is the one that answers."
    if not report.versions:
        nothing = missing("No surrogate has been trained yet.", f"locum run {report.path}")
        return section("versions", "Versions", how, nothing)
    rows: list[list[Content]] = [
        [str(v.number), element("span", v.alias, class_="badge") if v.alias else "",
         date(v.created).replace(" ", NO_BREAK), count(v.training_simulations),
         count(v.calibration_simulations), v.gate or "–"]
        for v in report.versions
    ]  # fmt: skip
    return section(
        "versions", "Versions", how,
        table(["version", "serves as", "made", "trained on", "calibrated on", "gate"], rows, numbers=(3, 4),
              caption="Numbers of simulations that each version was trained and calibrated on."),
    )  # fmt: skip


def provenance(report: Report) -> Markup:
    """Hashes, libraries, seed, and the command that makes all this again."""
    made = report.provenance
    return section(
        "provenance", "Provenance",
        "What to compare, and what to type, to make the same numbers again.",
        element("pre", code(made.command)),
        table(["what", "SHA-256 or version"], [[name, code(value)] for name, value in made.hashes.items()],
              caption=f"Identity of everything that entered; seed {made.seed}."),
        table(["library", "version"], [[name, value] for name, value in made.libraries.items()],
              caption=f"Environment{': ' + made.machine if made.machine else ''}."),
    )  # fmt: skip
