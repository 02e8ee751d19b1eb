import json
import math

import pytest
import yaml

from locum.errors import Tolerance
from locum.exceptions import StudyError
from locum.parameters import LogUniform, Normal, Uniform
from locum.study import Study, build_model, load_study

BLOCK = {"name": "block", "model": {"kind": "thermal_block"}, "accuracy": {"tolerance": 0.01}}


@pytest.fixture
def block(tmp_path):
    """A study of the thermal block with some sections set."""

    def load(**sections):
        path = tmp_path / "block.yaml"
        path.write_text(yaml.safe_dump({**BLOCK, **sections}))
        return load_study(path)

    return load


def test_folder_lies_beside_the_study_file(block, tmp_path):
    assert block().folder == tmp_path / "data" / "block"
    assert block(storage={"folder": "../there"}).folder == tmp_path.parent / "there"


def test_paths_do_not_depend_on_the_working_directory(fin_study, monkeypatch, tmp_path):
    path = fin_study(storage={"folder": "there"})
    monkeypatch.chdir(tmp_path)
    relative = load_study(path.name)
    assert relative.folder == tmp_path / "there"
    monkeypatch.chdir("/")
    assert load_study(path).folder == tmp_path / "there"
    assert build_model(load_study(path)).name == "simulate"


@pytest.mark.parametrize(
    ("dimension", "budget", "initial", "calibration"),
    [(1, None, 10, 100), (2, 200, 10, 66), (4, 150, 20, 50), (7, 1000, 35, 100), (3, 40, 15, 19)],
)
def test_auto_numbers_follow_the_stated_rules(block, dimension, budget, initial, calibration):
    study = block(budget={"simulations": budget} if budget else {})
    numbers = study.resolved(dimension, cores=3)
    assert (numbers.initial, numbers.calibration, numbers.batch, numbers.workers) == (
        initial,
        calibration,
        None,
        3,
    )


def test_numbers_of_the_study_are_kept(block):
    study = block(
        methods={"design": {"initial": 12, "batch": 6}, "calibration": {"simulations": 40}},
        execution={"workers": 5},
    )
    numbers = study.resolved(4, cores=2)
    assert (numbers.initial, numbers.calibration, numbers.batch, numbers.workers) == (12, 40, 6, 5)


@pytest.mark.parametrize(("workers", "initial", "batch"), [(1, 6, 1), (3, 6, 3), (8, 8, 8)])
def test_a_projected_surrogate_starts_small_and_needs_no_calibration(block, workers, initial, batch):
    numbers = block().resolved(4, cores=workers, kind="projected")
    assert (numbers.initial, numbers.calibration, numbers.batch) == (initial, 10, batch)


def test_numbers_of_a_projected_study_are_kept(block):
    methods = {"design": {"initial": 3, "batch": 2}, "calibration": {"simulations": 5}}
    numbers = block(methods=methods).resolved(4, cores=8, kind="projected")
    assert (numbers.initial, numbers.calibration, numbers.batch) == (3, 5, 2)


def test_the_kinds_of_surrogates_are_kept_apart(block):
    kinds = [block(methods={"surrogate": kind}) for kind in ("interpolated", "projected")]
    assert len({study.training_hash for study in kinds}) == 2


def test_more_confidence_needs_more_calibration(block):
    study = block(accuracy={"tolerance": 0.01, "confidence": 0.99}, budget={"simulations": 150})
    assert study.resolved(1).calibration == 99


def test_a_budget_that_cannot_pay_for_design_and_calibration_is_refused(block):
    with pytest.raises(
        StudyError, match=r"block\.yaml: budget\.simulations: 30 are fewer .* allow 39 or more"
    ):
        block(budget={"simulations": 30}).resolved(4)


def test_a_calibration_that_gives_no_finite_figure_is_refused(block):
    with pytest.raises(
        StudyError, match=r"methods\.calibration\.simulations: a confidence of 0\.95 needs at least 19"
    ):
        block(methods={"calibration": {"simulations": 18}}).resolved(4)


def test_a_study_narrows_the_parameters_of_its_model(block):
    study = block(
        parameters={
            "conductivity_12": {"range": [0.2, 0.4], "distribution": "uniform", "description": "aside"},
            "conductivity_21": {"scale": "linear"},
        }
    )
    space = study.space(build_model(study))
    assert space.names == ("conductivity_11", "conductivity_12", "conductivity_21", "conductivity_22")
    first, narrowed, rescaled, _ = space.parameters
    assert (first.lower, first.upper, first.scale) == (0.1, 1.0, "log")
    assert (narrowed.lower, narrowed.upper, narrowed.scale) == (0.2, 0.4, "log")
    assert narrowed.density == Uniform()
    assert narrowed.description == "aside"
    assert rescaled.density == Uniform()
    assert first.density == LogUniform()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"conductivity_1": {}}, "parameter 'conductivity_1' is unknown; did you mean 'conductivity_"),
        ({"conductivity_11": {"range": [0.01, 0.5]}}, "leaves the model's own, [0.1, 1]; narrow it"),
    ],
)
def test_parameters_that_do_not_fit_the_model_are_refused(block, parameters, sentence):
    study = block(parameters=parameters)
    with pytest.raises(StudyError) as error:
        study.space(build_model(study))
    assert str(error.value).startswith(f"{study.path}: parameters: ")
    assert sentence in str(error.value)


def test_parameters_of_a_function_are_those_of_the_study(fin_study):
    study = load_study(
        fin_study(
            parameters={
                "base_temperature": {
                    "range": [350, 450],
                    "distribution": {"kind": "normal", "mean": 400, "standard_deviation": 20},
                }
            }
        )
    )
    space = study.space(build_model(study))
    assert space.names == ("base_temperature", "film_coefficient", "conductivity")
    assert space.parameters[0].density == Normal(400, 20)
    assert space.parameters[1].scale == "log"


def test_a_parameter_of_a_function_needs_a_name_that_python_knows(fin_study):
    study = load_study(fin_study(parameters={"film coefficient": {"range": [1, 2]}}))
    with pytest.raises(StudyError, match="parameter 'film coefficient': the name must be letters"):
        build_model(study)


def test_every_field_has_a_tolerance_and_quantities_only_where_asked(block):
    study = block(
        accuracy={
            "tolerance": 0.01,
            "fields": {"stress": {"tolerance": 0.05}},
            "quantities": {"peak": {"tolerance": 5, "error": "absolute"}},
        }
    )
    assert study.tolerances(["temperature", "stress"], ["peak", "mean"]) == {
        "temperature": Tolerance(0.01),
        "stress": Tolerance(0.05),
        "peak": Tolerance(5.0, "absolute"),
    }


@pytest.mark.parametrize(
    ("accuracy", "sentence"),
    [
        (
            {"fields": {"temprature": {"tolerance": 1}}},
            "accuracy.fields: field 'temprature' is unknown; did you mean 'temperature'?",
        ),
        (
            {"quantities": {"peek": {"tolerance": 1}}},
            "accuracy.quantities: quantity 'peek' is unknown; did you mean 'peak'?",
        ),
    ],
)
def test_a_tolerance_for_what_the_model_does_not_give_is_refused(block, accuracy, sentence):
    study = block(accuracy={"tolerance": 0.01, **accuracy})
    with pytest.raises(StudyError) as error:
        study.tolerances(["temperature"], ["peak"])
    assert str(error.value) == f"{study.path}: {sentence}"


SAME_NUMBERS = [
    {"name": "other"},
    {"description": "another sentence"},
    {"budget": {"simulations": 500}},
    {"execution": {"workers": 8, "timeout": "5 s"}},
    {"storage": {"folder": "elsewhere"}},
    {"seed": 0},
    {"accuracy": {"tolerance": 0.01, "confidence": 0.95}},
    {"methods": {"reduction": {"max_rank": "auto"}}},
]
OTHER_SAMPLES_ONLY = [
    {"accuracy": {"tolerance": 0.01, "share": 0.95}},
    {"methods": {"design": {"initial": 30}}},
]
OTHER_NUMBERS = [
    {"seed": 3},
    {"model": {"kind": "thermal_block", "blocks": 3}},
    {"parameters": {"conductivity_11": {"range": [0.2, 0.5]}}},
    {"accuracy": {"tolerance": 0.02}},
    {"accuracy": {"tolerance": 0.01, "quantities": {"mean_temperature": {"tolerance": 0.1}}}},
    {"methods": {"reduction": {"truncation_share": 0.1}}},
    {"methods": {"regression": {"kernel": "rbf"}}},
]


@pytest.mark.parametrize("sections", SAME_NUMBERS, ids=str)
def test_hashes_ignore_what_no_number_depends_on(block, sections):
    assert block(**sections).hash == block().hash
    assert block(**sections).training_hash == block().training_hash


@pytest.mark.parametrize("sections", OTHER_SAMPLES_ONLY, ids=str)
def test_training_hash_ignores_how_samples_came_about(block, sections):
    assert block(**sections).hash != block().hash
    assert block(**sections).training_hash == block().training_hash


@pytest.mark.parametrize("sections", OTHER_NUMBERS, ids=str)
def test_hashes_know_what_numbers_depend_on(block, sections):
    assert block(**sections).hash != block().hash
    assert block(**sections).training_hash != block().training_hash


def test_a_study_that_moves_with_its_model_keeps_its_hash(fin_study, tmp_path):
    path = fin_study()
    before = load_study(path).hash
    (tmp_path / "moved").mkdir()
    for name in ("fin.py", "fin.yaml"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert load_study(tmp_path / "moved" / "fin.yaml").hash == before


def test_a_study_survives_the_way_to_another_process(fin_study, monkeypatch):
    study = load_study(fin_study(budget={"wall_time": "2 min"}, methods={"design": {"batch": "auto"}}))
    monkeypatch.chdir("/")
    there = Study.from_json(study.to_json())
    assert there.path == study.path
    assert there.folder == study.folder
    assert (there.hash, there.training_hash) == (study.hash, study.training_hash)
    assert there.budget == study.budget
    assert build_model(there).version == build_model(study).version


def test_the_kept_study_reads_the_same_from_anywhere(fin_study, tmp_path):
    study = load_study(
        fin_study(parameters={"conductivity": {"range": [20, 200], "distribution": "uniform"}})
    )
    kept = tmp_path / "elsewhere" / "kept.yaml"
    kept.parent.mkdir()
    kept.write_text(study.to_yaml())
    again = load_study(kept)
    assert again.folder == study.folder
    assert again.hash == study.hash
    assert build_model(again).version == build_model(study).version


def test_documents_hold_plain_finite_json(block):
    document = json.loads(json.dumps(block().document(), allow_nan=False))
    assert math.isclose(document["accuracy"]["tolerance"], 0.01)
