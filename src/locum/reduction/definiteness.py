"""Whether a large sparse matrix is symmetric, and positive definite from the signs of its pivots."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

_SINGULAR = 1e-15  # smallest pivot over the largest
_SYMMETRY = 1e-10  # entries of A and its transpose may differ by this much of the largest


def is_symmetric(matrix: Any) -> bool:
    """Whether a sparse matrix is symmetric, up to the rounding of its assembly."""
    return bool(abs(matrix - matrix.T).max() <= _SYMMETRY * abs(matrix).max())


def is_definite(matrix: Any) -> bool:
    """Whether a symmetric sparse matrix is positive definite: an LU without pivoting has positive pivots."""
    try:
        factor = splu(
            sp.csc_matrix(matrix),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:  # SuperLU: "Factor is exactly singular"
        return False
    pivots = factor.U.diagonal()
    in_place = np.array_equal(factor.perm_r, factor.perm_c)
    return bool(in_place and pivots.min() > _SINGULAR * pivots.max())
