"""The first page of the dashboard: studies at a glance."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect


def test_studies_are_told_apart_at_a_glance(visit) -> None:
    page = visit()
    block, fresh = (page.get_by_role("row", name=re.compile(f"^{name}")) for name in ("block", "fresh"))
    expect(block).to_contain_text(re.compile("within tolerance|over tolerance"))
    expect(block).to_contain_text("95 % claimed")
    expect(block).to_contain_text("of 40")
    expect(block).to_contain_text("version 2")
    expect(fresh).to_contain_text("not run yet")
    expect(fresh).to_contain_text("locum run")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_off(visit, scheme: str, width: int) -> None:
    page = visit()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.get_by_role("row", name=re.compile("^block"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
