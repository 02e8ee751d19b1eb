from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from locum.exceptions import SimulationError
from locum.highfidelity import Mesh, snapshot
from locum.highfidelity.snapshot_check import check_snapshot

TIMES = np.array([0.0, 1.0, 3.0])


def made(
    points: Any = (0.0, 1.0, 2.0),
    times: Any = TIMES,
    value: float = 1.0,
    peak: float = 2.0,
    name: str = "heat",
    unit: str = "K",
) -> xr.Dataset:
    mesh = Mesh(np.array(points), np.array([[0, 1], [1, 2]]))
    field = np.full((mesh.nodes,) if times is None else (len(times), mesh.nodes), 5.0)
    field[..., -1] = value
    return snapshot(mesh, {name: (field, unit)}, {"peak": (peak, "K")}, times)


def test_a_sound_snapshot_passes() -> None:
    check_snapshot(made())
    check_snapshot(made(value=3.0), made())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named_with_its_place(bad: float) -> None:
    with pytest.raises(
        SimulationError, match=r"field 'heat' is .* in 3 of 9 values, first at time 0, node 2"
    ) as caught:
        check_snapshot(made(value=bad))
    assert caught.value.failure == "not finite"
    with pytest.raises(SimulationError, match="quantity of interest 'peak' is") as caught:
        check_snapshot(made(peak=bad))
    assert caught.value.failure == "not finite"


def test_a_saved_time_that_is_not_finite_is_refused() -> None:
    for times in ([0.0, 1.0, np.inf], [0.0, np.nan, 1.0]):
        with pytest.raises(SimulationError, match="a saved time is not finite"):
            check_snapshot(made(times=np.array(times)))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (None, "returned NoneType"),
        ({"heat": 1.0}, "returned dict"),
        (xr.Dataset({"heat": ("node", np.zeros(3))}), "does not describe its mesh"),
        (Mesh(np.zeros(3)).to_ugrid(), "neither a field nor"),
        (made().transpose("node", ...), "has dimensions"),
        (made(times=np.array([0.0, 1.0, 1.0])), "times do not increase"),
        (made().assign(peak=1j), "real numbers"),
        (made(name="heat/flux"), "'heat/flux' cannot name a field"),
        (made(name=".."), "'..' cannot name a field"),
        (made(name="heat" * 60), "cannot name a field .*200 bytes"),
    ],
)
def test_what_is_no_snapshot_is_refused(dataset: Any, message: str) -> None:
    with pytest.raises(SimulationError, match=message) as caught:
        check_snapshot(dataset)
    assert caught.value.failure == "shape"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (made(name="cold"), "fields cold; earlier ones have heat"),
        (made().assign(extra=1.0), "quantities of interest extra, peak; earlier ones have peak"),
        (made(times=None), "field 'heat' has node 3; earlier snapshots have time 3, node 3"),
        (made(times=np.array([0.0, 1.0])), "has time 2, node 3"),
        (made(times=np.array([0.0, 1.0, 2.0])), "other times"),
        (made(points=(0.0, 1.0, 2.5)), "another mesh"),
        (made(unit="degC"), "'heat' is in 'degC'; earlier snapshots have it in 'K'"),
    ],
)
def test_what_differs_from_earlier_snapshots_is_named(dataset: xr.Dataset, message: str) -> None:
    with pytest.raises(SimulationError, match=message) as caught:
        check_snapshot(dataset, made())
    assert caught.value.failure == "shape"
