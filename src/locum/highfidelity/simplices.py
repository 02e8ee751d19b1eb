"""Every element that solvers know as linear simplices between its own nodes.

locum interpolates fields linearly between nodes. A quadratic tetrahedron becomes eight linear ones, so that
each node, those on edges included, has its share of the volume and none is lost in a picture. Elements are
named, and their nodes numbered, as in meshio and VTK.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locum.arrays import AnyArray
from locum.exceptions import SimulationError

_HEXAHEDRON = "0126 0156 0236 0376 0456 0476"  # around the diagonal from node 0 to node 6
_QUADRATIC_TETRAHEDRON = "0467 1458 2569 3789 4567 4578 5679 5789"  # corners, then around the edge 5 7
# the last three are Delaunay's
_QUADRATIC_PYRAMID = "0589 156a 267b 378c 49ab 49bc 567a 5789 579a 67ab 789c 79ac 7abc"
_QUADRATIC_WEDGE = "067c 078c 167d 278e 39ac 3abc 49ad 5abe 67cd 78ce 7acd 7ace 9acd abce"
_QUADRATIC_HEXAHEDRON = (
    "08bg 189h 29ai 3abj 4cfg 5cdh 6dei 7efj 89ai 89dh 89di 8abj 8aij 8bfg 8bfj 8cdf 8cdh 8cfg 8def 8dei "
    "8efj 8eij"
)
# nodes of each simplex in the alphabet 0-9, a-z
_SPLIT = {
    "line": "01",
    "line3": "02 21",
    "triangle": "012",
    "triangle6": "035 314 542 345",
    "quad": "012 023",
    "quad8": "047 415 526 637 456 467",
    "quad9": "048 087 418 158 528 268 638 378",
    "tetra": "0123",
    "tetra10": _QUADRATIC_TETRAHEDRON,
    "pyramid": "0124 0234",
    "pyramid13": _QUADRATIC_PYRAMID,
    "wedge": "0125 0145 0345",
    "wedge15": _QUADRATIC_WEDGE,
    "hexahedron": _HEXAHEDRON,
    "hexahedron20": _QUADRATIC_HEXAHEDRON,
}


def simplices(blocks: Sequence[tuple[str, AnyArray]]) -> AnyArray | None:
    """Split elements into lines, triangles or tetrahedra.

    Parameters
    ----------
    blocks
        Pairs of an element's name and the node numbers of its elements, shape (M, nodes of one).

    Returns
    -------
    array or None
        Node numbers (K, 2), (K, 3) or (K, 4) of the simplices of the highest dimension that there is; lower
        ones (the skin of a body) are left out. None where there are no elements.

    Raises
    ------
    SimulationError
        An element that is not known here.
    """
    parts = [_split(name, np.asarray(cells, dtype=np.int64)) for name, cells in blocks if name != "vertex"]
    parts = [part for part in parts if len(part)]
    if not parts:
        return None
    most = max(part.shape[1] for part in parts)
    return np.concatenate([part for part in parts if part.shape[1] == most])


def _split(name: str, cells: AnyArray) -> AnyArray:
    if name not in _SPLIT:
        raise SimulationError(
            f"the mesh has elements {name!r}; locum knows {', '.join(sorted(_SPLIT))}", "output malformed"
        )
    table = np.array([[int(node, 36) for node in word] for word in _SPLIT[name].split()])
    if cells.ndim != 2 or cells.shape[1] <= table.max():
        raise SimulationError(
            f"elements {name!r} need {table.max() + 1} nodes each, got an array of shape {cells.shape}",
            "output malformed",
        )
    return np.asarray(cells[:, table].reshape(-1, table.shape[1]))
