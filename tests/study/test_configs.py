"""The shipped studies are what users copy: they validate here and in an editor."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from locum.execution.surrogate_choice import foreseen
from locum.study import build_model, load_study, study_schema
from locum.study.reading import _parse

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
STUDIES = sorted(CONFIGS.glob("*.yaml"))
shipped = pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)


def test_the_committed_schema_is_the_one_of_the_code():
    """Written by ``locum schema > configs/study.schema.json``."""
    assert json.loads((CONFIGS / "study.schema.json").read_text()) == study_schema()


def test_the_studies_are_there():
    assert {
        "advection_diffusion",
        "calculix_blade",
        "cooled_blade",
        "fin",
        "heat_equation",
        "heated_rod",
        "openfoam_airfoil",
        "self_heating",
        "thermal_block",
        "thermal_block_black_box",
    } <= {path.stem for path in STUDIES}


@shipped
def test_shipped_studies_name_the_schema_and_satisfy_it(path):
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=study.schema.json\n")
    as_json = json.loads(json.dumps(_parse(text, path.name)))  # as editors read it: YAML 1.2, keys are text
    jsonschema.Draft202012Validator(study_schema()).validate(as_json)


@shipped
def test_shipped_studies_can_be_run(path):
    study = load_study(path)
    program = str(getattr(study.model, "command", "sh")).split()[0]
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: infra/install_solvers.sh")
    model = build_model(study)
    space = study.space(model)
    numbers = study.resolved(space.dimension, cores=2, kind=foreseen(study, model).kind)
    assert numbers.initial + numbers.calibration < study.budget.simulations
    assert study.folder.parent == CONFIGS.parent / "data" / "studies"


def test_the_study_that_explains_every_key_shows_the_defaults():
    """What its comments say of a key left out stays true."""
    study = load_study(CONFIGS / "thermal_block.yaml")
    plain = load_study(CONFIGS / "thermal_block.yaml", ["methods={}"])
    assert study.methods == plain.methods
    assert study.accuracy.confidence == load_study(CONFIGS / "fin.yaml").accuracy.confidence


def test_every_key_of_the_schema_is_described():
    schema = study_schema()

    def silent(definition, where):
        for key, value in definition.get("properties", {}).items():
            reference = value.get("$ref", "").rpartition("/")[2]
            described = value.get("description") or schema["$defs"].get(reference, {}).get("description")
            if not described and key != "kind":
                yield f"{where}.{key}"

    definitions = {"study": schema, **schema["$defs"]}
    assert not [name for where, definition in definitions.items() for name in silent(definition, where)]


@pytest.mark.parametrize(
    "change",
    [
        {"acuracy": {}},
        {"accuracy": {"tolerance": 0}},
        {"accuracy": {"tolerance": 0.1, "share": 1}},
        {"model": {"kind": "thermal_block", "path": "x"}},
        {"budget": {"wall_time": "20 parsecs"}},
        {"parameters": {"a": {"range": [1]}}},
        {"parameters": {"a": {"distribution": {"kind": "normal", "mean": 1}}}},
        {"execution": {"workers": "all"}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_reader_refuses(change):
    study = yaml.safe_load((CONFIGS / "thermal_block.yaml").read_text())
    validator = jsonschema.Draft202012Validator(study_schema())
    assert validator.is_valid(study)
    assert not validator.is_valid({**study, **change})


def test_the_fin_conducts_what_it_loses():
    """Without radiation and with a base barely warm the fin has a closed form: tanh(m L)."""
    import runpy

    import numpy as np

    fin = runpy.run_path(str(CONFIGS / "fin.py"))
    # radiation is linear for a small temperature difference: a film coefficient of 4 e s T^3
    film = 20.0 + 4 * (fin["RADIATION"] / 2) * fin["AIR"] ** 3
    m = np.sqrt(2 * film / (150.0 * fin["THICKNESS"]))
    exact = 150.0 * fin["THICKNESS"] * m * 1e-3 * np.tanh(m * fin["LENGTH"])
    heat = fin["simulate"](fin["AIR"] + 1e-3, 20.0, 150.0, nodes=401)["heat"]
    assert heat == pytest.approx(exact, rel=1e-4)


def test_what_the_page_on_programs_shows_can_be_written_in_a_study(tmp_path):
    page = (CONFIGS.parent / "docs" / "programs.md").read_text()
    shown = [_parse(block, "a block") for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)]
    assert {key for keys in shown for key in keys} >= {"command", "quantities", "success", "retries"}
    for keys in shown:
        study = _parse((CONFIGS / "heated_rod.yaml").read_text(), "heated_rod")
        study["model"] |= keys
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(study))
        load_study(path)
        jsonschema.Draft202012Validator(study_schema()).validate(json.loads(json.dumps(study)))
