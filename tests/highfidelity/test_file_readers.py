"""Readers of mesh files, NetCDF and HDF5, on files written by the libraries that write them elsewhere."""

import h5py
import meshio
import numpy as np
import pytest
import xarray as xr

from locum.exceptions import SimulationError
from locum.highfidelity.finite_elements import measures
from locum.highfidelity.plain_snapshot import plain_snapshot
from locum.highfidelity.readers.meshio_reader import MeshioReader
from locum.highfidelity.readers.netcdf_reader import Hdf5Reader, NetcdfReader
from locum.highfidelity.simplices import simplices

# corners of the reference elements; the wedge and the pyramid fill 1/2 and 1/3 of the cube
CUBE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1.0]])
WEDGE = CUBE[[0, 1, 3, 4, 5, 7]]
TETRAHEDRON = CUBE[[0, 1, 3, 4]]
PYRAMID = np.array([*CUBE[:4], [0.5, 0.5, 1]])
RING = [(0, 1), (1, 2), (2, 3), (3, 0)]
EDGES = {
    "hexahedron20": (CUBE, [*RING, (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)]),
    "wedge15": (WEDGE, [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5)]),
    "tetra10": (TETRAHEDRON, [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)]),
    "pyramid13": (PYRAMID, [*RING, (0, 4), (1, 4), (2, 4), (3, 4)]),
    "quad8": (CUBE[:4, :2], RING),
    "quad9": (CUBE[:4, :2], [*RING, (0, 1, 2, 3)]),
    "triangle6": (CUBE[[0, 1, 3], :2], [(0, 1), (1, 2), (2, 0)]),
    "line3": (CUBE[:2, :1], [(0, 1)]),
    "hexahedron": (CUBE, []),
    "wedge": (WEDGE, []),
    "tetra": (TETRAHEDRON, []),
    "pyramid": (PYRAMID, []),
    "quad": (CUBE[:4, :2], []),
    "triangle": (CUBE[[0, 1, 3], :2], []),
    "line": (CUBE[:2, :1], []),
}
SIZE = {"wedge": 1 / 2, "tetra": 1 / 6, "pyramid": 1 / 3, "triangle": 1 / 2}


@pytest.mark.parametrize("name", EDGES)
def test_an_element_is_filled_by_its_simplices_and_none_of_its_nodes_is_lost(name):
    corners, edges = EDGES[name]
    points = np.concatenate([corners, *[corners[list(edge)].mean(axis=0)[None] for edge in edges]])
    cells = simplices([(name, np.arange(len(points))[None])])
    sizes = measures(points, cells)
    assert sizes.sum() == pytest.approx(SIZE.get(name.rstrip("0123456789"), 1))
    assert (sizes > 0.01).all()
    assert set(cells.ravel()) == set(range(len(points)))


def test_the_skin_of_a_body_is_left_out_and_unknown_elements_are_refused():
    cells = simplices([("triangle", np.array([[0, 1, 2]])), ("tetra", np.array([[0, 1, 2, 3]]))])
    assert cells.tolist() == [[0, 1, 2, 3]]
    assert simplices([("vertex", np.array([[0]]))]) is None
    with pytest.raises(SimulationError, match="elements 'polygon'; locum knows hexahedron"):
        simplices([("polygon", np.array([[0, 1, 2, 3, 4]]))])


@pytest.fixture
def square():
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    cells = [("triangle", [[0, 1, 2], [0, 2, 3]])]
    return meshio.Mesh(points, cells, {"T": np.arange(4.0), "u": np.ones((4, 3))}, {"k": [np.ones(2)]})


@pytest.mark.parametrize("name", ["out.vtu", "out.vtk", "out.xdmf"])
def test_a_plane_mesh_is_read_from_any_format(tmp_path, square, name):
    square.write(tmp_path / name)
    snapshot = plain_snapshot(MeshioReader(name, {"temperature": "T"}).read(tmp_path))
    assert snapshot["temperature"].values.tolist() == [0, 1, 2, 3]
    assert snapshot["mesh"].attrs["node_coordinates"] == "node_x node_y"
    assert snapshot["mesh_face_nodes"].shape == (2, 3)


def test_values_of_cells_stay_at_their_centres_on_the_dual_mesh(tmp_path):
    """4 x 3 squares, one of them two triangles, with a linear field: exact at the centres."""
    x, y = np.meshgrid(np.linspace(0, 4, 5), np.linspace(0, 3, 4))
    points, corner = np.stack([x.ravel(), y.ravel()], axis=1), np.arange(15).reshape(3, 5)[:, :4].ravel()
    quads = np.stack([corner, corner + 1, corner + 6, corner + 5], axis=1)
    cells = [("quad", quads[1:]), ("triangle", quads[0, [[0, 1, 2], [0, 2, 3]]])]
    values = [points[nodes] @ [1.0, 10.0] for _, nodes in cells]
    pressure = [each.mean(axis=1) for each in values]
    mesh = meshio.Mesh(points, cells, {}, {"p": pressure, "v": [np.stack([p, p], axis=1) for p in pressure]})
    mesh.write(tmp_path / "out.vtu")
    snapshot = plain_snapshot(MeshioReader("out.vtu").read(tmp_path))
    centres = np.stack([snapshot["node_x"], snapshot["node_y"]], axis=1)
    assert snapshot.sizes["node"] == 13 and snapshot["v"].shape == (13, 2)
    assert np.allclose(snapshot["p"], centres @ [1, 10])
    # the centres of squares would span 3 x 2; those of the two triangles reach farther into the corner
    covered = measures(centres, snapshot["mesh_face_nodes"].values)
    assert covered.min() > 0 and covered.sum() == pytest.approx(6 + 1 / 6)


def test_cells_in_space_are_a_cloud_and_the_skin_is_left_out(tmp_path):
    cells = [("quad", np.array([[0, 1, 2, 3]])), ("hexahedron", np.arange(8)[None])]
    mesh = meshio.Mesh(CUBE, cells, {}, {"p": [np.array([7.0]), np.array([5.0])]})
    mesh.write(tmp_path / "out.vtu")
    result = MeshioReader("out.vtu", {"pressure": "p"}).read(tmp_path)
    assert result["coordinates"].tolist() == [[0.5] * 3] and result["pressure"].tolist() == [5.0]
    assert "cells" not in result


def test_an_xdmf_series_has_times(tmp_path, square, monkeypatch):
    monkeypatch.chdir(tmp_path)  # meshio writes the arrays of a series into the working folder
    with meshio.xdmf.TimeSeriesWriter("out.xdmf") as writer:
        writer.write_points_cells(square.points, square.cells)
        for time in (0.5, 2.0):
            writer.write_data(time, point_data={"T": np.full(4, time)})
    snapshot = plain_snapshot(MeshioReader("out.xdmf").read(tmp_path))
    assert snapshot["time"].values.tolist() == [0.5, 2.0]
    assert snapshot["T"].values.tolist() == [[0.5] * 4, [2.0] * 4]


def test_mesh_files_that_are_no_use_are_refused_by_name(tmp_path, square):
    square.write(tmp_path / "out.vtu")
    with pytest.raises(SimulationError, match="no field 'q'; there are T, u on nodes, k on cells"):
        MeshioReader("out.vtu", {"q": "q"}).read(tmp_path)
    with pytest.raises(SimulationError, match="some fields are on nodes and others on cells; expected eith"):
        MeshioReader("out.vtu", {"T": "T", "k": "k"}).read(tmp_path)
    whole = (tmp_path / "out.vtu").read_bytes()
    (tmp_path / "out.vtu").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SimulationError, match=r"out\.vtu.*meshio cannot read it") as refused:
        MeshioReader("out.vtu").read(tmp_path)
    assert refused.value.failure == "output malformed"
    with pytest.raises(SimulationError, match=r"no file 'other\.vtu'"):
        MeshioReader("other.vtu").read(tmp_path)


def written(path, **changes):
    x, y, t = np.linspace(0, 1, 4), np.linspace(0, 2, 3), np.array([0.0, 1.0])
    data = xr.Dataset(
        {
            "T": (("y", "time", "x"), y[:, None, None] + 10 * t[:, None] + x, {"units": "K"}),
            "wind": (("time", "y", "x", "part"), np.ones((2, 3, 4, 2))),
            "flux": ((), 3.0, {"units": "W"}),
        },
        {"x": ("x", x, {"units": "m"}), "y": ("y", y), "time": ("time", t, {"units": "h"})},
    )
    data.assign(changes).to_netcdf(path, engine="h5netcdf")


def test_a_netcdf_grid_becomes_triangles_with_the_units_of_the_file(tmp_path):
    written(tmp_path / "out.nc")
    snapshot = NetcdfReader("out.nc", ("x", "y"), time="time").read(tmp_path)
    x, y = snapshot["node_x"].values, snapshot["node_y"].values
    assert np.allclose(snapshot["T"], 10 * np.array([[0.0], [1.0]]) + x + y)
    assert snapshot["wind"].shape == (2, 12, 2)
    assert (snapshot["T"].attrs["units"], snapshot["time"].attrs["units"]) == ("K", "h")
    assert float(snapshot["flux"]) == 3.0
    points = np.stack([x, y], axis=1)
    assert measures(points, snapshot["mesh_face_nodes"].values).sum() == pytest.approx(2)


def test_a_netcdf_file_with_nodes_is_read_with_its_cells(tmp_path):
    data = xr.Dataset(
        {
            "a": ("node", [0.0, 1, 0]),
            "b": ("node", [0.0, 0, 1]),
            "tri": (("cell", "three"), [[1, 2, 3]], {"start_index": 1}),
            "T": ("node", [1.0, 2, 3]),
        }
    )
    data.to_netcdf(tmp_path / "out.nc", engine="h5netcdf")
    snapshot = NetcdfReader("out.nc", ("a", "b"), {"T": "T"}, cells="tri").read(tmp_path)
    assert snapshot["mesh_face_nodes"].values.tolist() == [[0, 1, 2]]
    assert snapshot["T"].dims == ("node",)


def test_netcdf_files_that_are_no_use_are_refused_by_name(tmp_path):
    written(tmp_path / "out.nc", odd=("x", np.zeros(4)))
    with pytest.raises(SimulationError, match="no variable 'z'; there are"):
        NetcdfReader("out.nc", ("x", "z")).read(tmp_path)
    with pytest.raises(SimulationError, match="field 'odd' has dimensions x; expected time, x, y"):
        NetcdfReader("out.nc", ("x", "y"), {"odd": "odd"}, "time").read(tmp_path)
    whole = (tmp_path / "out.nc").read_bytes()
    for content in (whole[: len(whole) // 3], b"no such file"):
        (tmp_path / "out.nc").write_bytes(content)
        with pytest.raises(SimulationError, match="no NetCDF-4 file, or not a whole one"):
            NetcdfReader("out.nc").read(tmp_path)


def test_hdf5_arrays_are_taken_by_their_place(tmp_path):
    with h5py.File(tmp_path / "out.h5", "w") as file:
        file["mesh/x"], file["results/T"], file["results/peak"] = np.linspace(0, 1, 3), [1.0, 2, 3], 3.0
    names = {"coordinates": "/mesh/x", "temperature": "/results/T", "peak": "/results/peak"}
    snapshot = plain_snapshot(Hdf5Reader("out.h5", names).read(tmp_path))
    assert snapshot["temperature"].values.tolist() == [1, 2, 3]
    assert float(snapshot["peak"]) == 3
    with pytest.raises(SimulationError, match="no array '/mesh/y'; there are /mesh/x, /results/T"):
        Hdf5Reader("out.h5", {"coordinates": "/mesh/y"}).read(tmp_path)
    (tmp_path / "out.h5").write_bytes((tmp_path / "out.h5").read_bytes()[:1000])
    with pytest.raises(SimulationError, match="no HDF5 file, or not a whole one"):
        Hdf5Reader("out.h5", names).read(tmp_path)
