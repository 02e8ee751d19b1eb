"""Queries from the command line: answers for people and programs, and every mistake one sentence."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from locum.exceptions import ParameterError
from locum.execution.answers import answer_one

VERDICTS = ("within tolerance", "over tolerance")


def write_csv(path: Path, rows: np.ndarray, header: str = "x,y") -> None:
    np.savetxt(path, rows, delimiter=",", header=header, comments="", fmt="%.17g")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (["x=0.5"], ["'y'", "missing"]),
        (["x=0.5", "z=0.5"], ["'z'", "x, y"]),
        (["x=nan", "y=0.5"], ["'x'", "finite number", "nan"]),
        (["x=much", "y=0.5"], ["'x'", "number", "'much'"]),
        (["x=0.5", "x=0.6", "y=0.5"], ["'x'", "twice"]),
        (["x", "y=0.5"], ["NAME=VALUE"]),
        ([], ["NAME=VALUE", "--csv"]),
        (["x=0.5", "y=0.5", "--version", "9"], ["version 9", "does not exist"]),
        (["x=0.5", "y=0.5", "--output", "answer.csv"], ["answer.csv", ".zarr"]),
        (["--csv", "points.csv"], ["points.csv", "cannot be read"]),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(refused, finished_study, parameters, words) -> None:
    sentence = refused("query", finished_study, *parameters)
    assert all(word in sentence for word in words), sentence


def test_a_query_outside_the_ranges_is_answered_but_nothing_is_claimed(locum, finished_study) -> None:
    answer = locum("query", finished_study, "x=1.5", "y=0.5", "--json")
    document = json.loads(answer.stdout)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1 and "x = 1.5 m is above 1 m" in answer.stderr
    assert not document["in_domain"] and "outside" in document["verdict"]
    assert all(
        output["error_figure"] is None and output["coverage"] is None
        for output in document["outputs"].values()
    )


def test_an_answer_says_all_that_a_program_needs(locum, finished_study) -> None:
    answer = locum("query", finished_study, "x=0.4", "y=0.5", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    document = json.loads(answer.stdout)
    assert document["parameters"] == {"x": 0.4, "y": 0.5} and document["verdict"] in VERDICTS
    top, height = document["outputs"]["top"], document["outputs"]["height"]
    assert top["value"] == pytest.approx(np.sin(np.pi * 0.5 * 1.12) / 2.5, abs=top["error_figure"])
    assert (top["error_kind"], top["coverage"], top["tolerance"], top["verdict"]) == (
        "indicator",
        0.8,
        None,
        None,
    )
    assert height["value"] is None and height["error_figure"] > 0
    assert height["tolerance"] == 0.002 and height["verdict"] == document["verdict"]


def test_fields_of_an_answer_go_to_a_folder_that_xarray_reads(locum, finished_study, tmp_path: Path) -> None:
    import xarray as xr

    answer = locum("query", finished_study, "x=0.4", "y=0.5", "--output", tmp_path / "answer.zarr")
    assert (answer.returncode, answer.stderr) == (0, "")
    with xr.open_zarr(tmp_path / "answer.zarr", consolidated=False) as dataset:
        assert dataset["height"].shape[-1] == 21 and np.isfinite(dataset["height"]).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x,z\n0.5,0.5\n", ["column 'y' is missing", "'z'"]),
        (b"x,y\n0.5,0.5\n0.5,\n", ["line 3", "'y'", "finite number", "''"]),
        (b"x,y\n0.5,0.5\n\n0.5,inf\n", ["line 4", "'y'", "'inf'"]),
        (b"x,y\n0.5,half\n", ["line 2", "'y'", "'half'"]),
        (b"x,y\n", ["row", "none"]),
        (b"", ["'x' is missing"]),
        (b"x,y,x\n0.5,0.5,0.6\n", ["'x'", "twice"]),
        (b"x,y\n0,5,0,5\n", ["line 2", "2 columns, got 4", "decimal points"]),
        (b"x;y\n0.5;0.5\n", ["'x' is missing", "commas"]),
        (b"\xff\xfe\x00x", ["CSV"]),
        (b"x,y\n0.5,0.5\n0.5,\xff\n", ["CSV"]),
    ],
)
def test_a_file_of_queries_that_cannot_be_read_names_the_line(
    refused, finished_study, tmp_path: Path, content, words
) -> None:
    (tmp_path / "points.csv").write_bytes(content)
    (tmp_path / "answers.csv").write_text("kept")
    sentence = refused("query", finished_study, "--csv", "points.csv", "--output", "answers.csv")
    assert "points.csv" in sentence and all(word in sentence for word in words), sentence
    assert (tmp_path / "answers.csv").read_text() == "kept"
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("nowhere/answers.csv", ["cannot be written"]),
        ("answers.zarr", [".csv"]),
        ("points.csv", ["another name"]),
    ],
)
def test_answers_that_cannot_be_written_say_so(
    refused, finished_study, tmp_path: Path, output, words
) -> None:
    write_csv(tmp_path / "points.csv", np.full((3, 2), 0.5))
    before = (tmp_path / "points.csv").read_bytes()
    sentence = refused("query", finished_study, "--csv", "points.csv", "--output", output)
    assert output in sentence and all(word in sentence for word in words), sentence
    assert (tmp_path / "points.csv").read_bytes() == before


def test_answers_of_a_file_are_those_of_the_single_queries(locum, finished_study, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("note,y, x\nfirst,0.25,0.5\n\nsecond,0.75,1.5\n")
    answer = locum("query", finished_study, "--csv", "points.csv")
    rows = list(csv.DictReader(answer.stdout.splitlines()))
    inside, outside = json.loads(locum("query", finished_study, "--csv", "points.csv", "--json").stdout)
    assert inside["top"] == pytest.approx(float(rows[0]["top"])) and inside["verdict"] == rows[0]["verdict"]
    assert (outside["x"], outside["in_domain"], rows[1]["in_domain"]) == (1.5, False, "false")
    assert [row["in_domain"] for row in rows] == ["true", "false"]
    assert [(float(row["x"]), float(row["y"])) for row in rows] == [(0.5, 0.25), (1.5, 0.75)]
    for row in rows:
        one = locum("query", finished_study, f"x={row['x']}", f"y={row['y']}", "--json")
        document = json.loads(one.stdout)
        assert float(row["top"]) == pytest.approx(document["outputs"]["top"]["value"], rel=1e-9)
        assert row["verdict"] == document["verdict"]
        claimed = document["outputs"]["top"]["error_figure"]
        assert float(row["top_error_figure"]) == pytest.approx(np.inf if claimed is None else claimed)


def test_a_million_rows_take_no_more_memory_than_a_block(finished_study, tmp_path: Path) -> None:
    some = np.random.default_rng(0).random((20_000, 2)).round(4).tolist()
    text = "".join(f"{x},{y}\n" for x, y in some)

    def peak(times: int) -> int:
        (tmp_path / "points.csv").write_text("x,y\n" + times * text)
        answers = tmp_path / "answers.csv"
        command = [sys.executable, "-m", "locum.cli", "query", str(finished_study), "--csv"]
        with subprocess.Popen([*command, tmp_path / "points.csv", "--output", answers]) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        assert status == 0
        with answers.open() as lines:
            assert sum(1 for _ in lines) == times * len(some) + 1
        return usage.ru_maxrss

    assert peak(50) < 1.25 * peak(1)


@pytest.mark.filterwarnings("error")
def test_a_query_that_overflows_warns_of_nothing() -> None:
    def overflowing(parameters):
        raise ParameterError(f"{np.array([1e308]) / 0.4} was reached")

    with pytest.raises(ParameterError, match="was reached"):
        answer_one(SimpleNamespace(predict=overflowing), {}, None)
