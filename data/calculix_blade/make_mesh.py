"""Make the mesh of the creeping blade with gmsh: ``python make_mesh.py`` writes ``case/mesh.inp`` and
``case/nodes.csv``, and ``mesh.json`` beside itself.

The blade is our own: four sections with the thickness of the NACA four-digit sections (Abbott and von
Doenhoff, Theory of Wing Sections, 1959, section 6.4) around a parabolic camber line, tapered and twisted
from root to tip, on a rectangular root block. Quadratic tetrahedra, lengths in millimetres; z is the radius
less that of the blade's foot, x the turbine's axis. gmsh gives another mesh each time, so it is made once and
stored. Needs gmsh (``pip install locum[mesh]``); locum itself does not.
"""

import hashlib
import json
from pathlib import Path

import gmsh
import numpy as np

HEIGHT = 80.0  # of the airfoil
BLOCK = (34.0, 22.0, 10.0)  # of the root: along x, y and down z
SECTIONS = 4
CHORD, TAPER = 30.0, 0.75  # at the root, and tip over root
TWIST = 25.0  # degrees from root to tip
CAMBER, THICKNESS = 0.08, 0.18  # over the chord
TRAILING_EDGE = 0.03  # thickness over the chord
SIZE, ROOT_SIZE = 5.3, 3.8
GMSH_TO_CALCULIX = [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]  # the last two edges of a quadratic tetrahedron
FOLDER = Path(__file__).parent


def section(fraction):
    """Upper and lower side (n, 3) of the airfoil at a fraction of its height, leading edge first."""
    x = (1 - np.cos(np.linspace(0, np.pi, 15))) / 2
    naca = 0.2969 * np.sqrt(x) - 0.1260 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4
    half = 5 * THICKNESS * naca + TRAILING_EDGE / 2 * x
    line = 4 * CAMBER * x * (1 - x)
    chord = CHORD * (1 + (TAPER - 1) * fraction)
    angle = np.deg2rad(TWIST) * (fraction - 0.5)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    sides = []
    for sign in (1, -1):
        plane = np.stack([x - 0.45, line + sign * half - CAMBER / 2], axis=1) * chord @ turn
        sides.append(np.column_stack([plane, np.full(len(x), fraction * HEIGHT)]))
    return sides


def wire(fraction):
    """Closed wire of one section: two splines and the blunt trailing edge."""
    occ = gmsh.model.occ
    upper, lower = section(fraction)
    nose = occ.addPoint(*upper[0])
    up = [nose, *(occ.addPoint(*point) for point in upper[1:])]
    low = [nose, *(occ.addPoint(*point) for point in lower[1:])]
    return occ.addWire([occ.addSpline(up), occ.addLine(up[-1], low[-1]), occ.addSpline(low[::-1])])


def tetrahedra():
    """Node coordinates (N, 3) and quadratic tetrahedra (M, 10) in the order of CalculiX."""
    gmsh.initialize()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("General.NumThreads", 1)
    occ = gmsh.model.occ
    airfoil = occ.addThruSections([wire(f) for f in np.linspace(-0.02, 1, SECTIONS)], True)
    length, width, depth = BLOCK
    block = occ.addBox(-length / 2 - 1.0, -width / 2, -depth, length, width, depth)
    occ.fuse([(3, block)], [entity for entity in airfoil if entity[0] == 3])
    occ.synchronize()
    field = gmsh.model.mesh.field
    graded = field.add("MathEval")
    field.setString(graded, "F", f"{ROOT_SIZE} + {SIZE - ROOT_SIZE} * min(1, abs(z - 3) / 12)")
    field.setAsBackgroundMesh(graded)
    gmsh.option.setNumber("Mesh.MeshSizeExtendFromBoundary", 0)
    gmsh.option.setNumber("Mesh.MeshSizeFromPoints", 0)
    gmsh.model.mesh.generate(3)
    gmsh.model.mesh.optimize("Netgen")
    gmsh.model.mesh.setOrder(2)
    gmsh.model.mesh.optimize("HighOrder")
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    cells = gmsh.model.mesh.getElementsByType(11)[1].reshape(-1, 10)
    gmsh.finalize()
    used = np.unique(cells)
    points = coordinates.reshape(-1, 3)[np.argsort(tags)][np.searchsorted(np.sort(tags), used)]
    return points, np.searchsorted(used, cells)[:, GMSH_TO_CALCULIX]


def supports(points):
    """Three nodes on the bottom of the root that hold it without hindering expansion: its 3-2-1 support."""
    bottom = np.flatnonzero(points[:, 2] < -BLOCK[2] + 1e-6)
    corners = [(-1, -1), (1, -1), (-1, 1)]
    return [int(bottom[np.argmax(points[bottom, :2] @ np.array(corner))]) for corner in corners]


def write(points, cells):
    """Mesh as CalculiX reads it, and what the temperature of a node depends on as a table."""
    lines = ["*NODE, NSET=NALL"]
    lines += [f"{n}, {x:.6f}, {y:.6f}, {z:.6f}" for n, (x, y, z) in enumerate(points, 1)]
    lines.append("*ELEMENT, TYPE=C3D10, ELSET=EALL")
    lines += [", ".join(map(str, (n, *(cell + 1)))) for n, cell in enumerate(cells, 1)]
    bottom = np.flatnonzero(points[:, 2] < -BLOCK[2] + 1e-6) + 1
    lines += ["*NSET, NSET=BOTTOM", *(f"{node}," for node in bottom)]
    for name, node in zip(("A", "B", "C"), supports(points), strict=True):
        lines += [f"*NSET, NSET={name}", f"{node + 1},"]
    (FOLDER / "case" / "mesh.inp").write_text("\n".join(lines) + "\n")

    height = np.clip(points[:, 2] / HEIGHT, 0, 1)
    noses = np.array([section(f)[0][0] for f in height])
    distance = np.linalg.norm(points[:, :2] - noses[:, :2], axis=1)
    spot = np.exp(-((distance / 8.0) ** 2) - ((points[:, 2] - 0.45 * HEIGHT) / 14.0) ** 2)
    rows = ["node,height,hot_spot"]
    rows += [f"{n},{h:.5f},{s:.5f}" for n, (h, s) in enumerate(zip(height, spot, strict=True), 1)]
    (FOLDER / "case" / "nodes.csv").write_text("\n".join(rows) + "\n")


def main():
    points, cells = tetrahedra()
    write(points, cells)
    files = {name: (FOLDER / "case" / name).read_bytes() for name in ("mesh.inp", "nodes.csv")}
    origin = {
        "what": "Turbine blade on a root block, quadratic tetrahedra (C3D10), millimetres",
        "made_by": "data/calculix_blade/make_mesh.py",
        "generator": f"gmsh {gmsh.__version__}, numpy {np.__version__}",
        "nodes": len(points),
        "elements": len(cells),
        "sha256": {name: hashlib.sha256(text).hexdigest() for name, text in files.items()},
        "licence": "made for this project; same licence",
    }
    (FOLDER / "mesh.json").write_text(json.dumps(origin, indent=2) + "\n")
    print(f"{len(points)} nodes, {len(cells)} elements")


if __name__ == "__main__":
    main()
