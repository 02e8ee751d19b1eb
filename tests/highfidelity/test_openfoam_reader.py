"""OpenFOAM cases: cell values on the dual mesh, from text, binary and gzipped files; damage is named."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import SimulationError
from locum.highfidelity.finite_elements import measures
from locum.highfidelity.plain_snapshot import plain_snapshot
from locum.highfidelity.readers.openfoam_files import FoamFile, foam_file
from locum.highfidelity.readers.openfoam_reader import OpenFoamReader

OUTPUTS = Path(__file__).parent / "outputs"
TEXT, BINARY = OUTPUTS / "cavity_text", OUTPUTS / "cavity_binary"
FIELDS = {"velocity": "U", "pressure": "p"}
HEADER = b"FoamFile { version 2.0; format ascii; class volScalarField; object p; }\n"
END = b"\nboundaryField {}\n"


@pytest.fixture
def case(tmp_path):
    """A copy of the recorded case, to be damaged."""
    shutil.copytree(TEXT, tmp_path / "case")
    return tmp_path / "case"


def test_cells_become_nodes_of_the_dual_mesh():
    """5 x 4 cells: the centres span 0.8 of the width, and the twelve inner points make two triangles each."""
    snapshot = plain_snapshot(OpenFoamReader(FIELDS).read(TEXT))
    assert snapshot.sizes["node"] == 20
    points = np.stack([snapshot["node_x"], snapshot["node_y"]], axis=1)
    cells = snapshot["mesh_face_nodes"].values
    assert len(cells) == 24
    assert measures(points, cells).sum() == pytest.approx(np.ptp(points, axis=0).prod())
    assert np.ptp(points[:, 0]) == pytest.approx(0.8)
    assert snapshot["velocity"].shape == (20, 2)


def test_the_lid_drives_the_flow():
    snapshot = plain_snapshot(OpenFoamReader(FIELDS).read(TEXT))
    height, along = snapshot["node_y"].values, snapshot["velocity"].values[:, 0]
    assert along[height == height.max()].min() > 0.2
    assert along[height == height.min()].max() < 0


def test_binary_and_gzipped_cases_say_the_same(case):
    reader = OpenFoamReader(FIELDS)
    text, binary = reader.read(TEXT), reader.read(BINARY)
    for path in [*case.rglob("polyMesh/*"), *case.rglob("[Up]")]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    zipped = reader.read(case)
    for name, values in text.items():
        assert np.allclose(values, binary[name], rtol=1e-6, atol=1e-9), name
        assert np.array_equal(values, zipped[name]), name


def test_all_written_times_are_saved_times():
    snapshot = plain_snapshot(OpenFoamReader(FIELDS, times="all").read(TEXT))
    assert snapshot["time"].values.tolist() == [20, 40]
    assert snapshot["velocity"].shape == (2, 20, 2)
    last = OpenFoamReader(FIELDS).read(TEXT)
    assert np.array_equal(snapshot["pressure"].values[1], last["pressure"])


def test_only_cells_within_are_kept():
    whole = OpenFoamReader(FIELDS).read(TEXT)
    kept = OpenFoamReader(FIELDS, within={"x": (0.25, 1.0)}).read(TEXT)
    assert len(kept["coordinates"]) == 16
    inside = whole["coordinates"][:, 0] > 0.25
    assert np.array_equal(kept["pressure"], whole["pressure"][inside])
    with pytest.raises(SimulationError, match="no cell lies within"):
        OpenFoamReader(FIELDS, within={"x": (2, 3)}).read(TEXT)
    with pytest.raises(SimulationError, match="the plane of the case has no axis 'z'"):
        OpenFoamReader(FIELDS, within={"z": (0, 1)}).read(TEXT)


def test_a_case_in_space_is_a_cloud_of_centres(case):
    """Without empty patches: the same centres, at half the thickness."""
    boundary = case / "constant" / "polyMesh" / "boundary"
    boundary.write_text(boundary.read_text().replace("type            empty", "type            wall"))
    result = OpenFoamReader(FIELDS).read(case)
    plane = OpenFoamReader(FIELDS).read(TEXT)["coordinates"]
    assert "cells" not in result
    assert np.allclose(result["coordinates"], np.column_stack([plane, np.full(20, 0.05)]))
    assert result["velocity"].shape == (20, 3)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"internalField uniform 2.5;", [2.5, 2.5]),
        (b"internalField   nonuniform List<scalar> 2(1 -2e-3);\nboundaryField\n(\n)\n", [1, -2e-3]),
        (b"internalField   nonuniform List<scalar> \n2\n(\n1\n2\n)\n;", [1, 2]),
        (b"internalField nonuniform List<scalar> 2{7};", [7, 7]),
        (b"internalField uniform (1 2 3);", [[1, 2, 3]] * 2),
        (b"internalField nonuniform List<vector> 2((1 2 3) (4 5 6));", [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_fields_are_read_however_they_are_written(text, values):
    assert FoamFile.parse("p", HEADER + text + END).field(2).tolist() == np.array(values).tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"nothing", "it has no internalField"),
        (b"internalField nonuniform List<scalar> 3(1 2 3);", "3 values in a mesh of 2 cells"),
        (b"internalField nonuniform List<scalar> 2(1 2 3);", "expected 2 numbers in a list, found 3"),
        (b"internalField nonuniform List<scalar> 2(1 x);", "could not convert"),
        (b"internalField nonuniform List<scalar> \n2\n(\n1\n2 }", "it is truncated: a list does not end"),
        (b"internalField nonuniform List<label> 2(1 2);", "a field of label; expected one of scalar"),
    ],
)
def test_a_damaged_field_is_refused_with_its_file(text, message):
    with pytest.raises(SimulationError, match=f"'20/p': {message}") as refused:
        FoamFile.parse("20/p", HEADER + text + END).field(2)
    assert refused.value.failure == "output malformed"


@given(st.integers(0, 4000), st.sampled_from([TEXT, BINARY]))
def test_a_field_truncated_within_its_values_is_never_read(end, recorded):
    data = (recorded / "40" / "U").read_bytes()
    with pytest.raises(SimulationError):
        FoamFile.parse("U", data[: min(end, data.index(b"boundaryField"))]).field(20)


def test_what_is_not_there_is_named(case):
    with pytest.raises(SimulationError, match="no file '40/T', gzipped or not") as missing:
        OpenFoamReader({"temperature": "T"}).read(case)
    assert missing.value.failure == "output missing"
    shutil.rmtree(case / "20")
    shutil.rmtree(case / "40")
    with pytest.raises(SimulationError, match="the program wrote no time after 0"):
        OpenFoamReader(FIELDS).read(case)


@pytest.fixture
def decomposed(case):
    """The recorded case as if two processors had written it, without the files of the whole."""
    cells = np.arange(20).reshape(4, 5)
    for part, mine in enumerate([cells[:, :2].ravel(), cells[:, 2:].ravel()]):
        mesh = case / f"processor{part}" / "constant" / "polyMesh"
        mesh.mkdir(parents=True)
        content = f"FoamFile {{ format ascii; }}\n{len(mine)}({' '.join(map(str, mine))})\n"
        (mesh / "cellProcAddressing").write_text(content)
        for time in ("20", "40"):
            (mesh.parents[1] / time).mkdir()
            for name in FIELDS.values():
                values = foam_file(case, f"{time}/{name}").field(20)[mine]
                rows = "\n".join(str(row.tolist()).strip("[]").replace(",", "") for row in values)
                kind = "scalar" if values.ndim == 1 else "vector"
                text = f"FoamFile {{ format ascii; }}\ninternalField nonuniform List<{kind}>\n{len(mine)}\n("
                (mesh.parents[1] / time / name).write_text(f"{text}\n{rows}\n)\n;\nboundaryField {{}}\n")
    shutil.rmtree(case / "20")
    shutil.rmtree(case / "40")
    return case


def test_a_decomposed_case_says_the_same(decomposed):
    reader = OpenFoamReader(FIELDS, times="all")
    whole, found = reader.read(TEXT), reader.read(decomposed)
    for name, values in whole.items():
        assert np.array_equal(values, found[name]), name


def test_a_decomposed_case_that_is_not_whole_is_refused(decomposed):
    shutil.rmtree(decomposed / "processor1" / "40")
    with pytest.raises(SimulationError, match="no file 'processor1/40/U'"):
        OpenFoamReader(FIELDS).read(decomposed)
    shutil.rmtree(decomposed / "processor1")
    with pytest.raises(SimulationError, match="20 cells are not those of the 1 processors together"):
        OpenFoamReader(FIELDS).read(decomposed)
    (decomposed / "processor0").rename(decomposed / "processors2")
    with pytest.raises(SimulationError, match="its files are collated: run reconstructPar"):
        OpenFoamReader(FIELDS).read(decomposed)


@pytest.mark.parametrize("part", ["points", "faces", "owner", "neighbour"])
@pytest.mark.parametrize("recorded", [TEXT, BINARY], ids=["text", "binary"])
def test_a_truncated_mesh_is_refused_by_name(tmp_path, recorded, part):
    shutil.copytree(recorded, tmp_path / "case")
    path = tmp_path / "case" / "constant" / "polyMesh" / part
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b")") - 9])
    with pytest.raises(SimulationError, match=f"constant/polyMesh/{part}"):
        OpenFoamReader(FIELDS).read(tmp_path / "case")


def test_labels_and_vectors_of_the_mesh():
    owners = foam_file(TEXT, "constant/polyMesh/owner").labels()
    begins, corners = foam_file(TEXT, "constant/polyMesh/faces").faces()
    assert (len(owners), owners.max()) == (89, 19)
    assert len(begins) == 90 and (np.diff(begins) == 4).all() and len(corners) == 4 * 89
    assert foam_file(TEXT, "constant/polyMesh/points").vectors().shape == (60, 3)
