"""Make the mesh of the airfoil with gmsh and OpenFOAM: ``python make_mesh.py`` writes
``case/constant/polyMesh`` and ``mesh.json``.

NACA 2412 with chord 1 m (Abbott and von Doenhoff, Theory of Wing Sections, 1959, section 6.4), its open
trailing edge closed to a point, in a circle of 30 chords: layers of quadrilaterals at the wall, triangles
elsewhere, one cell thick. gmsh gives another mesh each time, so it is made once and stored. Needs gmsh (``pip
install locum[mesh]``), gmshToFoam and renumberMesh; locum itself does not.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import gmsh
import numpy as np

CAMBER, POSITION, THICKNESS = 0.02, 0.4, 0.12
RADIUS = 30.0
FIRST_LAYER, RATIO, LAYERS_TO = 1.5e-5, 1.28, 0.03
WALL_SIZE, NOSE_SIZE, TAIL_SIZE, FAR_SIZE = 0.014, 0.003, 0.003, 4.0
DEPTH = 1.0
ENVIRONMENT = {**os.environ, "WM_PROJECT_DIR": "/usr/share/openfoam"}
FOLDER = Path(__file__).parent


def sides():
    """Upper and lower side (n, 2), both from nose to tail, closed there."""
    x = (1 - np.cos(np.linspace(0, np.pi, 81))) / 2
    thickness = (
        5 * THICKNESS * (0.2969 * np.sqrt(x) - 0.1260 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4)
    )
    front = x < POSITION
    line = np.where(
        front,
        CAMBER / POSITION**2 * (2 * POSITION * x - x**2),
        CAMBER / (1 - POSITION) ** 2 * (1 - 2 * POSITION + 2 * POSITION * x - x**2),
    )
    slope = np.where(front, 1 / POSITION**2, 1 / (1 - POSITION) ** 2) * 2 * CAMBER * (POSITION - x)
    normal = np.stack([-slope, np.ones_like(x)], axis=1) / np.sqrt(1 + slope**2)[:, None]
    middle = np.stack([x, line], axis=1)
    return middle + thickness[:, None] * normal, middle - thickness[:, None] * normal


def write_msh(path):
    """The mesh in gmsh's format 2.2, which gmshToFoam reads."""
    gmsh.initialize()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("General.NumThreads", 1)
    geo, field = gmsh.model.geo, gmsh.model.mesh.field
    upper, lower = sides()
    nose = geo.addPoint(*upper[0], 0)
    tail = geo.addPoint(1, 0, 0)
    up = [nose, *(geo.addPoint(x, y, 0) for x, y in upper[1:-1]), tail]
    low = [nose, *(geo.addPoint(x, y, 0) for x, y in lower[1:-1]), tail]
    wall = [geo.addSpline(up), geo.addSpline(low)]
    centre = geo.addPoint(0.5, 0, 0)
    ring = [geo.addPoint(0.5 + RADIUS * c, RADIUS * s, 0) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    far = [geo.addCircleArc(ring[i], centre, ring[(i + 1) % 4]) for i in range(4)]
    surface = geo.addPlaneSurface([geo.addCurveLoop(far), geo.addCurveLoop([wall[0], -wall[1]])])
    geo.synchronize()

    layers = field.add("BoundaryLayer")
    field.setNumbers(layers, "CurvesList", wall)
    field.setNumbers(layers, "FanPointsList", [tail])
    for option, value in (("Size", FIRST_LAYER), ("Ratio", RATIO), ("Thickness", LAYERS_TO), ("Quads", 1)):
        field.setNumber(layers, option, value)
    field.setAsBoundaryLayer(layers)
    # cells grow with the distance from the wall, are fine at nose and tail, and in the wake
    sized = field.add("MathEval")
    nose_size = f"{NOSE_SIZE} + 0.12 * sqrt(x*x + y*y)"
    tail_size = f"{TAIL_SIZE} + 0.06 * sqrt((x-1)*(x-1) + y*y)"
    wall_size = f"min(min({WALL_SIZE}, {nose_size}), {tail_size})"
    away = "sqrt((x - min(1, max(0, x)))*(x - min(1, max(0, x))) + y*y)"
    field.setString(sized, "F", f"min({FAR_SIZE}, {wall_size} + 0.16 * {away})")
    wake = field.add("Box")
    extent = {"XMin": 1, "XMax": 3, "YMin": -0.15, "YMax": 0.15, "Thickness": 30}
    for option, value in {"VIn": 0.06, "VOut": FAR_SIZE, **extent}.items():
        field.setNumber(wake, option, value)
    least = field.add("Min")
    field.setNumbers(least, "FieldsList", [sized, wake])
    field.setAsBackgroundMesh(least)
    for option in ("MeshSizeExtendFromBoundary", "MeshSizeFromPoints", "MeshSizeFromCurvature"):
        gmsh.option.setNumber(f"Mesh.{option}", 0)
    gmsh.option.setNumber("Mesh.Algorithm", 6)
    thick = geo.extrude([(2, surface)], 0, 0, DEPTH, numElements=[1], recombine=True)
    geo.synchronize()
    sides_of = [tag for dimension, tag in thick if dimension == 2]
    gmsh.model.addPhysicalGroup(3, [tag for dimension, tag in thick if dimension == 3], name="air")
    for name, tags in (
        ("back", [surface]), ("front", sides_of[:1]), ("far", sides_of[1:5]), ("airfoil", sides_of[5:]),
    ):  # fmt: skip
        gmsh.model.addPhysicalGroup(2, tags, name=name)
    gmsh.model.mesh.generate(3)
    gmsh.option.setNumber("Mesh.MshFileVersion", 2.2)
    gmsh.write(str(path))
    gmsh.finalize()


def main():
    with tempfile.TemporaryDirectory() as name:
        case = Path(name)
        shutil.copytree(FOLDER / "case" / "system", case / "system")
        control = (case / "system" / "controlDict.j2").read_text()
        control = re.sub(r"functions\s*\{.*", "", re.sub(r"\{\{.*?\}\}", "1", control), flags=re.DOTALL)
        (case / "system" / "controlDict").write_text(control)
        write_msh(case / "airfoil.msh")

        def run(*command):
            subprocess.run(command, cwd=case, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)

        run("gmshToFoam", "airfoil.msh")
        boundary = case / "constant" / "polyMesh" / "boundary"
        text = boundary.read_text()
        for patch, kind in (("back", "empty"), ("front", "empty"), ("airfoil", "wall")):
            text = re.sub(rf"({patch}\s*\{{\s*type\s+)\w+;(\s*physicalType\s+\w+;)?", rf"\1{kind};", text)
        boundary.write_text(text)
        run("renumberMesh", "-overwrite", "-constant")
        stored = FOLDER / "case" / "constant" / "polyMesh"
        shutil.rmtree(stored, ignore_errors=True)
        stored.mkdir()
        hashes = {}
        for part in ("points", "faces", "owner", "neighbour", "boundary"):
            content = (case / "constant" / "polyMesh" / part).read_bytes()
            hashes[part] = hashlib.sha256(content).hexdigest()
            if part == "boundary":
                (stored / part).write_bytes(content)
            else:
                (stored / f"{part}.gz").write_bytes(gzip.compress(content, mtime=0))
        owner = gzip.decompress((stored / "owner.gz").read_bytes()).decode()
        cells = int(re.search(r"nCells:\s*(\d+)", owner)[1])
        version = re.search(r"Version:\s*(\S+)", owner)[1]
    origin = {
        "what": "NACA 2412 in a circle of 30 chords, one cell thick, chord 1 m",
        "made_by": "data/openfoam_airfoil/make_mesh.py",
        "generator": f"gmsh {gmsh.__version__}, gmshToFoam and renumberMesh of OpenFOAM " + version,
        "cells": cells,
        "sha256_of_the_unpacked_files": hashes,
        "licence": "made for this project; same licence",
    }
    (FOLDER / "mesh.json").write_text(json.dumps(origin, indent=2) + "\n")
    print(f"{cells} cells")


if __name__ == "__main__":
    main()
