"""Exploring a surrogate: the field follows the sliders, a simulation stands beside it, answers are saved."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr
from playwright.sync_api import expect

from locum.execution.workspace import open_workspace


def test_the_field_and_its_numbers_follow_a_slider(visit) -> None:
    page = visit("studies/block/explore")
    canvas = page.locator("canvas")
    expect(canvas).to_be_visible()
    expect(page.get_by_text(re.compile("(Within|Over) tolerance|Outside"))).to_be_visible()
    number = page.get_by_role("row", name=re.compile("^mean_temperature")).get_by_role("cell").first
    before, picture = number.inner_text(), canvas.screenshot()
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    expect(number).not_to_have_text(before)
    page.wait_for_timeout(200)
    assert canvas.screenshot() != picture


def test_an_answer_that_overtakes_the_first_drawing_is_no_error(dashboard, browse) -> None:
    with browse(dashboard.address) as page:
        page.add_init_script(
            "const soon = requestAnimationFrame.bind(window);"
            "window.requestAnimationFrame = (draw) => setTimeout(() => soon(draw), 3000)"
        )
        page.goto(dashboard.address + "studies/block/explore")
        page.get_by_role("slider").first.press("End")
        number = page.get_by_role("row", name=re.compile("^mean_temperature")).get_by_role("cell").first
        before = number.inner_text()
        page.get_by_role("slider").first.press("Home")
        expect(number).not_to_have_text(before)
        expect(page.locator("canvas")).to_be_visible()


def test_a_real_simulation_is_shown_beside_the_answer_and_never_runs_twice(visit, studies) -> None:
    page = visit("studies/block/explore")
    expect(page.locator("canvas")).to_have_count(1)
    page.get_by_role("button", name="Run the real simulation here").click()
    page.get_by_role("button", name="Yes").locator("visible=true").click()
    expect(page.get_by_text("✓ Simulated")).to_be_visible(timeout=120_000)
    expect(page.locator("canvas")).to_have_count(3)
    expect(page.get_by_role("heading", name=re.compile("^Difference, at most"))).to_be_visible()
    again = visit("studies/block/explore")
    expect(again.locator("canvas")).to_have_count(3)
    expect(again.get_by_role("button", name="Run the real simulation here")).to_be_disabled()
    with open_workspace(studies["block"], readonly=True) as work:
        [record] = work.samples("query")
        assert record.outcome == "done"
        np.testing.assert_allclose(list(record.parameters.values()), work.space.unwarp(np.full(4, 0.5)))


def test_the_answer_is_saved_as_netcdf_and_as_a_table(visit, studies, tmp_path: Path) -> None:
    page = visit("studies/block/explore")
    saved = {}
    for label, ending in (("Save as NetCDF", "nc"), ("Save as CSV", "csv")):
        with page.expect_download(timeout=60_000) as download:
            page.get_by_text(label, exact=True).click()
        saved[ending] = tmp_path / f"answer.{ending}"
        download.value.save_as(saved[ending])
    answer = xr.load_dataset(saved["nc"], engine="scipy")
    lines = saved["csv"].read_text(encoding="utf-8").splitlines()
    table = np.array([line.split(",") for line in lines if not line.startswith("#")])
    assert table[0].tolist() == ["x", "y", "temperature"]
    np.testing.assert_allclose(table[1:, 2].astype(float), answer["temperature"].values[0], rtol=1e-8)
    assert "mean_temperature_error_figure" in answer and answer["temperature"].attrs["location"] == "node"


def test_a_study_without_a_surrogate_says_so(visit) -> None:
    page = visit("studies/fresh/explore")
    expect(page.get_by_role("heading", name="Nothing to explore yet")).to_be_visible()
    expect(page.get_by_text("locum run")).to_be_visible()
