"""What the status remembers of checks."""

from __future__ import annotations

from locum.execution.status import keep_check, last_check
from locum.execution.workspace import open_workspace


def test_a_check_is_remembered_until_another_version_answers(finished_work) -> None:
    champion = finished_work.registry.champion
    made = finished_work.registry.version(champion).created
    assert last_check(finished_work) == made
    found = {"champion": champion, "verdict": "within tolerance", "share_within_lower": 0.95}
    keep_check(finished_work, found)
    assert last_check(finished_work) > made
    finished_work.registry.promote(1, expected=champion)
    assert last_check(finished_work) == finished_work.registry.version(1).created


def test_time_is_counted_over_all_runs_of_a_study(finished_work) -> None:
    before = finished_work.elapsed
    assert before > finished_work.earlier > 0.0  # the run that finished it is remembered
    finished_work.keep_elapsed()
    with open_workspace(finished_work.study.path, alone=False, quiet=True) as again:
        assert again.earlier > before
    with open_workspace(finished_work.study.path, readonly=True) as looking:
        assert looking.elapsed == looking.earlier >= again.earlier  # looking takes none
