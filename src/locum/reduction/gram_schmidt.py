"""Gram-Schmidt in an inner product, repeated until it holds.

One pass leaves rows that are orthogonal only up to rounding over what cancelled: a row whose remainder is a
millionth of it comes out with ten digits of orthogonality instead of sixteen. A second pass on the normalised
remainder mends that ("twice is enough", Giraud, Langou and Rozloznik, Comput. Math. Appl. 50, 2005); error
bounds need it (Buhr, Engwer, Ohlberger and Rave, WCCM 2014, arXiv 1407.8005, algorithm 1).
"""

from __future__ import annotations

import numpy as np

from locum.arrays import Array
from locum.reduction.inner_product import InnerProduct

# A remainder below this share of its row is rounding and spans nothing.
DEPENDENT = 1e-13
_KEPT = 0.1  # remainder over row above which a pass has lost no more than one digit
_PASSES = 5


def orthonormal_extension(
    known: Array, rows: Array, inner_product: InnerProduct, rtol: float = DEPENDENT
) -> tuple[Array, Array]:
    """Orthonormal rows that together with known ones span further rows.

    Parameters
    ----------
    known
        Orthonormal rows, shape (k, N).
    rows
        What is to be spanned, shape (l, N).
    inner_product
        X.
    rtol
        A row whose remainder is below this share of its norm adds no direction.

    Returns
    -------
    tuple of arrays
        All orthonormal rows, the known ones first, shape (k + a, N) with a <= l; and the coefficients
        (l, k + a) with ``rows = coefficients @ orthonormal`` up to ``rtol`` and rounding.
    """
    norms = inner_product.norms(rows)
    old = len(known)
    basis = np.concatenate([known, np.zeros_like(rows)])
    duals = np.concatenate([inner_product.apply(known), np.zeros_like(rows)])
    coefficients = np.zeros((len(rows), len(basis)))
    remainders = rows.copy()
    for _ in range(2 if old else 0):  # the bulk of the work, as products of matrices
        found = remainders @ duals[:old].T
        remainders -= found @ basis[:old]
        coefficients[:, :old] += found
    count = old
    for row, remainder in enumerate(remainders):
        before, first = _norm(remainder, inner_product), old
        for _ in range(_PASSES):
            found = duals[first:count] @ remainder
            remainder = remainder - found @ basis[first:count]
            coefficients[row, first:count] += found
            size, before = before, _norm(remainder, inner_product)
            if before > _KEPT * size or not before:
                break
            first = 0  # much has cancelled: what was orthogonal to the known rows no longer is
        if before > rtol * norms[row]:
            coefficients[row, count] = before
            basis[count] = remainder / before
            duals[count] = inner_product.apply(basis[count : count + 1])[0]
            count += 1
    return basis[:count].copy(), coefficients[:, :count].copy()


def _norm(row: Array, inner_product: InnerProduct) -> float:
    return float(inner_product.norms(row[None])[0])
