"""Make the mesh of the cooled blade with gmsh: ``python make_mesh.py`` writes ``mesh.npz`` and ``mesh.json``
beside it.

The profile is our own: a parabolic camber line, the thickness distribution of the NACA four-digit sections
(Abbott and von Doenhoff, Theory of Wing Sections, 1959, section 6.4) thickened linearly towards a round
trailing edge, and three superelliptic cooling channels that follow the profile inside a wall of constant
thickness. Lengths in metres. Needs gmsh (``pip install locum[mesh]``); locum itself does not.
"""

import hashlib
import json
from pathlib import Path

import gmsh
import numpy as np

CHORD = 0.060
CAMBER = 0.17  # height of the camber line over the chord
THICKNESS = 0.20  # largest thickness of the NACA part over the chord
TRAILING_EDGE_RADIUS = 0.0009
WALL = 0.0017
CHANNELS = ((0.045, 0.265), (0.315, 0.555), (0.605, 0.890))  # from and to, in fractions of the chord
SQUARENESS = 3.2  # exponent of the superellipse: 2 is an ellipse, infinity a quadrilateral
MESH_SIZE = 0.00031
FOLDER = Path(__file__).parent


def camber_line(x):
    """Points (n, 2) on the camber line and unit normals to it (n, 2) at fractions ``x`` of the chord."""
    points = np.stack([x, 4 * CAMBER * x * (1 - x)], axis=1) * CHORD
    slope = 4 * CAMBER * (1 - 2 * x)
    return points, np.stack([-slope, np.ones_like(x)], axis=1) / np.sqrt(1 + slope**2)[:, None]


def half_thickness(x):
    """Half the thickness in metres: the NACA polynomial with a closed end, and a linear part that ends in the
    radius.
    """
    naca = 0.2969 * np.sqrt(x) - 0.1260 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4
    return 5 * THICKNESS * CHORD * naca + TRAILING_EDGE_RADIUS * x


def outline():
    """Outer wall, counter-clockwise from the trailing edge over the suction side, closed."""
    x = (1 - np.cos(np.linspace(0, np.pi, 2001))) / 2
    points, normals = camber_line(x)
    offset = half_thickness(x)[:, None] * normals
    end, normal = points[-1], normals[-1]
    along = np.array([normal[1], -normal[0]])
    angle = np.linspace(-np.pi / 2, np.pi / 2, 201)[1:-1, None]
    cap = end + TRAILING_EDGE_RADIUS * (np.cos(angle) * along + np.sin(angle) * normal)
    return np.concatenate([(points + offset)[::-1], (points - offset)[1:], cap])


def channel(start, end):
    """One cooling channel, counter-clockwise, closed."""
    angle = np.linspace(0, 2 * np.pi, 4001)[:-1]
    cosine, sine = np.cos(angle), np.sin(angle)
    x = (start + end) / 2 + (end - start) / 2 * np.sign(cosine) * np.abs(cosine) ** (2 / SQUARENESS)
    points, normals = camber_line(x)
    height = (half_thickness(x) - WALL) * np.sign(sine) * np.abs(sine) ** (2 / SQUARENESS)
    return points + height[:, None] * normals


def resampled(loop, size):
    """The closed loop with points equally spaced by about ``size`` along it."""
    closed = np.concatenate([loop, loop[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    count = round(float(arc[-1]) / size)
    stations = np.arange(count) * arc[-1] / count
    return np.stack([np.interp(stations, arc, closed[:, axis]) for axis in range(2)], axis=1)


def triangulate(loops):
    """Points, triangles, boundary edges and the number of the loop of each edge."""
    gmsh.initialize()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("General.NumThreads", 1)
    gmsh.model.add("cooled_blade")
    curves = []
    for loop in loops:
        tags = [gmsh.model.geo.addPoint(x, y, 0.0, MESH_SIZE) for x, y in loop]
        lines = [gmsh.model.geo.addLine(a, b) for a, b in zip(tags, tags[1:] + tags[:1], strict=True)]
        for line in lines:
            gmsh.model.geo.mesh.setTransfiniteCurve(line, 2)
        curves.append(lines)
    surface = gmsh.model.geo.addPlaneSurface([gmsh.model.geo.addCurveLoop(lines) for lines in curves])
    gmsh.model.geo.synchronize()
    gmsh.option.setNumber("Mesh.Algorithm", 6)  # frontal Delaunay
    gmsh.option.setNumber("Mesh.RandomSeed", 1)
    gmsh.model.mesh.generate(2)
    gmsh.model.mesh.optimize("Relocate2D")

    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    number = {tag: index for index, tag in enumerate(tags)}
    points = coordinates.reshape(-1, 3)[:, :2]
    triangles = gmsh.model.mesh.getElementsByType(2, surface)[1].reshape(-1, 3)
    edges, loop_of_edge = [], []
    for index, lines in enumerate(curves):
        for line in lines:
            edges.append(gmsh.model.mesh.getElementsByType(1, line)[1])
            loop_of_edge.append(index)
    gmsh.finalize()
    renumber = np.vectorize(number.__getitem__)
    return points, renumber(triangles), renumber(np.array(edges)), np.array(loop_of_edge)


def main():
    loops = [outline(), *(channel(*ends) for ends in CHANNELS)]
    points, triangles, edges, loop_of_edge = triangulate([resampled(loop, MESH_SIZE) for loop in loops])
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    triangles = np.where(area[:, None] > 0, triangles, triangles[:, ::-1])
    arrays = {
        "points": points.astype("<f8"),
        "triangles": triangles.astype("<i4"),
        "boundary_edges": edges.astype("<i4"),
        "boundary_loop": loop_of_edge.astype("<i1"),
    }
    np.savez_compressed(FOLDER / "mesh.npz", **arrays)
    origin = {
        "what": "Cross-section of a turbine blade with three cooling channels, P1 triangles, metres",
        "made_by": "data/cooled_blade/make_mesh.py",
        "generator": f"gmsh {gmsh.__version__}, frontal Delaunay, numpy {np.__version__}",
        "nodes": len(points),
        "triangles": len(triangles),
        "boundary_loops": ["outer wall", "leading channel", "middle channel", "trailing channel"],
        "sha256": hashlib.sha256((FOLDER / "mesh.npz").read_bytes()).hexdigest(),
        "licence": "made for this project; same licence",
    }
    (FOLDER / "mesh.json").write_text(json.dumps(origin, indent=2) + "\n")
    print(f"{len(points)} nodes, {len(triangles)} triangles, area {np.abs(area).sum() * 1e6:.1f} mm2")


if __name__ == "__main__":
    main()
