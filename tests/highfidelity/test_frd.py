"""CalculiX result files: everything in them is read; a damaged one is refused with the place."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.exceptions import ModelError, SimulationError
from locum.highfidelity.finite_elements import lumped, measures
from locum.highfidelity.plain_snapshot import plain_snapshot
from locum.highfidelity.readers.frd import read_frd
from locum.highfidelity.readers.frd_reader import FrdField, FrdReader, von_mises

OUTPUTS = Path(__file__).parent / "outputs"
TEXT, BINARY = ((OUTPUTS / name).read_bytes() for name in ("elements.frd", "elements_binary.frd"))


@pytest.fixture(scope="module")
def recorded():
    return read_frd(OUTPUTS / "elements.frd")


@pytest.fixture
def damaged(tmp_path):
    """The recorded file with other bytes."""

    def write(content: bytes) -> Path:
        path = tmp_path / "elements.frd"
        path.write_bytes(content)
        return path

    return write


def test_all_frames_and_blocks_are_read(recorded):
    assert recorded.frames == 2
    assert [(block.frame, block.name) for block in recorded.blocks] == [
        (frame, name) for frame in (1, 2) for name in ("DISP", "NDTEMP", "STRESS", "ERROR")
    ]
    assert [recorded.block("DISP", frame).time for frame in (1, 2)] == [1.0, 2.0]
    assert recorded.block("DISP", -1).components == ("D1", "D2", "D3")  # the length is not in the file
    assert recorded.block("STRESS", 1).components == ("SXX", "SYY", "SZZ", "SXY", "SYZ", "SZX")
    temperature = recorded.block("NDTEMP", 1).values, recorded.block("NDTEMP", 2).values
    assert np.all(temperature[0] == 293) and np.all(temperature[1] == 393)


def test_values_are_those_of_the_lines(recorded):
    """The last block read by splitting its lines, which have blanks between positive numbers only."""
    block = recorded.block("NDTEMP", 2)
    lines = TEXT.decode().split(" -4  NDTEMP")[2].splitlines()[2:]
    for line, node, value in zip(lines, block.nodes, block.values[:, 0], strict=False):
        assert (int(line[3:13]), float(line[13:])) == (node, value)


def test_elements_become_tetrahedra_that_fill_them(recorded):
    """The cube holds 1, the wedge 1/2, the tetrahedron 1/6; every node has a share."""
    assert {name: len(cells) for name, cells in recorded.elements} == {
        "hexahedron20": 1,
        "wedge15": 1,
        "tetra10": 1,
    }
    assert measures(recorded.points, recorded.cells).sum() == pytest.approx(1 + 1 / 2 + 1 / 6)
    assert (lumped(recorded.points, recorded.cells) > 0).all()


def test_fields_are_chosen_by_block_frame_and_component():
    reader = FrdReader(
        "elements.frd",
        {
            "displacement": FrdField("DISP", frame=1),
            "sag": FrdField("DISP", "D3"),
            "length": FrdField("DISP", "length", 1),
            "stress": FrdField("STRESS", "von_mises"),
            "temperature": FrdField("NDTEMP", frame=-2),
        },
    )
    snapshot = plain_snapshot(reader.read(OUTPUTS), {"coordinates": "m", "stress": "MPa"})
    assert snapshot["displacement"].dims == ("node", "component")
    assert np.allclose(np.linalg.norm(snapshot["displacement"], axis=1), snapshot["length"])
    assert snapshot["temperature"].values.max() == 293
    assert snapshot["stress"].attrs["units"] == "MPa"
    assert snapshot["mesh"].attrs["topology_dimension"] == 3


def test_all_frames_are_saved_times():
    reader = FrdReader("elements.frd", {"displacement": FrdField("DISP", frame="all")})
    snapshot = plain_snapshot(reader.read(OUTPUTS))
    assert snapshot["displacement"].dims == ("time", "node", "component")
    assert snapshot["time"].values.tolist() == [1.0, 2.0]
    with pytest.raises(ModelError, match="some fields take all frames and others one"):
        FrdReader("a.frd", {"a": FrdField("DISP"), "b": FrdField("DISP", frame="all")})


def test_von_mises_of_tension_and_shear():
    assert von_mises(np.array([[5.0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 2.0, 0]])) == pytest.approx([5, 2 * 3**0.5])


def test_numbers_too_wide_for_their_column_are_read(recorded, damaged):
    """CalculiX writes -1.00000E-100 thirteen characters wide."""
    block = recorded.block("DISP", 1)
    row = f"{block.values[5, 2]:12.5E}".encode()
    start = TEXT.index(b" -1         6", TEXT.index(b" -4  DISP"))
    place = TEXT.index(row, start)
    read = read_frd(damaged(TEXT[:place] + b"-1.00000E-100" + TEXT[place + len(row) :]))
    changed = read.block("DISP", 1).values
    assert changed[5, 2] == -1e-100
    changed[5, 2] = block.values[5, 2]
    assert np.array_equal(changed, block.values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TEXT[:6], b"<html>", "line 1, header: it does not begin like a CalculiX result file"),
        (b" -4  DISP  ", b" -5  DISP  ", "block DISP of frame 1: expected the name of a result"),
        (
            b" -1         2    5    0    1",
            b" -1         2   55    0    1",
            "expected an element of a known type",
        ),
        (b"    1PSTEP", b"    7PSTEP", "which is no record"),
        (b"2.93000E+02", b"2.93000X+02", "block NDTEMP of frame 1: expected 1 values of a node"),
        (b" -2         6        22", b" -2         6        99", "an element names node 99"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(damaged, old, new, message):
    path = damaged(TEXT.replace(old, new, 1))
    with pytest.raises(SimulationError) as refused:
        _ = read_frd(path).cells
    assert refused.value.failure == "output malformed"
    assert "elements.frd" in str(refused.value) and message in str(refused.value)


def test_the_line_of_the_damage_is_named(damaged):
    lines = TEXT.split(b"\n")
    number = next(i for i, line in enumerate(lines) if line.startswith(b" -4  STRESS")) + 12
    lines[number - 1] = lines[number - 1][:40]
    with pytest.raises(SimulationError, match=f"line {number}, block STRESS of frame 1: expected 6 values"):
        read_frd(damaged(b"\n".join(lines)))


@given(st.integers(0, len(TEXT) - 6), st.sampled_from([TEXT, BINARY]))
def test_a_truncated_file_is_never_read(tmp_path_factory, end, content):
    path = tmp_path_factory.mktemp("cut") / "elements.frd"
    path.write_bytes(content[: min(end, len(content) - 6)])
    with pytest.raises(SimulationError) as refused:
        read_frd(path)
    assert refused.value.failure == "output malformed"


def test_a_binary_file_says_the_same(recorded):
    binary = read_frd(OUTPUTS / "elements_binary.frd")
    assert np.array_equal(binary.nodes, recorded.nodes) and np.array_equal(binary.cells, recorded.cells)
    assert np.allclose(binary.points, recorded.points, rtol=1e-5)
    for found, wanted in zip(binary.blocks, recorded.blocks, strict=True):
        assert (found.name, found.frame, found.time) == (wanted.name, wanted.frame, wanted.time)
        assert found.components == wanted.components and np.array_equal(found.nodes, wanted.nodes)
        assert np.allclose(found.values, wanted.values, rtol=1e-5, atol=0), found.name


def test_short_node_numbers_are_refused(damaged):
    lines = TEXT.split(b"\n")
    number = next(i for i, line in enumerate(lines) if line.startswith(b"    2C"))
    lines[number] = lines[number][:73] + b"0"
    with pytest.raises(SimulationError, match="line 12, nodes: it is written in format 0; expected 1"):
        read_frd(damaged(b"\n".join(lines)))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (FrdField("PE"), "frame 2 has no block 'PE'; it has DISP, NDTEMP, STRESS, ERROR"),
        (FrdField("DISP", frame=3), "frame 3 does not exist; there are 2"),
        (FrdField("DISP", "D4"), "block 'DISP' has no component 'D4'; it has D1, D2, D3"),
    ],
)
def test_what_the_file_does_not_have_is_named(field, message):
    with pytest.raises(SimulationError, match=message):
        FrdReader("elements.frd", {"x": field}).read(OUTPUTS)


def test_a_block_on_some_nodes_only_is_refused(damaged):
    lines = TEXT.split(b"\n")
    header = next(i for i, line in enumerate(lines) if line.startswith(b"  100C"))
    count = int(lines[header][24:36])
    lines[header] = lines[header][:24] + b"%12d" % (count - 1) + lines[header][36:]
    first = next(i for i, line in enumerate(lines) if i > header and line.startswith(b" -1"))
    del lines[first]
    path = damaged(b"\n".join(lines))
    with pytest.raises(SimulationError, match=f"no value at 1 of {count} nodes, first at node 1"):
        FrdReader(path.name, {"x": FrdField("DISP", frame=1)}).read(path.parent)
