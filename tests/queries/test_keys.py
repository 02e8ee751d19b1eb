from __future__ import annotations

from pathlib import Path

import pytest

from locum.exceptions import StorageError
from locum.queries import Keys, Scope, add_key, remove_key


def test_a_key_is_found_by_its_secret_which_is_kept_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    secret = add_key(path, "ann", {Scope.READ, Scope.PREDICT})
    add_key(path, "bob", {Scope.PROMOTE})
    assert secret not in path.read_text() and path.stat().st_mode & 0o077 == 0
    found = Keys.load(path).find(secret)
    assert found is not None and (found.name, found.scopes) == ("ann", {Scope.READ, Scope.PREDICT})
    assert Keys.load(path).find(secret + "x") is None
    remove_key(path, "ann")
    assert Keys.load(path).find(secret) is None and len(Keys.load(path).by_digest) == 1


def test_names_are_used_once_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add_key(path, "ann", {Scope.READ})
    with pytest.raises(StorageError, match="'ann' is there already"):
        add_key(path, "ann", {Scope.READ})
    with pytest.raises(StorageError, match="did you mean 'ann'"):
        remove_key(path, "anne")


@pytest.mark.parametrize("content", ["", "[]", '{"keys": [{"name": "a"}]}', '{"keys": 3}', "\x00"])
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(StorageError, match=r"keys\.json: expected a file of API keys"):
        Keys.load(path)
    with pytest.raises(StorageError, match="cannot read"):
        Keys.load(tmp_path / "nowhere.json")
