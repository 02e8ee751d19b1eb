"""What the status remembers of checks."""

from __future__ import annotations

from locum.execution.status import keep_check, last_check


def test_a_check_is_remembered_until_another_version_answers(finished_work) -> None:
    champion = finished_work.registry.champion
    made = finished_work.registry.version(champion).created
    assert last_check(finished_work) == made
    found = {"champion": champion, "verdict": "within tolerance", "share_within_lower": 0.95}
    keep_check(finished_work, found)
    assert last_check(finished_work) > made
    finished_work.registry.promote(1, expected=champion)
    assert last_check(finished_work) == finished_work.registry.version(1).created
