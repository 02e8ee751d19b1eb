"""Tables, arrays and the user's own reader: what they give, and how they refuse half of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from locum.exceptions import ModelError, SimulationError
from locum.highfidelity.command import Finished, Series
from locum.highfidelity.plain_snapshot import plain_snapshot
from locum.highfidelity.readers import reader_of


@pytest.fixture
def write(tmp_path: Path):
    """Write files into the folder of a run: ``write(name=text)``, a dot for each underscore."""

    def write(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return write


def refused(folder: Path, kind: str, **options) -> str:
    with pytest.raises(SimulationError) as error:
        reader_of(kind, options).read(folder)
    return f"{error.value.failure}: {error.value.reason}"


def test_a_table_gives_fields_with_components_times_and_cells(write) -> None:
    folder = write(
        a_csv="t, x, y, T, u, v\n0,0,0,1,2,3\n0,1,0,4,5,6\n0,0,1,7,8,9\n"
        "2,0,0,1,0,0\n2,1,0,2,0,0\n2,0,1,3,0,7\n",
        cells_csv="0,1,2\n",
    )
    options = {
        "path": "a.csv",
        "coordinates": ["x", "y"],
        "fields": {"temperature": "T", "velocity": ["u", "v"]},
        "time": "t",
        "cells": "cells.csv",
    }
    snapshot = plain_snapshot(reader_of("csv", options).read(folder))
    assert snapshot["temperature"].dims == ("time", "node")
    assert snapshot["temperature"].values.tolist() == [[1, 4, 7], [1, 2, 3]]
    assert snapshot["velocity"].values[1, 2].tolist() == [0, 7]
    assert snapshot["time"].values.tolist() == [0, 2]
    assert snapshot["mesh_face_nodes"].values.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x,T\n0,1\n1", "output malformed: file 'a.csv': row 3 has 1 columns, expected 2"),
        ("x,T\n0,1\n1,2e", "output malformed: file 'a.csv': could not convert string to float: '2e'"),
        ("x,T\n", "output malformed: file 'a.csv': no row after the column names"),
        ("y,T\n0,1\n", "output malformed: file 'a.csv': no column 'x'; there are y, T"),
        ("", "output missing: the program left the file 'a.csv' empty"),
    ],
)
def test_half_a_table_is_refused_with_file_and_row(write, text: str, sentence: str) -> None:
    assert refused(write(a_csv=text), "csv", path="a.csv") == sentence


def test_saved_times_with_other_rows_are_refused(write) -> None:
    folder = write(a_csv="t,x,T\n0,0,1\n0,1,1\n1,0,1\n")
    sentence = refused(folder, "csv", path="a.csv", time="t")
    assert sentence.startswith("output malformed: file 'a.csv': 1 rows at t = 1 and 2 at t") or (
        "rows at t = 1" in sentence
    )


def test_arrays_are_taken_by_name_and_half_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "out.npz"
    np.savez(file, nodes=np.linspace(0, 1, 50), T=np.arange(50.0))
    names = {"coordinates": "nodes", "temperature": "T"}
    snapshot = plain_snapshot(reader_of("numpy", {"path": "out.npz", "names": names}).read(tmp_path))
    assert snapshot["temperature"].values[-1] == 49
    assert "no array 'U'; there are nodes, T" in refused(
        tmp_path, "numpy", path="out.npz", names={"coordinates": "U"}
    )
    file.write_bytes(file.read_bytes()[:600])
    assert refused(tmp_path, "numpy", path="out.npz").startswith("output malformed: file 'out.npz'")
    np.savez(file, objects=np.array([{}], dtype=object))  # nothing that is read runs code
    assert refused(tmp_path, "numpy", path="out.npz").startswith("output malformed: file 'out.npz'")


def test_a_reader_of_ones_own_is_a_function_of_the_folder(program_study, tmp_path: Path) -> None:
    from locum.study import build_model, load_study

    (tmp_path / "reader.py").write_text(
        "import numpy as np\n"
        "def read(folder, scale):\n"
        "    x, height = np.loadtxt(folder / 'wave.csv', delimiter=',', skiprows=1).T\n"
        "    return {'coordinates': x, 'height': scale * height}\n"
        "def broken(folder):\n    return 1 / 0\n"
    )
    reader = {"kind": "python", "path": "reader.py:read", "options": {"scale": 2.0}}
    model = build_model(load_study(program_study(model={"reader": reader})))
    point = {"x": 0.25, "y": 0.5}
    assert np.isclose(model.simulate(point)["height"].max(), 2 / 2.5, rtol=0.05)
    study = program_study(model={"reader": {"kind": "python", "path": "reader.py:broken"}})
    with pytest.raises(SimulationError, match="the reader raised ZeroDivisionError") as error:
        build_model(load_study(study)).simulate(point)
    assert error.value.failure == "output malformed"
    other = build_model(load_study(program_study(model={"reader": reader})))
    assert other.version == model.version
    (tmp_path / "reader.py").write_text((tmp_path / "reader.py").read_text().replace("1 / 0", "2 / 0"))
    assert build_model(load_study(program_study(model={"reader": reader}))).version != model.version
    with pytest.raises(ModelError, match="name 'reed' is unknown; did you mean 'read'"):
        study = program_study(model={"reader": {"kind": "python", "path": "reader.py:reed"}})
        build_model(load_study(study))


def test_series_are_found_by_pattern_column_number_and_name(write) -> None:
    folder = write(
        log_txt="Time = 1\nres: 1.0D-3\nTime = 2\nres: 5e-4\n",
        c_dat="# Force coefficients\n# Time  Cd  Cl\n1 0.1 (0.5)\n2 0.2 (0.6)\n3 0.3 (0.",
    )
    finished = Finished(folder, 0, lambda path: None)
    assert Series("log.txt", r"res: (\S+)").values(finished).tolist() == [1e-3, 5e-4]
    assert Series("log.txt", r"none (\d)").values(finished).tolist() == []
    assert Series("c.dat", column="Cd").values(finished).tolist() == [0.1, 0.2, 0.3]
    assert Series("c.dat", column=3).values(finished)[:2].tolist() == [0.5, 0.6]
    for series, failure in (
        (Series("c.dat", column="Cm"), "output malformed"),
        (Series("log.txt", r"(res)"), "output malformed"),
        (Series("other.txt", column=1), "output missing"),
    ):
        with pytest.raises(SimulationError) as error:
            series.values(finished)
        assert error.value.failure == failure
