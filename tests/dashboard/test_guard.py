"""Beyond this machine a dashboard asks for an API key, and its scopes say what may be done."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import panel as pn
import pytest

from locum.dashboard.guard import Guard
from locum.exceptions import LocumError
from locum.queries import Scope, add_key, remove_key


@pytest.fixture
def guarded(wave_study: Callable[..., Path], programs: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address of a dashboard with keys, and their file."""
    keys = tmp_path / "keys.json"
    add_key(keys, "nobody", [])
    command = [programs / "locum", "dashboard", wave_study(), "--port", "0", "--keys", keys]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[2], keys
        process.terminate()


def test_nothing_is_seen_without_a_key(guarded: tuple[str, Path]) -> None:
    address, keys = guarded
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def show(secret: str) -> str:
        form = urllib.parse.urlencode({"key": secret}).encode()
        return browser.open(f"{address}login", form, timeout=60).geturl()

    assert browser.open(f"{address}studies/wave", timeout=60).geturl().partition("?")[0] == f"{address}login"
    useless, good = add_key(keys, "useless", [Scope.PREDICT]), add_key(keys, "anna", [Scope.READ])
    for secret in ("", "locum_wrong", useless):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            show(secret)
    assert show(good) == address
    assert browser.open(f"{address}studies/wave", timeout=60).geturl() == f"{address}studies/wave"


def test_a_key_allows_what_its_scopes_say_until_it_is_taken_away(tmp_path: Path, monkeypatch) -> None:
    keys = tmp_path / "keys.json"
    add_key(keys, "anna", [Scope.READ, Scope.PREDICT])
    guard = Guard(keys)
    monkeypatch.setattr(type(pn.state), "user", "anna")
    assert guard.may(Scope.PREDICT) and not guard.may(Scope.PROMOTE)
    with pytest.raises(LocumError, match="lacks the scope promote"):
        guard.require(Scope.PROMOTE)
    remove_key(keys, "anna")
    assert not guard.may(Scope.READ)


def test_without_keys_everybody_on_this_machine_may_do_everything() -> None:
    assert all(Guard().may(scope) for scope in Scope)
