"""The page of a study: where it stands, its pictures, its versions, and what is going on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from locum.execution.workspace import open_workspace
from locum.snapshots.durable import file_lock
from locum.snapshots.housekeeping import RUN_LOCK


def test_a_study_shows_where_it_stands_and_where_it_is_weak(visit) -> None:
    page = visit("studies/block")
    expect(page.get_by_role("heading", name=re.compile("tolerance"))).to_be_visible()
    history = "error figure and measured error against the number of simulations"
    expect(page.get_by_role("img", name=re.compile(f"^temperature: {history}"))).to_be_visible()
    across, up = page.get_by_label("to the right"), page.get_by_label("upwards")
    across.select_option("conductivity_11")
    up.select_option("conductivity_22")
    drawn = "Map of the error figure over conductivity_11 and conductivity_22"
    expect(page.get_by_role("img", name=re.compile(drawn))).to_be_visible()
    expect(page.get_by_text("One simulation failed on purpose")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Singular values of temperature"))).to_be_visible()


def test_another_version_answers_after_a_question_and_the_way_back_is_there(visit, studies) -> None:
    page = visit("studies/block")
    page.get_by_role("button", name="Let it answer").click()
    expect(page.get_by_text("Let version 1 answer instead of version 2")).to_be_visible()
    page.get_by_role("button", name="No").first.locator("visible=true").click()
    page.get_by_role("button", name="Let it answer").click()
    page.get_by_role("button", name="Yes").locator("visible=true").click()
    champion = page.get_by_role("row", name=re.compile("^1 champion"))
    expect(champion).to_be_visible()
    page.get_by_role("button", name="Go back").click()
    page.get_by_role("button", name="Yes").locator("visible=true").click()
    expect(page.get_by_role("row", name=re.compile("^2 champion"))).to_be_visible()
    with open_workspace(studies["block"], readonly=True) as work:
        assert work.registry.champion == 2


def test_a_run_that_goes_on_is_seen_and_cannot_be_started_twice(visit, studies) -> None:
    folder = studies["block"].parent / "block"
    with file_lock(folder / RUN_LOCK, refusal="somebody else runs"):
        page = visit("studies/block")
        expect(page.get_by_role("status")).to_contain_text("A run is going on")
        expect(page.get_by_role("button", name="Run until within tolerance")).to_be_disabled()
    expect(page.get_by_role("button", name="Run until within tolerance")).to_be_enabled()


def test_a_study_that_nobody_has_run_says_how_to_start(visit) -> None:
    page = visit("studies/fresh")
    expect(page.get_by_role("heading", name="Not run yet")).to_be_visible()
    page.get_by_role("button", name="Run until within tolerance").click()
    expect(page.get_by_text("Run fresh on this machine now?")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1920)])
def test_nothing_is_cut_off(visit, scheme: str, width: int) -> None:
    page = visit("studies/block")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.get_by_role("img", name=re.compile("^Singular values"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
