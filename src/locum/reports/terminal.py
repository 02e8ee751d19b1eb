"""Tables for the terminal, from the documents that ``--json`` prints.

Each ``print_...`` takes one document. On a terminal it is coloured; elsewhere it is plain aligned lines
without control characters, so that it can be read in a log and compared in a test.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from locum.reports.wording import (
    THIN_SPACE,
    claim_kept,
    count,
    data_size,
    date,
    duration,
    error_size,
    percentage,
    stated_percentage,
    tolerance_size,
    with_unit,
)

Document = Mapping[str, Any]

_COLOURS = {"within tolerance": "green", "over tolerance": "red", "outside the domain of validity": "yellow"}
_WIDE = 10_000  # a line that is not on a terminal is never broken


def show(renderable: RenderableType, file: TextIO | None = None) -> None:
    """Print to ``file``, standard output by default: colours on a terminal only."""
    file = file or sys.stdout
    console = Console(file=file, highlight=False)
    if console.is_terminal:
        console.print(renderable)
        return
    plain = Console(file=file, highlight=False, width=_WIDE, no_color=True, force_terminal=False)
    with plain.capture() as capture:
        plain.print(renderable)
    for line in capture.get().splitlines():
        print(line.replace(THIN_SPACE, " ").rstrip(), file=file)


def print_status(document: Document, file: TextIO | None = None) -> None:
    """Where a study stands."""
    show(status_table(document), file)


def print_check(document: Document, file: TextIO | None = None) -> None:
    """The verdict of a sweep, in the same words as the status."""
    show(status_table(document), file)


def print_summary(document: Document, file: TextIO | None = None) -> None:
    """How a run ended: what was done, where the study stands, and where the report is."""
    simulated = document["simulated"]
    done = f"{count(simulated['done'])} simulations run now, {count(simulated['failed'])} failed"
    if not simulated["done"] + simulated["failed"]:
        done = "no simulation was needed: everything had been simulated before"
    parts: list[RenderableType] = [Text(f"{document['decision']}: {document['advice']}"), Text(done), Text()]
    parts.append(status_table(document["status"]))
    if document.get("report"):
        parts.append(_facts([("report", str(document["report"]))]))
    show(Group(*parts), file)


def print_report(document: Document, file: TextIO | None = None) -> None:
    """Where the report was written."""
    show(Text(f"report: {document['report']}"), file)


def print_audit(document: Document, file: TextIO | None = None) -> None:
    """Claimed against observed coverage, output by output, and silent misses."""
    confidence = stated_percentage(document["confidence"])
    rows = []
    for name, output in document["outputs"].items():
        observed = output["observed"]
        low, high = observed["interval"]
        kept = claim_kept(observed["share"], output["claim_refuted"], output["expected"])
        colour = {"yes": "green", "no": "red"}.get(kept.partition(":")[0], "yellow")
        rows.append([
            name, stated_percentage(output["claimed"]), f"{observed['count']} of {observed['n']}",
            _share(observed["share"]), f"{percentage(low)} to {percentage(high)}", Text(kept, colour),
        ])  # fmt: skip
    expected = next(iter(document["outputs"].values()))["expected"]
    headers = ["output", "claimed", "covered", "observed", f"{confidence} interval", "claim kept"]
    within, missed = document["within"], document["silent_misses"]
    low, high = missed["interval"]
    facts = [
        ("audited", f"version {document['version']} with {count(document['simulations'])} fresh simulations"),
        ("failed", count(document["failed"])),
        *([("a claim that is right", _expected(expected, confidence))] if expected else []),
        ("marked within tolerance", f"{within['count']} of {within['n']} answers"),
        ("silent misses", f"{missed['count']} of those ({percentage(low)} to {percentage(high)})"),
    ]
    show(Group(_table(headers, rows, numbers=(1, 2, 3)), Text(), _facts(facts)), file)


def _expected(span: list[float], confidence: str) -> str:
    """What an audit observes of a right claim that rests on finitely many calibration simulations."""
    return f"is observed between {percentage(span[0])} and {percentage(span[1])} in {confidence} of audits"


def print_simulation(document: Document, file: TextIO | None = None) -> None:
    """What became of one real simulation."""
    when = "now" if document["simulated"] else "before; it was not run again"
    facts: list[tuple[str, RenderableType]] = [("outcome", f"{document['outcome']}, simulated {when}")]
    if document["reason"]:
        facts.append(("why", document["reason"]))
    facts += [(name, with_unit(value, "", 6)) for name, value in document["quantities"].items()]
    show(_facts(facts), file)


def print_answer(document: Document, file: TextIO | None = None) -> None:
    """One answer: values with their error figures, and the verdict."""
    rows = []
    for name, output in document["outputs"].items():
        relative, unit = output["norm"].startswith("relative"), output["unit"] or ""
        value = "a field" if output["value"] is None else with_unit(output["value"], unit, 6)
        figure, tolerance = output["error_figure"], output.get("tolerance")
        covers = "" if output.get("coverage") is None else f", covers {stated_percentage(output['coverage'])}"
        rows.append([
            name, value,
            _figure(figure, relative, unit),
            f"{output['error_kind']}{covers}",
            "–" if tolerance is None else tolerance_size(tolerance, relative=relative, unit=unit),
            _verdict(output["verdict"]) if output.get("verdict") else "–",
        ])  # fmt: skip
    headers = ["output", "value", "error figure", "kind", "tolerance", "verdict"]
    facts: list[tuple[str, RenderableType]] = [("verdict", _verdict(document["verdict"]))]
    if document.get("reason"):
        facts.append(("why", document["reason"]))
    facts.append(("answered by", f"version {document['version']} of {document['study']}"))
    show(Group(_table(headers, rows, numbers=(1, 2, 4)), Text(), _facts(facts)), file)


def print_file_answers(document: Document, file: TextIO | None = None) -> None:
    """How many rows were answered, by verdict, and where the answers are."""
    facts: list[tuple[str, RenderableType]] = [("rows answered", count(document["rows"]))]
    facts += [(verdict, count(number)) for verdict, number in document["verdicts"].items()]
    show(_facts([*facts, ("answers", str(document["output"]))]), file)


def print_versions(document: Document, file: TextIO | None = None) -> None:
    """The registered surrogates; the champion is marked."""
    if not document["versions"]:
        show(Text("no surrogate has been trained yet"), file)
        return
    rows = [
        [
            str(version["number"]), Text(version.get("alias") or "", "green"), date(version["created"]),
            count(version.get("training")), count(version.get("calibration")), version.get("gate") or "–",
        ]
        for version in document["versions"]
    ]  # fmt: skip
    headers = ["version", "serves as", "made", "trained on", "calibrated on", "gate"]
    show(_table(headers, rows, numbers=(0, 3, 4)), file)


def print_doctor(document: Document, file: TextIO | None = None) -> None:
    """What was found of a study before it spends anything, and every problem in a sentence."""
    facts: list[tuple[str, RenderableType]] = [("study", document["name"])]
    if document["model"]:
        facts.append(("model", f"{document['model']['name']}, version {document['model']['version']}"))
    if document["program"]:
        found = document["program"]["found"]
        facts += [("program", path or f"{name} is not found") for name, path in found.items()]
        facts.append(("its version", document["program"]["version"] or "not asked; see version_command"))
    facts += _one_simulation(document)
    for problem in document["problems"]:
        facts.append(("problem", Text(problem, "red")))
    if (document["simulation"] or {}).get("outcome") == "failed" and document["simulation"]["attempts"]:
        facts.append(("it said", document["simulation"]["attempts"][-1]["log"]))
    facts.append(("verdict", Text("sound", "bold green") if not document["problems"] else "not sound"))
    show(_facts(facts), file)


def _one_simulation(document: Document) -> list[tuple[str, RenderableType]]:
    simulation, snapshot, forecast = (document[key] for key in ("simulation", "snapshot", "forecast"))
    if not (simulation and snapshot and forecast):
        return []
    fields = ", ".join(f"{name} {tuple(each['shape'])}" for name, each in snapshot["fields"].items())
    which = "the whole budget" if forecast["whole_budget"] else "design and calibration; there is no budget"
    memory = f", {data_size(simulation['memory'])} of memory" if simulation["memory"] else ""
    return [
        ("one simulation", f"{duration(simulation['seconds'])}{memory}; kept"),
        ("its snapshot", f"{count(snapshot['nodes'])} nodes; {fields}"),
        ("quantities", ", ".join(snapshot["quantities"]) or "none"),
        ("on disk", f"{data_size(snapshot['bytes_on_disk'])} a sample"),
        (
            "still to run",
            f"{count(forecast['simulations'])} simulations ({which}), {count(forecast['workers'])} at a time"
            + ("" if forecast["cores_a_run"] == 1 else f" with {count(forecast['cores_a_run'])} cores each"),
        ),
        ("that takes", f"about {duration(forecast['seconds'])} and {data_size(forecast['bytes'])}"),
    ]


def print_problems(document: Document, file: TextIO | None = None) -> None:
    """What is damaged, one sentence each, or that nothing is."""
    problems: Sequence[str] = document["problems"]
    if not problems:
        checked = document.get("checked")
        what = "everything stored" if checked is None else f"{count(checked)} samples"
        show(Text(f"{what}: read again, every hash is as it was committed", "green"), file)
        return
    lines: list[RenderableType] = [Text(problem, "red") for problem in problems]
    noun = "problem" if len(problems) == 1 else "problems"
    show(Group(*lines, Text(f"{count(len(problems))} {noun}")), file)


def status_table(document: Document) -> RenderableType:
    """Where a study stands, as a rich renderable."""
    simulations, coverage = document["simulations"], document.get("coverage") or {}
    surrogate = document.get("surrogate")
    facts: list[tuple[str, RenderableType]] = [
        ("study", document["name"]),
        *([("surrogate", f"{surrogate['kind']}, {surrogate['reason']}")] if surrogate else []),
        ("verdict", _verdict(document["verdict"])),
        ("within tolerance", _within(document)),
        (
            "simulations",
            f"{count(simulations['done'])} done, {count(simulations['failed'])} failed, "
            + ("no limit" if simulations["budget"] is None else f"budget {count(simulations['budget'])}"),
        ),
        *_failures(document.get("failures") or [], document.get("retried", 0)),
        ("coverage", _coverage(coverage, (document.get("error_figure") or {}).get("kind"))),
        ("champion", "none yet" if document.get("champion") is None else f"version {document['champion']}"),
    ]
    if document.get("advice"):
        facts.append(("advice", document["advice"]))
    if document.get("note"):
        facts.append(("note", document["note"]))
    outputs = document.get("outputs")
    return Group(_facts(facts), Text(), _outputs(outputs)) if outputs else _facts(facts)


def _failures(failures: Sequence[Document], retried: int) -> list[tuple[str, RenderableType]]:
    """How many failed of each class, one of them with its reason, and where its logs are."""
    facts: list[tuple[str, RenderableType]] = []
    if failures:
        classes = Counter(failed["failure"] for failed in failures).most_common()
        last = failures[-1]
        folder = last["attempts"][-1]["folder"] if last["attempts"] else ""
        example = f"{last['sample']}: {last['reason']}" + (f" (logs in {folder})" if folder else "")
        facts.append(("failures", ", ".join(f"{count(n)} {name}" for name, n in classes) + f"; {example}"))
    if retried:
        facts.append(("retried", f"{count(retried)} samples took more than one attempt"))
    return facts


def _outputs(outputs: Mapping[str, Document]) -> Table:
    rows = []
    for name, output in outputs.items():
        relative, unit = output.get("measure", "relative") == "relative", output.get("unit") or ""
        figure, tolerance = output.get("error_figure") or {}, output.get("tolerance")
        rows.append([
            name,
            "–" if tolerance is None else tolerance_size(tolerance, relative=relative, unit=unit),
            *("–" if figure.get(key) is None else error_size(figure[key], relative=relative, unit=unit)
              for key in ("q50", "q95", "max")),
            figure.get("kind", "–"),
        ])  # fmt: skip
    headers = ["error figure of", "tolerance", "median", "95 % quantile", "largest", "kind"]
    return _table(headers, rows, numbers=(1, 2, 3, 4))


def _within(document: Document) -> str:
    """Share within tolerance: as swept, and what that proves of the distribution."""
    required = f"{stated_percentage(document['share_required'])} required"
    confidence = f"{stated_percentage(document['confidence'])} confidence"
    if document.get("share_within") is None:
        return f"unknown ({required}, at {confidence})"
    swept, proved = f"{percentage(document['share_within'])} of the sweep", document.get("share_within_lower")
    if proved is None:
        return f"{swept} ({required}, at {confidence})"
    return f"{swept}, at least {percentage(proved)} of the distribution at {confidence} ({required})"


def _coverage(coverage: Document, kind: str | None = None) -> str:
    if kind in ("bound", "estimate"):
        return f"{kind} from the model's equations, not calibrated"
    claimed = coverage.get("claimed")
    if claimed is None:
        return "none claimed yet"
    if coverage.get("observed") is None:
        return f"{stated_percentage(claimed)} claimed, no audit yet"
    observed = f"{percentage(coverage['observed'])} observed in {count(coverage['n'])} simulations"
    return f"{stated_percentage(claimed)} claimed, {observed}"


def _figure(figure: float | None, relative: bool, unit: str) -> str:
    return (
        "none can be claimed" if figure is None else f"± {error_size(figure, relative=relative, unit=unit)}"
    )


def _share(share: float | None) -> str:
    return "unknown" if share is None else percentage(share)


def _verdict(words: str) -> Text:
    return Text(words, f"bold {_COLOURS.get(words, 'yellow')}")


def _facts(facts: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names and what is known of them, in two columns."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in facts:
        grid.add_row(name, Text(value) if isinstance(value, str) else value)
    return grid


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[RenderableType]], numbers: Sequence[int] = ()
) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column, header in enumerate(headers):
        table.add_column(header, justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table
