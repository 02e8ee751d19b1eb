"""The page of queries: what was asked, what exceeded the tolerance, drift and audits."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from locum.execution.workspace import open_workspace
from locum.queries import Audit, Audits, Exceedance, LoggedQuery, Outbox, QueryLog


@pytest.fixture(scope="module")
def asked(studies) -> None:
    """Three requests, of which one exceeded the tolerance and one was audited."""
    with open_workspace(studies["block"], alone=False, quiet=True) as work:
        database, version, now = work.store.database, work.registry.champion, time.time()
        sets = {name: [0.2] for name in work.space.names}
        log = [
            LoggedQuery(
                f"answer{n}", now - 60 * n, version, 1, n == 1, 0, 0.004, sets, [0.5], ["within tolerance"]
            )
            for n in range(3)
        ]
        QueryLog(database).write(log)
        Outbox(database).add([Exceedance("answer1", now - 60, version, "over tolerance", 1, sets, 2.5)])
        audits = Audits(database)
        one = {name: 0.2 for name in work.space.names}
        audits.add([Audit("answer0", now, version, one, {"temperature": 0.02})])
        [waiting] = audits.waiting(version)
        audits.finish(waiting, {"temperature": 0.01})


def test_queries_are_counted_and_what_exceeded_the_tolerance_is_listed(visit, asked) -> None:
    page = visit("studies/block/queries")
    expect(page.get_by_text("3 parameter sets", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Parameter sets asked in time, by verdict")).to_be_visible()
    expect(page.get_by_text("over tolerance", exact=True).first).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="2.50")).to_contain_text("waits")
    expect(page.get_by_role("row").filter(has_text="1 of 1")).to_contain_text("✓ holds")
    expect(page.get_by_role("row").filter(has_text="conductivity_11")).to_have_count(2)


def test_where_nothing_was_asked_the_page_says_so(visit) -> None:
    page = visit("studies/fresh/queries")
    expect(page.get_by_text("Nothing was asked in this time.").first).to_be_visible()
