import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from locum.exceptions import StorageError
from locum.surrogates import Saved, read_saved, write_saved

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def folder(tmp_path):
    write_saved(tmp_path, "thing", Saved("test", {"a": [1, 2.5, None]}, {"x": np.arange(1000.0)}))
    return tmp_path


@given(
    content=st.dictionaries(st.text(), PLAIN, max_size=4),
    array=hnp.arrays(st.sampled_from([np.float64, np.int64]), hnp.array_shapes(min_side=0)),
)
def test_what_is_written_is_read_to_the_last_bit(tmp_path_factory, content, array):
    folder = tmp_path_factory.mktemp("saved")
    write_saved(folder, "thing", Saved("test", content, {"x": array, "y.z": np.zeros(0)}))
    saved = read_saved(folder, "thing")
    assert saved.kind == "test"
    assert saved.content == content
    assert saved.arrays["x"].tobytes() == array.tobytes()
    assert saved.arrays["x"].shape == array.shape
    assert saved.arrays["x"].dtype == array.dtype


@pytest.mark.parametrize("name", ["thing.json", "thing.npz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_was_cut_off_is_named(folder, name, share):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(StorageError, match=rf"{name} is damaged"):
        read_saved(folder, "thing")


@given(st.data())
def test_a_flipped_bit_anywhere_in_the_arrays_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flipped")
    write_saved(folder, "thing", Saved("test", {}, {"x": np.arange(20.0)}))
    content = bytearray((folder / "thing.npz").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "thing.npz").write_bytes(content)
    with pytest.raises(StorageError, match=r"thing\.npz is damaged"):
        read_saved(folder, "thing")


def test_a_changed_number_in_the_json_is_found(folder):
    path = folder / "thing.json"
    path.write_text(path.read_text().replace("2.5", "2.6"))
    with pytest.raises(StorageError, match=r"thing\.json is damaged: its content does not match"):
        read_saved(folder, "thing")


def test_a_newer_format_is_refused_and_says_so(folder):
    path = folder / "thing.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"format": 2}))
    with pytest.raises(StorageError, match="written in format 2, and this locum reads formats up to 1"):
        read_saved(folder, "thing")


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "one"}', '{"format": 1}', "nonsense"])
def test_json_of_another_kind_is_refused(folder, text):
    (folder / "thing.json").write_text(text)
    with pytest.raises(StorageError, match=r"thing\.json"):
        read_saved(folder, "thing")


@pytest.mark.parametrize("name", ["thing.json", "thing.npz"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(StorageError, match=name):
        read_saved(folder, "thing")


def test_no_pickle_is_written_or_read(folder):
    with pytest.raises(TypeError, match="Python objects"):
        write_saved(folder, "thing", Saved("test", {}, {"x": np.array([object()])}))
    content = pickle.dumps({"x": 1})
    (folder / "thing.npz").write_bytes(content)
    document = json.loads((folder / "thing.json").read_text())
    document["arrays"]["sha256"] = __import__("hashlib").sha256(content).hexdigest()
    (folder / "thing.json").write_text(json.dumps(document))
    with pytest.raises(StorageError, match=r"thing\.npz is damaged: it is not an array file"):
        read_saved(folder, "thing")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write the saved surrogate"):
        write_saved(tmp_path / "file", "thing", Saved("test", {}, {}))
