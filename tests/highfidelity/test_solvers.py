"""CalculiX and OpenFOAM themselves, on cases of seconds: what readers and shipped studies build on."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from locum.exceptions import SimulationError
from locum.highfidelity.readers.frd import read_frd
from locum.highfidelity.readers.openfoam_reader import OpenFoamReader
from locum.study import build_model, load_study

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = Path(__file__).parent / "outputs"
calculix = pytest.mark.skipif(not shutil.which("ccx"), reason="CalculiX (ccx) is not installed")
openfoam = pytest.mark.skipif(not shutil.which("simpleFoam"), reason="OpenFOAM (simpleFoam) is not installed")

BAR = """\
*NODE, NSET=NALL
{%- for node in table("nodes.csv") %}
{{ node.node }}, {{ node.x * length }}, {{ node.y }}, {{ node.z }}
{%- endfor %}
*ELEMENT, TYPE=C3D8, ELSET=EALL
1, 1, 2, 3, 4, 5, 6, 7, 8
*MATERIAL, NAME=ALLOY
*{{ keyword }}
200000., 0.
*CREEP, LAW=NORTON
1.e-12, 3., 0.
*SOLID SECTION, ELSET=EALL, MATERIAL=ALLOY
*BOUNDARY
1, 1, 3
4, 1
4, 3
5, 1, 2
8, 1
*STEP
*STATIC
*CLOAD
2, 1, {{ stress / 4 }}
3, 1, {{ stress / 4 }}
6, 1, {{ stress / 4 }}
7, 1, {{ stress / 4 }}
*NODE FILE, FREQUENCY=1000
U
*EL FILE, FREQUENCY=1000
S, PEEQ
*END STEP
*STEP, INC=100
*VISCO, CETOL=1.e-3
10., {{ hold }}
*END STEP
"""
CORNERS = "node,x,y,z\n1,0,0,0\n2,1,0,0\n3,1,1,0\n4,0,1,0\n5,0,0,1\n6,1,0,1\n7,1,1,1\n8,0,1,1\n"


def study(folder: Path, changes: dict[str, object]) -> Path:
    """The shipped study of CalculiX with the templates of a bar that creeps in tension."""
    (folder / "case").mkdir()
    (folder / "case" / "blade.inp.j2").write_text(BAR)
    (folder / "case" / "nodes.csv").write_text(CORNERS)
    content = yaml.safe_load((ROOT / "configs" / "calculix_blade.yaml").read_text())
    model = content["model"]
    model |= {"templates": "case", "settings": {"hold": 100, **changes}}
    model["reader"]["fields"] = {"creep_strain": "PE", "displacement": "DISP"}
    model["success"][-1] |= {"at_least": 2}
    del model["quantities"], model["retries"]
    content |= {
        "parameters": {"stress": {"range": [50, 150]}, "length": {"range": [1, 10]}},
        "accuracy": {"tolerance": 0.1},
        "storage": {"folder": "study"},
    }
    text = yaml.safe_dump(content)
    (folder / "bar.yaml").write_text(text)
    return folder / "bar.yaml"


@pytest.fixture
def bar(tmp_path):
    def made(keyword: str = "ELASTIC", hold: int = 100):
        path = study(tmp_path, {"hold": hold})
        template = tmp_path / "case" / "blade.inp.j2"
        template.write_text(BAR.replace("{{ keyword }}", keyword))
        return build_model(load_study(path))

    return made


@calculix
def test_a_bar_creeps_by_nortons_law(bar):
    """Stress 100 MPa: elastic strain 5e-4, creep strain 1e-12 x 100^3 x 100 h = 1e-4."""
    snapshot = bar().simulate({"stress": 100.0, "length": 4.0})
    assert snapshot["creep_strain"].values == pytest.approx(1e-4, rel=1e-3)
    assert snapshot["displacement"].values[:, 0].max() == pytest.approx(4 * 6e-4, rel=1e-3)
    assert float(snapshot["node_x"].max()) == 4


@calculix
@pytest.mark.parametrize(
    ("keyword", "failure"),
    [("ELASTC", "error"), ("STEP", "error")],
    ids=["a misspelt keyword", "a keyword out of place"],
)
def test_a_deck_with_a_mistake_is_a_failure(bar, keyword, failure):
    with pytest.raises(SimulationError) as failed:
        bar(keyword).simulate({"stress": 100.0, "length": 4.0})
    assert failed.value.failure == failure


@calculix
def test_the_recorded_output_is_what_calculix_writes(tmp_path):
    shutil.copy(OUTPUTS / "elements.inp", tmp_path)
    subprocess.run(["ccx", "-i", "elements"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    fresh, recorded = read_frd(tmp_path / "elements.frd"), read_frd(OUTPUTS / "elements.frd")
    assert np.array_equal(fresh.cells, recorded.cells)
    for found, wanted in zip(fresh.blocks, recorded.blocks, strict=True):
        assert (found.name, found.frame, found.components) == (wanted.name, wanted.frame, wanted.components)
        if found.name != "ERROR":
            scale = np.abs(wanted.values).max()
            assert np.allclose(found.values, wanted.values, atol=1e-4 * scale), found.name


@openfoam
def test_the_recorded_case_is_what_openfoam_writes(tmp_path, monkeypatch):
    shutil.copytree(OUTPUTS / "cavity", tmp_path / "cavity")
    monkeypatch.setenv("WM_PROJECT_DIR", "/usr/share/openfoam")
    for program in ("blockMesh", "simpleFoam"):
        subprocess.run(program, cwd=tmp_path / "cavity", check=True, capture_output=True, timeout=60)
    reader = OpenFoamReader({"velocity": "U", "pressure": "p"}, times="all")
    fresh, recorded = reader.read(tmp_path / "cavity"), reader.read(OUTPUTS / "cavity_text")
    for name, values in recorded.items():
        assert np.allclose(fresh[name], values, rtol=1e-6, atol=1e-9), name


@openfoam
@pytest.mark.skipif(not shutil.which("mpirun"), reason="mpirun is not installed")
def test_two_processors_say_what_one_says(tmp_path, monkeypatch):
    """The decomposed case is read as it is, without reconstructPar."""
    case = tmp_path / "cavity"
    shutil.copytree(OUTPUTS / "cavity", case)
    header = "FoamFile { version 2.0; format ascii; class dictionary; object decomposeParDict; }\n"
    halves = "numberOfSubdomains 2; method simple; simpleCoeffs { n (2 1 1); delta 0.001; }\n"
    (case / "system" / "decomposeParDict").write_text(header + halves)
    monkeypatch.setenv("WM_PROJECT_DIR", "/usr/share/openfoam")
    parallel = "mpirun --allow-run-as-root --oversubscribe -n 2 simpleFoam -parallel"
    for command in ("blockMesh", "decomposePar", parallel):
        subprocess.run(command.split(), cwd=case, check=True, capture_output=True, timeout=120)
    reader = OpenFoamReader({"velocity": "U", "pressure": "p"}, times="all")
    fresh, recorded = reader.read(case), reader.read(OUTPUTS / "cavity_text")
    for name, values in recorded.items():
        assert np.allclose(fresh[name], values, rtol=1e-3, atol=1e-4 * np.abs(values).max()), name


@openfoam
def test_a_few_iterations_of_the_airfoil_are_not_taken_for_an_answer(tmp_path):
    """The solver ends with status 0 and forces far from their end."""
    path = ROOT / "configs" / "openfoam_airfoil.yaml"
    changes = ["model.settings.iterations=3", "model.retries=[]", f"storage.folder={tmp_path / 'study'}"]
    model = build_model(load_study(path, changes))
    with pytest.raises(SimulationError) as failed:
        model.simulate({"angle": 4.0, "reynolds": 3e6})
    assert failed.value.failure in ("not converged", "diverged")


def test_the_stored_meshes_are_those_that_their_origin_names():
    blade = ROOT / "data" / "calculix_blade"
    for name, digest in json.loads((blade / "mesh.json").read_text())["sha256"].items():
        assert hashlib.sha256((blade / "case" / name).read_bytes()).hexdigest() == digest, name
    airfoil = ROOT / "data" / "openfoam_airfoil"
    hashes = json.loads((airfoil / "mesh.json").read_text())["sha256_of_the_unpacked_files"]
    for part, digest in hashes.items():
        content = unpacked(airfoil / "case" / "constant" / "polyMesh", part)
        assert hashlib.sha256(content).hexdigest() == digest, part


def unpacked(folder: Path, part: str) -> bytes:
    import gzip

    packed = folder / f"{part}.gz"
    return gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / part).read_bytes()
