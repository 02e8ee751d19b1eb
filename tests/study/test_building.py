import pytest

from locum import load
from locum.exceptions import LocumError, ModelError, StudyError
from locum.highfidelity import HighFidelityModel
from locum.snapshots import SnapshotStore
from locum.study import build_model, load_study, load_surrogate


@pytest.mark.parametrize("kind", ["thermal_block", "cooled_blade", "self_heating"])
def test_shipped_models_are_built_with_the_options_of_the_study(tmp_path, kind):
    options = {"thermal_block": "cells: 8", "cooled_blade": "saved_times: 3", "self_heating": "cells: 10"}[
        kind
    ]
    path = tmp_path / "study.yaml"
    path.write_text(f"name: a\nmodel: {{kind: {kind}}}\naccuracy: {{tolerance: 0.1}}\n")
    usual = build_model(load_study(path))
    path.write_text(f"name: a\nmodel: {{kind: {kind}, {options}}}\naccuracy: {{tolerance: 0.1}}\n")
    other = build_model(load_study(path))
    assert isinstance(other, HighFidelityModel)
    assert other.name == kind
    assert other.version != usual.version


def test_options_that_do_not_fit_together_name_the_study(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: a\nmodel: {kind: thermal_block, blocks: 2, cells: 9}\naccuracy: {tolerance: 0.1}\n"
    )
    with pytest.raises(
        ModelError, match=r"study\.yaml: model: thermal_block: cells must be a multiple of blocks"
    ):
        build_model(load_study(path))


def test_a_model_of_the_user_runs_from_the_file_beside_the_study(fin_study, monkeypatch):
    path = fin_study()
    monkeypatch.chdir("/")
    model = build_model(load_study(path))
    dataset = model.simulate({"base_temperature": 400.0, "film_coefficient": 50.0, "conductivity": 100.0})
    assert float(dataset["temperature"][0]) == pytest.approx(400.0)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"path": "no.py:simulate"}, "does not exist; paths are relative to the study file"),
        ({"path": "fin.py:simulat"}, "did you mean 'simulate'"),
        ({"path": "fin.py"}, "expected 'file.py:name'"),
        ({"path": "no_such_module:simulate"}, "cannot be imported"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(fin_study, model, sentence):
    path = fin_study(model=model)
    with pytest.raises(ModelError) as error:
        build_model(load_study(path))
    assert str(error.value).startswith(f"{path}: model: ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_function_without_parameters_in_the_study_is_refused(fin_study, tmp_path):
    path = fin_study()
    path.write_text("name: fin\nmodel: {kind: python, path: 'fin.py:simulate'}\naccuracy: {tolerance: 0.1}\n")
    with pytest.raises(ModelError, match="a function needs parameters in the study, each with a range"):
        build_model(load_study(path))


def test_a_parameter_of_a_function_without_range_is_refused(fin_study):
    path = fin_study(parameters={"conductivity": {"unit": "W/(m K)"}})
    with pytest.raises(ModelError, match="a function needs parameters in the study, each with a range"):
        build_model(load_study(path))


def test_a_class_brings_its_own_parameters(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from locum.parameters import Parameter, ParameterSpace\n"
        "class Mine:\n"
        "    name, version = 'mine', '1'\n"
        "    parameters = ParameterSpace((Parameter('load', 1.0, 5.0), Parameter('length', 1.0, 2.0)))\n"
        "    def simulate(self, parameters):\n        ...\n"
    )
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: a\nmodel: {kind: python, path: 'mine.py:Mine'}\nparameters: {load: {unit: kN}}\n"
        "accuracy: {tolerance: 0.1}\n"
    )
    study = load_study(path)
    space = study.space(build_model(study))
    assert space.names == ("load", "length")
    assert space.parameters[0].unit == "kN"


def test_a_study_is_known_by_the_folder_it_ran_in(fin_study, tmp_path):
    study = load_study(fin_study())
    store = SnapshotStore.open(study.folder, study="fin", model="simulate", create=True)
    store.save_study(study.to_yaml(), {})
    store.close()
    moved = tmp_path / "moved"
    study.folder.rename(moved)
    again = load_study(moved)
    assert again.folder == moved
    assert again.hash == study.hash


def test_loading_a_surrogate_that_is_not_there_is_one_sentence(fin_study, tmp_path):
    path = fin_study()
    with pytest.raises(LocumError) as error:
        load_surrogate(path)
    assert "\n" not in str(error.value)
    with pytest.raises(StudyError, match="no such file"):
        load(str(tmp_path / "nothing.yaml"))
