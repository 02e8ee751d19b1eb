"""A store does what a dictionary would, whatever is called in whatever order, closed and opened again."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from locum.highfidelity import Mesh, snapshot
from locum.snapshots import Cost, SnapshotStore

POINTS = st.integers(0, 7)
MESH = Mesh(np.linspace(0, 1, 5))


def _simulated(point: int, attempt: int):
    return snapshot(MESH, {"u": (np.full(5, point + attempt / 1000), "K")}, {"q": (point, "K")})


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = self._open()
        self.attempts = 0
        self.model: dict[
            int, tuple[str, float | None]
        ] = {}  # point -> outcome and value, in order of planning

    def _open(self) -> SnapshotStore:
        return SnapshotStore.open(self.folder, study="s", model="m", create=True)

    def teardown(self) -> None:
        assert self.store.verify() == []
        self.store.close()
        shutil.rmtree(self.folder)

    def _record(self, point: int):
        return self.store.plan([{"x": float(point)}], model="m", version="1", purpose="design")[0]

    @rule(points=st.lists(POINTS, max_size=4))
    def plan(self, points):
        named = [{"x": float(point)} for point in points]
        records = self.store.plan(named, model="m", version="1", purpose="design")
        for point in points:
            self.model.setdefault(point, ("planned", None))
        assert [record.outcome for record in records] == [self.model[point][0] for point in points]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def save(self, data):
        point = data.draw(st.sampled_from(list(self.model)))
        self.attempts += 1
        first = self.store.save(self._record(point), _simulated(point, self.attempts), Cost())
        assert first == (self.model[point][0] != "done")
        if first:
            self.model[point] = ("done", point + self.attempts / 1000)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def write_without_commit(self, data):
        point = data.draw(st.sampled_from(list(self.model)))
        self.attempts += 1
        self.store.write(self._record(point), _simulated(point, self.attempts))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def fail(self, data):
        point = data.draw(st.sampled_from(list(self.model)))
        first = self.store.fail(self._record(point), "raised", "it broke", Cost())
        assert first == (self.model[point][0] == "planned")
        if first:
            self.model[point] = ("failed", None)

    @rule()
    def retry_failed(self):
        failed = self.store.records(outcome="failed")
        assert self.store.retry_failed(failed) == len(failed)
        self.model = {p: ("planned", None) if o == "failed" else (o, v) for p, (o, v) in self.model.items()}

    @rule(publish=st.booleans())
    def reopen(self, publish):
        if publish:
            self.store.publish()
        self.store.close()
        self.store = self._open()

    @invariant()
    def what_is_stored_is_what_was_told(self):
        records = self.store.records()
        assert [int(record.parameters["x"]) for record in records] == list(self.model)
        assert [record.row for record in records] == list(range(len(self.model)))
        assert [record.outcome for record in records] == [outcome for outcome, _ in self.model.values()]
        done = [record for record in records if record.outcome == "done"]
        if done:
            values = [value for _, value in self.model.values() if value is not None]
            (block,) = self.store.blocks("u", done)()
            assert block[:, 0].tolist() == values


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
