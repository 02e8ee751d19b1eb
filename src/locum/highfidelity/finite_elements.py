"""Piecewise linear finite elements on lines, triangles and tetrahedra: vectorised kernels without a
framework.

Simplices may lie in a space of higher dimension (a curved surface in 3-D). Formulas: Larson and Bengzon, *The
Finite Element Method* (2013), chapters 3 and 4.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp

from locum.arrays import AnyArray, Array
from locum.exceptions import ModelError
from locum.highfidelity.mesh import Mesh


def measures(points: Array, simplices: AnyArray) -> Array:
    """Length, area or volume of each simplex (M,) for points (N, d) and simplices (M, k), k <= d + 1."""
    edges = points[simplices[:, 1:]] - points[simplices[:, :1]]
    gram = edges @ edges.transpose(0, 2, 1)
    volume: Array = np.sqrt(np.maximum(np.linalg.det(gram), 0.0)) / math.factorial(simplices.shape[1] - 1)
    return volume


def shape_gradients(points: Array, simplices: AnyArray) -> Array:
    """Gradients of the shape functions, shape (M, k, d): they lie in the plane of their simplex."""
    edges = points[simplices[:, 1:]] - points[simplices[:, :1]]
    gradients = np.linalg.pinv(edges).transpose(0, 2, 1)
    return np.concatenate([-gradients.sum(axis=1, keepdims=True), gradients], axis=1)


def stiffness(points: Array, simplices: AnyArray, coefficient: Array | float = 1.0) -> Any:
    """Sparse (N, N) matrix of the integral of ``coefficient`` grad v . grad u; one number, or (M,)."""
    gradients = shape_gradients(points, simplices)
    local = gradients @ gradients.transpose(0, 2, 1)
    return assembled(
        local * (coefficient * measures(points, simplices))[:, None, None], simplices, len(points)
    )


def mass(points: Array, simplices: AnyArray) -> Any:
    """Consistent mass matrix, sparse CSR (N, N): the L2 inner product of piecewise linear fields, exactly."""
    k = simplices.shape[1]
    local = (np.ones((k, k)) + np.eye(k)) / (k * (k + 1))
    return assembled(local * measures(points, simplices)[:, None, None], simplices, len(points))


def lumped(points: Array, simplices: AnyArray, density: Array | float = 1.0) -> Array:
    """Diagonal of the lumped mass matrix, shape (N,): each simplex shares its measure among its nodes.

    ``density`` is one number, or one for each node of each simplex, shape (M, k).
    """
    share = (
        measures(points, simplices)[:, None] / simplices.shape[1] * np.broadcast_to(density, simplices.shape)
    )
    weights: Array = np.bincount(simplices.ravel(), share.ravel(), minlength=len(points)).astype(np.float64)
    return weights


def assembled(local: Array, simplices: AnyArray, nodes: int) -> Any:
    """Sum local matrices (M, k, k) into one sparse CSR matrix (nodes, nodes)."""
    k = simplices.shape[1]
    rows, columns = np.repeat(simplices, k, axis=1), np.tile(simplices, (1, k))
    return sp.csr_matrix((local.ravel(), (rows.ravel(), columns.ravel())), shape=(nodes, nodes))


def lumped_mass(mesh: Mesh) -> Array | None:
    """Lumped L2 mass of a mesh of lines, triangles or tetrahedra: what weighs a field where its model does
    not say.

    Returns
    -------
    Array or None
        Weights (N,), all positive; None for a cloud of points and for cells that are not simplices.

    Raises
    ------
    ModelError
        A node that belongs to no cell of positive size, which would weigh nothing.
    """
    if mesh.cells is None or not 2 <= mesh.cells.shape[1] <= mesh.dimension + 1:
        return None
    weights = lumped(mesh.points, mesh.cells)
    if not (weights > 0).all():
        raise ModelError(
            f"mesh: node {int(np.argmin(weights))} belongs to no cell of positive size; "
            "remove it or add its cell"
        )
    return weights
