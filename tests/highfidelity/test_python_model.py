from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from locum.exceptions import ModelError, SimulationError
from locum.highfidelity import HasInnerProduct
from locum.highfidelity.python_model import FunctionModel, load_python_model
from locum.highfidelity.snapshot_check import check_snapshot
from locum.highfidelity.thermal_block import ThermalBlock
from locum.parameters import Parameter, ParameterSpace

SPACE = ParameterSpace((Parameter("speed", 1.0, 2.0), Parameter("load", 0.0, 5.0)))
POINT = {"speed": 1.5, "load": 2.0}
HEAD = "import numpy as np\nx = np.linspace(0, 1, 5)\n"
BY_NAME = (
    HEAD + "def beam(speed, load, nodes=5):\n"
    "    return {'coordinates': x, 'sag': load * x, 'peak': load / speed}\n"
)


def load(folder: Path, source: str, name: str = "beam", **arguments: Any) -> Any:
    (folder / "model.py").write_text(dedent(source))
    return load_python_model(f"model.py:{name}", folder=folder, parameters=SPACE, **arguments)


def test_a_function_of_named_parameters_is_a_model(tmp_path: Path) -> None:
    model = load(tmp_path, BY_NAME, units={"sag": "mm", "peak": "N", "coordinates": "m"})
    dataset = model.simulate(POINT)
    check_snapshot(dataset)
    assert dataset["sag"].values == pytest.approx(2.0 * np.linspace(0, 1, 5))
    assert float(dataset["peak"]) == pytest.approx(2.0 / 1.5)
    assert [dataset[name].attrs["units"] for name in ("sag", "peak", "node_x")] == ["mm", "N", "m"]
    assert dataset["mesh_edge_nodes"].values.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


@pytest.mark.parametrize(
    "body",
    [
        "def beam(p):\n    return x, {'sag': p['load'] * x, 'peak': p['load'] / p['speed']}",
        "def beam(**p):\n    return {'coordinates': x, 'sag': p['load'] * x, 'peak': p['load'] / p['speed']}",
        "def beam(*, load, speed):\n"
        "    return {'coordinates': x[:, None], 'sag': load * x, 'peak': [load / speed]}",
        "class Beam:\n    def __call__(self, load, speed):\n"
        "        return {'coordinates': x, 'sag': load * x, 'peak': load / speed}\nbeam = Beam()",
    ],
)
def test_every_way_to_write_it_gives_the_same_snapshot(tmp_path: Path, body: str) -> None:
    expected = load(tmp_path, BY_NAME).simulate(POINT)
    found = load(tmp_path, HEAD + body).simulate(POINT)
    assert found.identical(expected)


def test_times_cells_and_options_are_understood(tmp_path: Path) -> None:
    source = """
        import numpy as np
        def plate(speed, load, steps):
            points = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
            times = np.arange(steps) / speed
            return {"coordinates": points, "triangles": [[0, 1, 2], [1, 3, 2]], "times": times,
                    "heat": load * np.outer(times, points[:, 0]), "flow": np.zeros((steps, 4, 2))}
    """
    dataset = load(tmp_path, source, "plate", options={"steps": 3}, units={"times": "h"}).simulate(POINT)
    check_snapshot(dataset)
    assert dataset["heat"].dims == ("time", "node")
    assert dataset["flow"].dims == ("time", "node", "component")
    assert dataset["time"].attrs["units"] == "h"
    assert dataset["mesh"].attrs["topology_dimension"] == 2


def test_points_without_cells_are_a_cloud(tmp_path: Path) -> None:
    source = "import numpy as np\ndef beam(speed, load):\n    return np.eye(3), {'u': np.ones(3)}"
    assert load(tmp_path, source).simulate(POINT)["mesh"].attrs["topology_dimension"] == 0


def test_a_class_keeps_its_capabilities(tmp_path: Path) -> None:
    source = "from locum.highfidelity.thermal_block import ThermalBlock\nclass Mine(ThermalBlock):\n    pass"
    model = load(tmp_path, source, "Mine", options={"blocks": 1, "cells": 8})
    assert isinstance(model, HasInnerProduct)
    assert model.version == ThermalBlock(1, 8).version
    assert float(model.simulate({"conductivity_11": 1.0})["mean_temperature"]) > 0


def test_a_module_path_is_imported() -> None:
    model = load_python_model("locum.highfidelity.thermal_block:ThermalBlock", options={"blocks": 3})
    assert isinstance(model, ThermalBlock)
    assert model.blocks == 3


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_the_model.py").write_text("FACTOR = 3.0\n")
    source = "from neighbour_of_the_model import FACTOR\n" + BY_NAME.replace("load * x", "FACTOR * load * x")
    assert float(load(tmp_path, source).simulate(POINT)["sag"][-1]) == 6.0


def test_version_follows_code_and_options_but_not_comments(tmp_path: Path) -> None:
    version = load(tmp_path, BY_NAME).version
    assert load(tmp_path, "# a comment\n\n" + BY_NAME.replace("load * x", "load  *  (x)")).version == version
    assert load(tmp_path, BY_NAME.replace("load * x", "load * x * 2")).version != version
    assert load(tmp_path, BY_NAME, options={"nodes": 6}).version != version
    assert load(tmp_path, BY_NAME + "\nbeam.version = '2026.1'").version == "2026.1"
    assert load(tmp_path, BY_NAME, version="7").version == "7"


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    """Even within the second that a cached file's time stamp would miss."""
    load(tmp_path, BY_NAME)
    edited = load(tmp_path, BY_NAME.replace("load / speed", "speed / load"))
    assert float(edited.simulate(POINT)["peak"]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("source", "name", "arguments", "message"),
    [
        (BY_NAME, "bean", {}, "name 'bean' is unknown; did you mean 'beam'"),
        ("def beam(:", "beam", {}, r"model\.py cannot be imported: SyntaxError.*line 1"),
        ("\nimport nothing_like_it", "beam", {}, r"ModuleNotFoundError: No module named.*\(line 2\)"),
        ("raise SystemExit(3)", "beam", {}, "SystemExit: 3"),
        ("beam = 3.0", "beam", {}, "expected a class or a function, found float"),
        ("def beam(speed, lod): pass", "beam", {}, "parameter 'load' is unknown; did you mean 'lod'"),
        ("def beam(speed, load, mass): pass", "beam", {}, "needs 'mass', which is neither a parameter"),
        (BY_NAME, "beam", {"options": {"node": 3}}, "option 'node' is unknown; did you mean 'nodes'"),
        (BY_NAME, "beam", {"options": {"load": 3}}, "'load' is both a parameter and an option"),
        ("class beam: pass", "beam", {}, "lacks name, version, parameters, simulate"),
        ("class beam:\n    def __init__(self, n): pass", "beam", {}, "refuses its options: TypeError"),
        (
            "class beam:\n    name = version = ''\n    parameters = 3\n    def simulate(self, p): pass",
            "beam",
            {},
            "parameters is int, expected a ParameterSpace",
        ),
    ],
)
def test_what_cannot_be_a_model_is_said_in_one_sentence(
    tmp_path: Path, source: str, name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load(tmp_path, source, name, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("model.py", "expected 'file.py:name'"),
        ("model.py:", "expected 'file.py:name'"),
        ("absent.py:beam", "absent.py does not exist"),
        ("no_such_package.module:beam", "'no_such_package.module' cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_python_model(path, folder=tmp_path, parameters=SPACE)


def test_a_function_without_a_space_says_so(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(BY_NAME)
    with pytest.raises(ModelError, match="a function needs parameters in the study"):
        load_python_model("model.py:beam", folder=tmp_path)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "returned nothing"),
        ("{'sag': x}", "returned a mapping of 'sag'"),
        ("{'coordinates': x, 'sag': 1.0}", "returned no field; expected an array"),
        ("{'coordinates': x, 'sag': x[:-1]}", "field 'sag' has shape"),
        ("{'coordinates': x, 'sag': 'high'}", "'sag' is str"),
        ("{'coordinates': x, 'sag': 1j * x}", "'sag' is ndarray of complex128; expected a real number"),
        ("{'coordinates': x, 'sag': x, 'time': 0.3}", r"'time'\) has shape \(\); expected the saved times"),
        ("{'coordinates': x, 'sag': x, 'mesh': 0.3}", "'mesh' cannot name a field or quantity"),
        ("{'coordinates': x, 'sag': x, 'edge': 0.3}", "'edge' cannot name a field or quantity"),
        ("{'coordinates': x, 'sag': [[1], [2, 3]]}", "'sag' is list"),
        ("{'coordinates': x * np.nan, 'sag': x}", "node 0 has a coordinate that is not finite"),
        ("{'coordinates': x, 'cells': [[0, 9]], 'sag': x}", "node numbers 0 to 4"),
        ("{'coordinates': x, 'cells': [[0, 1]], 'edges': [[0, 1]], 'sag': x}", "'cells' and 'edges'"),
    ],
)
def test_a_result_that_is_no_snapshot_is_a_failed_simulation(
    tmp_path: Path, result: str, message: str
) -> None:
    model = load(tmp_path, HEAD + f"def beam(speed, load):\n    return {result}")
    with pytest.raises(SimulationError, match=message) as caught:
        model.simulate(POINT)
    assert caught.value.failure == "shape"


def test_what_lies_below_a_mask_is_not_a_number(tmp_path: Path) -> None:
    masked = "{'coordinates': x, 'sag': np.ma.masked_where(x > 0.5, 0 * x), 'most': np.ma.masked}"
    model = load(tmp_path, HEAD + f"def beam(speed, load):\n    return {masked}")
    snapshot = model.simulate(POINT)
    assert np.array_equal(np.isnan(snapshot["sag"]), snapshot["node_x"] > 0.5)
    assert np.isnan(snapshot["most"])


def test_what_the_function_raises_passes_through(tmp_path: Path) -> None:
    model = load(tmp_path, "def beam(speed, load):\n    raise ValueError('no convergence')")
    assert isinstance(model, FunctionModel)
    with pytest.raises(ValueError, match="no convergence"):
        model.simulate(POINT)
