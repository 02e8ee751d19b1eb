"""Every command and every program in the README and the documentation runs, in the order it stands there.

Conventions, so that nothing has to be marked as untested:

- ```` ```sh ```` blocks run in bash, in a copy of the repository, on the Prefect server of all tests; what
  ``locum`` needs has been imported already. Lines that make the copy or the environment (``git clone``,
  ``cd locum``, ``apt``) are left out; of ``make`` lines the target must exist.
- A block whose first line is a comment with a file name (``# fin.py``, ``# fin.yaml``) is that file.
- Any other ```` ```python ```` block runs as a program.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "studies", "__pycache__", ".*_cache", ".hypothesis", "tests"
)
SET_UP = re.compile(r"(sudo )?(git clone|cd locum|apt)\b")
FILE_NAME = re.compile(r"# ([\w./-]+\.(py|ya?ml|csv|toml))\s*$")


class Block(NamedTuple):
    """One fenced block: where it starts, its language, its text."""

    line: int
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    """Fenced blocks of a Markdown document."""
    return [
        Block(document.count("\n", 0, match.start()) + 1, match["language"], match["text"])
        for match in re.finditer(r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$", document, re.M | re.S)
    ]


def make_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def commands(block: Block) -> str:
    """Lines of a shell block that can run here: set-up is left out, targets of ``make`` are looked up."""
    kept = []
    for line in block.text.splitlines():
        if line.startswith("make "):
            target = line.split()[1]
            assert target in make_targets(), f"line {block.line}: the Makefile has no target {target}"
        elif not SET_UP.match(line):
            kept.append(line)
    return "\n".join(kept)


def run(command: list[str], folder: Path, environment: dict[str, str], where: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{where}: {command[-1]}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_everything_a_document_tells_to_run_runs(
    document: Path, tmp_path: Path, programs: Path, prefect_server: str, request: pytest.FixtureRequest
) -> None:
    copy, text = tmp_path / "locum", document.read_text(encoding="utf-8")
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    (copy / ".venv").symlink_to(sys.prefix)
    if "locum run configs/fin.yaml" in text:  # goes on from where the same command has come
        shutil.copytree(request.getfixturevalue("fin_run")[0], copy, dirs_exist_ok=True)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "PREFECT_API_URL": prefect_server}
    for block in blocks(text):
        where = f"{document.name}:{block.line}"
        named = FILE_NAME.match(block.text.partition("\n")[0])
        if named:
            path = copy / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            run(["bash", "-euo", "pipefail", "-c", commands(block)], copy, environment, where)
        elif block.language == "python":
            run([sys.executable, "-c", block.text], copy, environment, where)


def test_the_program_that_documents_name_is_installed(tmp_path: Path) -> None:
    run([str(Path(sys.executable).with_name("locum")), "--version"], tmp_path, {}, "locum")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


def test_every_command_stands_in_a_block_that_is_run() -> None:
    """Commands in a block of another language (``bash``, ``console``) would be left out above."""
    untested = {"bash", "shell", "console", "zsh"}
    found = [
        f"{document.name}:{block.line}: write sh instead of {block.language}"
        for document in DOCUMENTS
        for block in blocks(document.read_text(encoding="utf-8"))
        if block.language in untested
    ]
    assert not found
