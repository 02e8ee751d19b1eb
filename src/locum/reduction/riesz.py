"""Functionals and their representatives: the norm that residuals are measured in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from locum.arrays import Array
from locum.exceptions import ModelError
from locum.reduction.inner_product import InnerProduct

_POWER_STEPS = 30


@dataclass(frozen=True, eq=False)
class RieszMap:
    """From functionals g on the unknowns to z with X z = g; X is factorised once."""

    inner_product: InnerProduct

    def __call__(self, functionals: Array) -> Array:
        """Representatives (k, N) of functionals as rows (k, N)."""
        matrix = self.inner_product.matrix
        if matrix is None:
            return functionals
        if matrix.ndim == 1:
            return np.asarray(functionals / matrix)
        solved: Array = self._factor.solve(np.ascontiguousarray(functionals.T))
        return np.ascontiguousarray(solved.T)

    def norm(self, functionals: Array) -> Array:
        """||g||_{X^-1} of functionals as rows (k, N), from their representatives: shape (k,)."""
        return self.inner_product.norms(self(functionals))

    def operator_norm(self, matrix: Any) -> float:
        """||D||: the largest of ||D v||_{X^-1} over ||v||_X = 1, by the power method on X^-1 D^T X^-1 D.

        From below, to a few per cent after its 30 steps.
        """
        vector = self(np.cos(np.arange(matrix.shape[0]))[None])
        norm = 0.0
        for _ in range(_POWER_STEPS):
            size = float(self.inner_product.norms(vector)[0])
            if not size:
                return 0.0
            image = self(np.asarray(matrix @ (vector[0] / size))[None])
            norm = float(self.inner_product.norms(image)[0])
            vector = self(np.asarray(matrix.T @ image[0])[None])
        return norm

    @cached_property
    def _factor(self) -> Any:
        return factorised(self.inner_product.matrix, "the inner product")


def factorised(matrix: Any, name: str) -> Any:
    """A sparse LU factorisation.

    Raises
    ------
    ModelError
        A singular matrix, by its name.
    """
    try:
        return splu(sp.csc_matrix(matrix), permc_spec="MMD_AT_PLUS_A")
    except RuntimeError as error:
        raise ModelError(f"{name} is singular and cannot be solved ({error})") from error
