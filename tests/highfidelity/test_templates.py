"""Templates take rows of tables that lie beside them, and nothing else."""

from pathlib import Path

import pytest

from locum.exceptions import SimulationError
from locum.highfidelity.command.templates import Templates


def test_templates_take_rows_of_tables_beside_them(tmp_path):
    case = tmp_path / "case"
    case.mkdir()
    (case / "nodes.csv").write_text("node, x, name\n1, 0.5, tip\n2, 1e-3, root\n")
    text = "{% for row in table('nodes.csv') %}{{ row.node }} {{ row.x * load }} {{ row.name }};{% endfor %}"
    (case / "in.txt.j2").write_text(text)
    (tmp_path / "run").mkdir()
    templates = Templates(case)
    assert templates.texts[Path("in.txt.j2")].undefined(["load"]) == []
    templates.render(tmp_path / "run", {"load": 2.0})
    assert (tmp_path / "run" / "in.txt").read_text() == "1 1.0 tip;2 0.002 root;"
    changed = templates.hash
    (case / "nodes.csv").write_text("node, x, name\n1, 0.7, tip\n")
    assert Templates(case).hash != changed


@pytest.mark.parametrize("name", ["other.csv", "../secret.csv", "/etc/passwd"])
def test_templates_take_no_other_files(tmp_path, name):
    case = tmp_path / "case"
    case.mkdir()
    (case / "in.txt.j2").write_text(f"\n{{{{ table('{name}') }}}}")
    with pytest.raises(
        SimulationError, match=r"in\.txt\.j2, line 2: ValueError: there is no table"
    ) as refused:
        Templates(case).render(tmp_path, {})
    assert refused.value.failure == "did not start"
