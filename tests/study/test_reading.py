"""Every mistake in a study file is one sentence that names file and key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import StudyError
from locum.study import load_study

STUDY = """
name: block
model: {kind: thermal_block, blocks: 2}
accuracy: {tolerance: 1e-2}
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="study.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def message(path, *overrides):
    with pytest.raises(StudyError) as error:
        load_study(path, overrides)
    return str(error.value)


def test_the_smallest_study_is_three_keys(write):
    study = load_study(write(STUDY))
    assert study.accuracy.tolerance == 0.01
    assert study.accuracy.confidence == 0.95
    assert study.accuracy.share == 0.99
    assert study.model.blocks == 2


# lines added to the study, key, sentence
MISTAKES = {
    "unknown key": ("colour: red", "", "key 'colour' is unknown"),
    "misspelt key": ("acuracy: 3", "", "did you mean 'accuracy'?"),
    "misspelt key below": (
        "budget: {simulatoins: 3}",
        "budget",
        "key 'simulatoins' is unknown; did you mean 'simulations'?",
    ),
    "wrong type": (
        "budget: {simulations: many}",
        "budget.simulations",
        "expected a whole number of at least 1, got 'many'",
    ),
    "text for a number": (
        "budget: {wall_time: soon}",
        "budget.wall_time",
        "expected a duration such as '90 s', '20 min' or '2 h', or seconds, got 'soon'",
    ),
    "number for a section": ("budget: 3", "budget", "expected a mapping of keys to values, got 3"),
    "nothing for a section": ("budget:", "budget", "expected a mapping of keys to values, got None"),
    "number for text": ("description: 1.10", "description", "expected text, got 1.1; put it in quotes"),
    "unknown choice": (
        "methods: {regression: {kernel: matern52}}",
        "methods.regression.kernel",
        "expected 'auto', 'rbf', 'rational-quadratic', 'matern-5/2' or 'matern-3/2', got 'matern52'",
    ),
    "range reversed": (
        "parameters: {a: {range: [1, 0.1]}}",
        "parameters.a",
        "range [1, 0.1] is reversed or empty; write [lower, upper]",
    ),
    "range of one": ("parameters: {a: {range: [1]}}", "parameters.a.range", "expected a list of 2, got [1]"),
    "range of words": (
        "parameters: {a: {range: [1, b]}}",
        "parameters.a.range[1]",
        "expected a number, got 'b'",
    ),
    "range not finite": (
        "parameters: {a: {range: [0, .inf]}}",
        "parameters.a.range[1]",
        "expected a finite number, got inf",
    ),
    "log through zero": (
        "parameters: {a: {range: [0, 1], scale: log}}",
        "parameters.a",
        "range [0, 1] goes through zero, which a log scale cannot",
    ),
    "log-uniform through zero": (
        "parameters: {a: {range: [-1, 1], distribution: log-uniform}}",
        "parameters.a",
        "a log-uniform distribution needs a positive range",
    ),
    "unknown distribution": (
        "parameters: {a: {distribution: beta}}",
        "parameters.a.distribution",
        "distribution 'beta' is unknown; expected one of uniform, log-uniform, normal",
    ),
    "negative seed": ("seed: -1", "seed", "expected a whole number of at least 0, got -1"),
    "yes for a number": ("seed: true", "seed", "expected a whole number of at least 0, got True"),
    "no workers": (
        "execution: {workers: 0}",
        "execution.workers",
        "expected a whole number of at least 1, or auto, got 0",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_with_file_and_key(write, mistake):
    added, key, sentence = MISTAKES[mistake]
    path = write(STUDY + added + "\n")
    text = message(path)
    assert text.startswith(": ".join(part for part in (str(path), key) if part) + ": ")
    assert sentence in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            "{kind: thermal_blok}",
            "model.kind: expected 'thermal_block', 'heat_equation', 'advection_diffusion', "
            "'cooled_blade', 'self_heating', 'python', 'command', "
            "got 'thermal_blok'; did you mean 'thermal_block'?",
        ),
        ("{blocks: 2}", "model.kind: this key is missing"),
        ("thermal_block", "model: expected a mapping of keys to values, got 'thermal_block'"),
        ("{kind: thermal_block, cell: 4}", "model: key 'cell' is unknown; did you mean 'cells'?"),
        (
            "{kind: thermal_block, cells: many}",
            "model.cells: expected a whole number of at least 1, got 'many'",
        ),
        ("{kind: python}", "model.path: this key is missing"),
    ],
)
def test_mistakes_in_the_model_name_the_key(write, model, sentence):
    path = write(f"name: a\nmodel: {model}\naccuracy: {{tolerance: 0.1}}\n")
    assert message(path) == f"{path}: {sentence}"


def test_several_mistakes_are_a_line_each(write):
    path = write("name: a b\nmodel: {kind: self_heating}\naccuracy: {tolerance: 0, share: 2}\n")
    lines = message(path).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{path}: ") for line in lines)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": the study is empty; it needs name, model and accuracy"),
        ("[1, 2]", ": expected a mapping of keys to values, got [1, 2]"),
        ("a: b: c", ", line 1: mapping values are not allowed here"),
        ("a: [1,\nb: 2", ", line 2: "),
        ("name: a\nname: b", ", line 2: key 'name' stands here and in line 1; keep one"),
        ("name: a\nmodel:\n  kind: x\n  kind: y", ", line 4: key 'kind' stands here and in line 3; keep one"),
        ("? [1, 2]\n: 3", ", line 1: found unhashable key"),
        ("a: !!python/object/apply:os.system [ls]", ", line 1: could not determine a constructor"),
        ("a: \x01", ": not a YAML file"),
        ("a: &a [*a]", ": a section contains itself"),
        ("[" * 3000, ": not a study: it is nested too deeply"),
    ],
)
def test_files_that_are_no_study_name_the_line(write, text, sentence):
    path = write(text)
    assert message(path).startswith(f"{path}{sentence}")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xff\xfe\x00name")
    assert message(path) == f"{path}: expected a YAML file, found bytes that are not UTF-8 text"


def test_a_missing_file_suggests_the_near_one(write):
    path = write(STUDY, "cooled_blade.yaml")
    assert message(path.with_name("cooled_blad.yaml")) == (
        f"{path.with_name('cooled_blad.yaml')}: no such file; did you mean {path}?"
    )


def test_a_missing_file_is_looked_for_in_configs(tmp_path):
    (tmp_path / "configs").mkdir()
    there = tmp_path / "configs" / "blade.yaml"
    there.write_text(STUDY)
    assert message(tmp_path / "blade.yaml").endswith(f"did you mean {there}?")


def test_a_folder_without_a_study_lists_the_files_in_it(write):
    path = write(STUDY)
    assert message(path.parent) == (
        f"{path.parent}: a folder in which no study was run; name a study file; there are {path}"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1E3", 1000.0), (".5", 0.5), ("+2", 2.0), ("2.", 2.0), ("010", 10.0)],
)
def test_numbers_are_those_of_yaml_1_2(write, text, value):
    assert load_study(write(STUDY), [f"accuracy.tolerance={text}"]).accuracy.tolerance == value


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "2026-10-01", "1:30"])
def test_words_stay_words(write, word):
    assert load_study(write(STUDY), [f"description={word}"]).description == word


def test_overrides_replace_and_add_keys(write):
    study = load_study(
        write(STUDY),
        [
            "accuracy.tolerance=0.02",
            "budget.wall_time=5 min",
            "parameters.conductivity_11.range=[0.2, 0.4]",
            "methods.design.initial=auto",
        ],
    )
    assert study.accuracy.tolerance == 0.02
    assert study.budget.wall_time == 300
    assert study.parameters["conductivity_11"].range == [0.2, 0.4]
    assert study.methods.design.initial is None


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("accuracy.tolerence=0.1", "--set accuracy: key 'tolerence' is unknown; did you mean 'tolerance'?"),
        ("acuracy.tolerance=0.1", "--set: key 'acuracy' is unknown; did you mean 'accuracy'?"),
        ("accuracy.tolerance=abc", "--set accuracy.tolerance: expected a number above 0, got 'abc'"),
        (
            "parameters.a.range=[2, 1]",
            "--set parameters.a: range [2, 1] is reversed or empty; write [lower, upper]",
        ),
        ("parameters.a.range=[1, b]", "--set parameters.a.range[1]: expected a number, got 'b'"),
        (
            "accuracy.tolerance",
            "--set accuracy.tolerance: expected key.subkey=value, such as accuracy.tolerance=0.02",
        ),
        ("=3", "--set =3: expected key.subkey=value, such as accuracy.tolerance=0.02"),
        (
            "accuracy.tolerance.value=3",
            "--set accuracy.tolerance.value=3: accuracy.tolerance has no keys below it",
        ),
        ("seed=[1", "--set seed=[1, line 1: "),
    ],
)
def test_mistakes_in_overrides_name_the_override(write, override, sentence):
    assert message(write(STUDY), override).startswith(sentence)


def test_a_mistake_in_the_file_is_not_blamed_on_an_override(write):
    path = write(STUDY + "seed: -1\n")
    assert message(path, "accuracy.share=0.9").startswith(f"{path}: seed: ")


@given(st.text(max_size=60))
def test_no_text_is_met_by_anything_but_a_study_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="ignore")
    with pytest.raises(StudyError, match=r"any\.yaml"):
        load_study(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda kids: (
            st.lists(kids, max_size=3)
            | st.dictionaries(st.sampled_from(["kind", "range", "tolerance", "a", "1"]), kids, max_size=3)
        ),
        max_leaves=6,
    ),
    st.sampled_from(
        ["name", "seed", "model", "parameters", "accuracy", "budget", "methods", "execution", "storage"]
    ),
)
def test_no_value_of_a_section_ends_in_anything_but_a_study_or_a_study_error(
    tmp_path_factory, value, section
):
    import yaml

    path = tmp_path_factory.getbasetemp() / "any.yaml"
    document = yaml.safe_load(STUDY) | {section: value}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    try:
        load_study(path)
    except StudyError as error:
        assert str(error).startswith(f"{path}")
