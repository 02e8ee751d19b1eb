"""One self-contained HTML file that an engineer can put before a reviewer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from locum import __version__
from locum.exceptions import StorageError
from locum.reports import sections, way
from locum.reports.content import Report
from locum.reports.drawing import drawn
from locum.reports.html import Markup, element, page

_CONTENTS = (
    ("outputs", "Outputs"),
    ("way", "What was used"),
    ("history", "History"),
    ("fields", "Fields"),
    ("coverage", "Coverage"),
    ("parity", "Parity"),
    ("map", "Parameter map"),
    ("bases", "Reduced basis"),
    ("cost", "Cost"),
    ("parameters", "Parameters"),
    ("failures", "Failures"),
    ("versions", "Versions"),
    ("provenance", "Provenance"),
)


def render(report: Report) -> str:
    """The report as one HTML document: no scripts, nothing loaded from anywhere.

    Parameters
    ----------
    report
        What is known; what does not exist yet is said to be missing.
    """
    evidence = drawn(report)
    return page(
        f"{report.study}: {report.verdict.words}",
        sections.headline(report),
        _contents(),
        element(
            "main",
            sections.verdict(report),
            sections.outputs(report),
            way.used(report),
            evidence["history"],
            evidence["fields"],
            evidence["coverage"],
            evidence["parity"],
            evidence["parameter_map"],
            evidence["bases"],
            sections.cost(report),
            sections.parameter_space(report),
            sections.failures(report),
            sections.versions(report),
            sections.provenance(report),
        ),
        element("footer", f"Written by locum {__version__}."),
    )


def _contents() -> Markup:
    links = (element("li", element("a", title, href=f"#{identity}")) for identity, title in _CONTENTS)
    return element("nav", element("ul", *links), aria_label="Sections")


def write_report(report: Report, path: Path) -> None:
    """Render a report into a file; a reader sees the old file or the whole new one.

    Raises
    ------
    StorageError
        When the file cannot be written.
    """
    document = render(report)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise StorageError(
            f"report {path}: cannot be written ({error.strerror}); give another place with --output"
        ) from error
